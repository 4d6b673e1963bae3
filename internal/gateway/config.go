package gateway

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Config is a gateway's configuration file: one resource of kind Gateway.
//
//	apiVersion: tidegate.org/v1
//	kind: Gateway
//	metadata: {name: north-1}
//	spec:
//	  site: north
//	  listen: 0.0.0.0:8444
//	  enrolment: tidegate:enrol?controller=...&ca=...&code=...
//	  state: /var/lib/tidegate/gateway
//	  resolveEvery: 60s
//	  drain: 5s
//	  limits: {flows: 4096, flowRate: 4000}
//	  hosts:
//	    wiki.corp.example: 127.0.0.1:9001
type Config struct {
	// Name is metadata.name; audit records and Proxy-Status carry it.
	Name string `yaml:"-"`
	// Site is the site whose tokens are accepted.
	Site wire.SiteID `yaml:"site"`
	// Listen is the UDP address of the data channels.
	Listen string `yaml:"listen"`
	// Enrolment is an enrolment link, redeemed once. It may be empty once State
	// holds a certificate.
	Enrolment string `yaml:"enrolment,secret"`
	// State is the folder for the gateway's key, its certificate and what it
	// must know while the controller is away. Relative paths begin at the file.
	State string `yaml:"state"`
	// Hosts says where names lead, before the system's resolver is asked: from
	// "name" or "name:port" to an address, or to host:port. What stands here may
	// be on the gateway's own machine.
	Hosts map[string]string `yaml:"hosts"`
	// ResolveEvery is how often the names in the rules are looked up; 0: every 60
	// seconds (seed 003).
	ResolveEvery wire.Duration `yaml:"resolveEvery"`
	// Drain is how long open flows may go on when the gateway is told to end, and
	// new ones find another gateway; a file that does not say means 5 seconds.
	Drain wire.Duration `yaml:"drain"`
	// Limits bound what one session may cost the others.
	Limits Limits `yaml:"limits"`
}

// LoadConfig reads a configuration file. Its errors name file, line and column
// and what to write instead.
func LoadConfig(file string) (Config, error) {
	docs, err := resource.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	var errs resource.Errors
	var c Config
	if len(docs) != 1 {
		errs.Add(&resource.Error{File: file, Msg: "a gateway's file holds one resource, of kind Gateway; move the others elsewhere"})
		return c, errs.Err()
	}
	d := docs[0]
	if d.Kind != "Gateway" {
		errs.Add(d.AtKind().Errorf("kind %s is not a gateway's; write Gateway", d.Kind))
		return c, errs.Err()
	}
	if err := d.Decode(&c); err != nil {
		return Config{}, err
	}
	c.Name = d.Name
	c.check(d, &errs)
	if !filepath.IsAbs(c.State) {
		c.State = filepath.Join(filepath.Dir(file), c.State)
	}
	return c, errs.Err()
}

func (c *Config) check(d *resource.Document, errs *resource.Errors) {
	if err := wire.CheckID(string(c.Site)); err != nil {
		errs.Add(d.At("site").Errorf("site: %v", err))
	}
	if _, _, ok := splitHostPort(c.Listen); !ok {
		errs.Add(d.At("listen").Errorf("listen is %q; write an address and a UDP port, for example 0.0.0.0:8444", c.Listen))
	}
	if c.State == "" {
		errs.Add(d.At("state").Errorf("state is missing; write a folder for the gateway's key and certificate"))
	}
	if d.Has("resolveEvery") && c.ResolveEvery.D() < time.Second {
		errs.Add(d.At("resolveEvery").Errorf("resolveEvery is %s; write a second or longer, for example 60s", c.ResolveEvery))
	}
	if !d.Has("drain") {
		c.Drain = wire.Duration(defaultDrain)
	} else if c.Drain < 0 || c.Drain.D() > time.Hour {
		errs.Add(d.At("drain").Errorf("drain is %s; write a duration from 0s to 1h, for example 5s", c.Drain))
	}
	c.Limits.check(d, errs)
	if c.Enrolment != "" {
		if _, err := wire.ParseEnrolmentLink(c.Enrolment); err != nil {
			errs.Add(d.At("enrolment").Errorf("enrolment: %v", err))
		}
	}
	names := make([]string, 0, len(c.Hosts))
	for name := range c.Hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, err := parseHosts(map[string]string{name: c.Hosts[name]}); err != nil {
			errs.Add(d.At("hosts", name).Errorf("%v", err))
		}
	}
}

// splitHostPort splits host:port; the port may be 0.
func splitHostPort(s string) (host string, port uint16, ok bool) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return host, uint16(n), err == nil
}

// listenAddr is the address to listen on.
func (c *Config) listenAddr() (*net.UDPAddr, error) {
	if a, err := netip.ParseAddrPort(c.Listen); err == nil {
		return net.UDPAddrFromAddrPort(a), nil
	}
	return net.ResolveUDPAddr("udp", c.Listen)
}
