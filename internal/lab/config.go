package lab

import (
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Config is a lab's configuration file: one resource of kind Lab. What it
// leaves out is as in the built-in one, lab.yaml.
type Config struct {
	// Organisation is the controller's name for people.
	Organisation string `yaml:"organisation"`
	// Settings shorten idle time, stamp rounding and warning lead.
	Settings wire.Settings `yaml:"settings"`
	// MFALifetime is how long a one-time code is good for the applications
	// that want one.
	MFALifetime wire.Duration `yaml:"mfaLifetime"`
	// MinInteractionLifetime is the shortest lifetime that a condition may name.
	MinInteractionLifetime wire.Duration `yaml:"minInteractionLifetime"`
	// Lockout is how long five wrong answers lock a user out.
	Lockout wire.Duration `yaml:"lockout"`
	// People can sign in; each gets an enrolment link.
	People []Person `yaml:"people"`
}

// Person is a user of the lab. The password stands in clear, here only: a lab
// holds nothing worth keeping.
type Person struct {
	Name        string   `yaml:"name"`
	DisplayName string   `yaml:"displayName"`
	Password    string   `yaml:"password"`
	TOTP        string   `yaml:"totp"` // base32
	Groups      []string `yaml:"groups"`
	// Code asks for a one-time code at sign-in too.
	Code bool `yaml:"code"`
}

//go:embed lab.yaml
var builtin []byte

// DefaultConfig is the built-in configuration.
func DefaultConfig() Config {
	c, err := parseConfig(Config{}, "lab.yaml", builtin)
	if err != nil {
		panic(err) // a test reads it
	}
	return c
}

// LoadConfig reads a configuration file over the built-in one.
func LoadConfig(file string) (Config, error) {
	docs, err := resource.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	return decodeConfig(DefaultConfig(), file, docs)
}

func parseConfig(c Config, name string, data []byte) (Config, error) {
	docs, err := resource.Parse(name, data)
	if err != nil {
		return Config{}, err
	}
	return decodeConfig(c, name, docs)
}

func decodeConfig(c Config, name string, docs []*resource.Document) (Config, error) {
	if len(docs) != 1 || docs[0].Kind != "Lab" {
		return Config{}, &resource.Error{File: name, Msg: "a lab's file holds one resource, of kind Lab"}
	}
	d := docs[0]
	if err := d.Decode(&c); err != nil {
		return Config{}, err
	}
	var errs resource.Errors
	if c.MFALifetime <= c.Settings.WarningLead {
		errs.Add(d.At("mfaLifetime").Errorf("mfaLifetime is %s, no longer than the warning's lead of %s: it would ask all the time; write more", c.MFALifetime, c.Settings.WarningLead))
	}
	for i, p := range c.People {
		if err := wire.CheckID(p.Name); err != nil {
			errs.Add(d.At("people", i, "name").Errorf("name: %v", err))
		}
		if p.Password == "" {
			errs.Add(d.At("people", i, "password").Errorf("password is missing; write one, in clear"))
		}
	}
	if len(c.People) == 0 {
		errs.Add(d.At("people").Errorf("people is empty; write at least one"))
	}
	return c, errs.Err()
}

// Person finds a person by name.
func (c Config) Person(name string) (Person, error) {
	i := slices.IndexFunc(c.People, func(p Person) bool { return p.Name == name })
	if i < 0 {
		return Person{}, fmt.Errorf("nobody is called %q here", name)
	}
	return c.People[i], nil
}

// Quick are settings for tests and the scripted tour: everything that takes
// minutes takes seconds. The clock is the real one.
func (c Config) Quick() Config {
	c.Settings = wire.Settings{
		Idle:          wire.Duration(3 * time.Second),
		RideThrough:   wire.Duration(5 * time.Second),
		StampRounding: wire.Duration(time.Second),
		WarningLead:   wire.Duration(6 * time.Second),
	}
	c.MFALifetime = wire.Duration(10 * time.Second)
	c.MinInteractionLifetime = wire.Duration(time.Second)
	return c
}
