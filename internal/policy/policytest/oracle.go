package policytest

import (
	"fmt"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// Declared are the variables that criteria of RandomPair may read beyond the
// built-in ones: name to type.
var Declared = map[string]string{
	"scripts.open": "bool", "scripts.stock": "int", "scripts.state": "string",
	"device.agent": "bool", "device.uptime": "int", "device.vendor": "string",
}

// Oracle is cel-go, evaluating the CEL of a Pair.
type Oracle struct{ program cel.Program }

// NewOracle compiles plain CEL.
func NewOracle(src string) (Oracle, error) {
	env, err := environment()
	if err != nil {
		return Oracle{}, err
	}
	compiling.Lock()
	defer compiling.Unlock()
	a, issues := env.Compile(src)
	if issues.Err() != nil {
		return Oracle{}, fmt.Errorf("compile %s: %w", src, issues.Err())
	}
	p, err := env.Program(a)
	if err != nil {
		return Oracle{}, fmt.Errorf("plan %s: %w", src, err)
	}
	return Oracle{p}, nil
}

// environment is made once: it takes milliseconds.
var environment = sync.OnceValues(newEnvironment)

// compiling guards it, see policy's checking.
var compiling sync.Mutex

func newEnvironment() (*cel.Env, error) {
	opts := []cel.EnvOption{ext.Network(), cel.Variable("risk", cel.IntType), cel.Variable("now", cel.TimestampType)}
	declare := func(t *cel.Type, names ...string) {
		for _, name := range names {
			opts = append(opts, cel.Variable(name, t))
		}
	}
	for _, k := range kinds {
		declare(cel.TimestampType, "responses."+string(k))
	}
	declare(cel.StringType, "user.name", "system.address", "device.os_name", "device.os_version", "device.hostname", "device.kernel", "device.client_version")
	declare(cel.BoolType, "device.firewall", "device.disk_encryption", "device.screen_lock", "device.admin")
	declare(cel.ListType(cel.StringType), "user.groups", "device.addresses")
	for name, t := range Declared {
		declare(map[string]*cel.Type{"bool": cel.BoolType, "int": cel.IntType, "string": cel.StringType}[t], name)
	}
	return cel.NewEnv(opts...)
}

// Vars is what cel-go reads of claims; a claim that is missing is not there.
func Vars(c *Claims) map[string]any {
	m := map[string]any{"user.groups": c.User.Groups}
	for k, v := range c.Responses {
		m["responses."+string(k)] = v
	}
	for k, v := range c.Device {
		if f, ok := v.(float64); ok {
			v = int64(f)
		}
		m["device."+k] = v
	}
	for k, v := range c.Scripts {
		m["scripts."+k] = v
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

// Judge is the verdict at that instant, which it writes into the vars.
func (o Oracle) Judge(vars map[string]any, at time.Time) (allow, known bool) {
	vars["now"] = at
	return o.Eval(vars)
}

// Eval is the verdict on the vars. It is not known where CEL reports an error,
// which is what a missing claim is to it.
func (o Oracle) Eval(vars map[string]any) (allow, known bool) {
	v, _, err := o.program.Eval(vars)
	if err != nil {
		return false, false
	}
	return v.Value() == true, true
}
