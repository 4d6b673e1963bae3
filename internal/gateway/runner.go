package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/script"
	"github.com/tidegate/tidegate/internal/wire"
)

// runsAtOnce is how many scripts run at a time in the whole gateway.
const runsAtOnce = 16

// runner runs scripts, each on a goroutine of its own.
type runner struct {
	slots chan struct{}
	wg    sync.WaitGroup
	now   clock
}

func newRunner(now clock) *runner { return &runner{slots: make(chan struct{}, runsAtOnce), now: now} }

// run runs p on the claims, of which device are the device's as it reported
// them, and hands over what it yielded, until ctx is over.
func (r *runner) run(ctx context.Context, p *program, claims *policy.Claims, device wire.DeviceClaims, done func(result)) {
	r.wg.Go(func() {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		out := p.run(ctx, inputOf(claims, device, r.now()))
		<-r.slots
		if ctx.Err() == nil {
			done(out)
		}
	})
}

// result is what a run of a script yielded.
type result struct {
	value any      // of a criteria script: bool, int64 or string
	hosts []string // of an entitlement script
	err   error    // in words; nothing counts then
}

func (p *program) run(ctx context.Context, in script.Input) result {
	if p.code == nil {
		return result{err: p.wrong}
	}
	v, err := p.code.Run(ctx, in, script.Limits{Time: p.Timeout.D(), Allow: p.HTTP, Transport: p.transport})
	if err != nil {
		return result{err: err}
	}
	if p.Kind == wire.ScriptEntitlement {
		hosts, err := v.Hosts()
		return result{hosts: hosts, err: err}
	}
	return valueOf(p.Type, v)
}

// valueOf is a criteria script's value as the type it was declared with.
func valueOf(typ string, v script.Value) (out result) {
	switch policy.VarType(typ) {
	case policy.TypeBool:
		out.value, out.err = v.Bool()
	case policy.TypeInt:
		out.value, out.err = v.Int()
	case policy.TypeString:
		out.value, out.err = v.Text()
	default:
		out.err = fmt.Errorf("the script's type %q is not known here; write bool, int or string", typ)
	}
	return out
}

// inputOf is what scripts may read.
func inputOf(c *policy.Claims, device wire.DeviceClaims, now time.Time) script.Input {
	in := script.Input{
		User:   script.User{Name: c.User.Name, DisplayName: c.User.DisplayName, Groups: c.User.Groups},
		System: script.System{Address: c.System.Address}, Risk: c.Risk, Now: now,
		Device: make(map[string]any, len(device)), Responses: make(map[string]time.Time, len(c.Responses)),
	}
	for name, v := range device {
		if plainClaim(v) {
			in.Device[name] = v
		}
	}
	for kind, at := range c.Responses {
		in.Responses[string(kind)] = at
	}
	return in
}

// plainClaim says whether a device claim is of a type that claims have.
func plainClaim(v any) bool {
	switch v := v.(type) {
	case bool, string, float64, int, int64, []string:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { _, text := item.(string); return !text })
	}
	return false
}
