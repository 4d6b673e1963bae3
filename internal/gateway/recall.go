package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/internal/wire"
)

// recall loads what the gateway knew when it last ran, so that it serves while
// the controller is away.
func (g *Gateway) recall() error {
	b, err := g.state.read(fileKeys)
	if err != nil {
		return fmt.Errorf("read controller keys: %w", err)
	}
	if b == nil {
		return nil
	}
	keys, err := parseKeys(b)
	if err != nil {
		return err
	}
	g.registry.setKeys(keys)
	p, err := g.state.read(filePolicy)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	if p == nil {
		return nil
	}
	return g.registry.apply(string(p), time.Now())
}

// learn takes a policy from the controller and keeps it. It takes effect before
// it is on disk, and where it cannot be put there.
func (g *Gateway) learn(token string) error {
	if err := g.registry.apply(token, time.Now()); err != nil {
		return err
	}
	if err := g.state.write(filePolicy, []byte(token)); err != nil {
		g.log.Error("the policy is not kept; a restart without the controller would forget it", "error", err)
	}
	return nil
}

func (g *Gateway) newUplink(id *identity) *uplink {
	rt := g.uplink
	if rt == nil {
		rt = &http.Transport{TLSClientConfig: id.clientTLS(), ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: time.Minute}
	}
	return &uplink{
		base: "https://" + id.controller, name: g.config.Name, log: g.log, state: g.state, audit: g.audit,
		keys: g.registry.setKeys, policy: g.learn,
		client: &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// resetKey makes clients of a gateway that has restarted notice at once.
func (f folder) resetKey() (quic.StatelessResetKey, error) {
	var key quic.StatelessResetKey
	b, err := f.read(fileReset)
	if err != nil {
		return key, fmt.Errorf("read %s: %w", fileReset, err)
	}
	if len(b) == len(key) {
		copy(key[:], b)
		return key, nil
	}
	rand.Read(key[:]) // never fails (crypto/rand, Go 1.24)
	return key, f.write(fileReset, key[:])
}

// ownAddrs lists where names must not lead: this machine, and the controller as
// its name resolves when the gateway starts.
func ownAddrs(ctx context.Context, controllerAt string) func() []netip.AddrPort {
	var controller []netip.AddrPort
	host, port, _ := splitHostPort(controllerAt)
	if a, err := netip.ParseAddr(host); err == nil {
		controller = append(controller, netip.AddrPortFrom(a.Unmap(), port))
	} else {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // not resolved: not reached either
		for _, a := range addrs {
			controller = append(controller, netip.AddrPortFrom(a.Unmap(), port))
		}
	}
	return func() []netip.AddrPort {
		out := controller[:len(controller):len(controller)]
		for _, a := range localAddrs() {
			out = append(out, netip.AddrPortFrom(a, 0))
		}
		return out
	}
}

const (
	clockEvery = 10 * time.Second
	clockStep  = time.Second
)

// watchClock judges every session anew when the wall clock has been set: timers
// follow the monotonic clock, leases the wall.
func (g *Gateway) watchClock(ctx context.Context) {
	t := time.NewTicker(clockEvery)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		step := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
		last = now
		if step.Abs() < clockStep {
			continue
		}
		g.log.Warn("the clock was set", "by", step)
		for _, s := range g.registry.all() {
			s.call(func() { s.judge(wire.TriggerClock) })
		}
	}
}

var _ http.Handler = (*Gateway)(nil)
