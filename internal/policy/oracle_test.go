package policy

import (
	"testing"
	"time"

	"cel.dev/cel-go/cel"
)

// oracle is cel-go itself, evaluating a criterion in which within and during
// have been written out in CEL's own words.
type oracle struct{ program cel.Program }

func newOracle(t testing.TB, src string) oracle {
	t.Helper()
	var opts []cel.EnvOption
	for _, v := range variables {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		t.Fatal(err)
	}
	a, issues := env.Compile(src)
	if issues.Err() != nil {
		t.Fatalf("oracle %s: %v", src, issues.Err())
	}
	p, err := env.Program(a)
	if err != nil {
		t.Fatal(err)
	}
	return oracle{p}
}

// vars is an activation without the claims that are missing.
func vars(c *Claims) map[string]any {
	m := map[string]any{"user.groups": c.User.Groups}
	for k, v := range c.Responses {
		m["responses."+string(k)] = v
	}
	for k, v := range c.Device {
		m["device."+k] = v
	}
	if c.User.Name != "" {
		m["user.name"] = c.User.Name
	}
	if c.System.Address != "" {
		m["system.address"] = c.System.Address
	}
	if c.Risk != nil {
		m["risk"] = *c.Risk
	}
	return m
}

// judge is unknown on CEL's errors, which is what a missing claim is to it.
func (o oracle) judge(m map[string]any, at time.Time) truth {
	m["now"] = at
	v, _, err := o.program.Eval(m)
	if err != nil {
		return unknown
	}
	return truthOf(v.Value() == true)
}

func (o oracle) allow(m map[string]any, at time.Time) bool { return o.judge(m, at) == isTrue }
