package policycase

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// claims are the case's, as a gateway would have them.
func (c *Case) claims(conf *config.Config, u *config.User) (*policy.Claims, error) {
	var errs resource.Errors
	s := c.spec.Claims
	risk := wire.RiskLow
	if s.Risk != nil {
		risk = *s.Risk
	}
	out := &policy.Claims{
		User:      wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
		System:    wire.SystemClaims{Address: s.Address},
		Responses: map[wire.InteractionKind]time.Time{},
		Risk:      &risk,
	}
	if _, err := netip.ParseAddr(s.Address); s.Address != "" && err != nil {
		errs.Add(c.doc.At("claims", "address").Errorf("%q is not an address; write for example 192.0.2.7", s.Address))
	}
	for k, text := range s.Responses {
		at, err := c.answered(string(text))
		if err != nil {
			return nil, err // Load has refused it
		}
		out.Responses[k] = policy.Stamp(at, conf.Settings.StampRounding.D())
	}
	vars := conf.Variables()
	var err error
	out.Device, err = c.values("device", s.Device, vars)
	errs.Add(err)
	out.Scripts, err = c.values("scripts", s.Scripts, vars)
	errs.Add(err)
	return out, errs.Err()
}

// values reads claims of an origin, each of which some criteria could read.
func (c *Case) values(origin string, nodes map[string]*yaml.Node, vars []policy.Variable) (map[string]any, error) {
	var errs resource.Errors
	out := map[string]any{}
	for key, n := range nodes {
		at := c.doc.At("claims", origin, key)
		name := origin + "." + wire.Variable(key)
		value, test := read(n)
		if value == nil {
			errs.Add(at.Errorf("%s is true or false, a whole number, a text or a list of texts; write one of them", name))
			continue
		}
		if _, err := policy.CompileWith(name+" == "+name, vars); err != nil {
			errs.Add(at.Errorf("no criteria could read %s; declare a CriteriaScript for scripts.NAME or a DeviceClaim for device.NAME, or correct the name", name))
		} else if _, err := policy.CompileWith(fmt.Sprintf(test, name), vars); err != nil {
			errs.Add(at.Errorf("%s is of another type and would count as missing; write the type that is declared", name))
		}
		out[wire.Variable(key)] = value
	}
	return out, errs.Err()
}

// read is a value as criteria read it, and criteria that only a claim of its
// type can be put into.
func read(n *yaml.Node) (value any, test string) {
	if n == nil {
		return nil, ""
	}
	if n.Kind == yaml.SequenceNode {
		list := []string{}
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, ""
			}
			list = append(list, item.Value)
		}
		return list, `"" in %s`
	}
	if n.Kind != yaml.ScalarNode {
		return nil, ""
	}
	switch n.ShortTag() {
	case "!!bool":
		return n.Value == "true", "!%s"
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			return nil, ""
		}
		return i, "%s < 0"
	case "!!float", "!!null":
		return nil, ""
	}
	return n.Value, `%s == "a"`
}
