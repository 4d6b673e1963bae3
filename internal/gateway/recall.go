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
	if p != nil {
		if err := g.registry.apply(string(p), g.now()); err != nil {
			return err
		}
	}
	b, err = g.state.read(fileScripts)
	if err != nil {
		return fmt.Errorf("read scripts: %w", err)
	}
	if b == nil {
		return nil
	}
	_, err = g.takeScripts(string(b))
	return err
}

// learn takes a policy from the controller and keeps it. It takes effect before
// it is on disk, and where it cannot be put there.
func (g *Gateway) learn(token string) error {
	if err := g.registry.apply(token, g.now()); err != nil {
		return err
	}
	if err := g.state.write(filePolicy, []byte(token)); err != nil {
		g.log.Error("the policy is not kept; a restart without the controller would forget it", "error", err)
	}
	return nil
}

// learnScripts takes the scripts from the controller and keeps them, like a
// policy, and has the sessions that use one that is another now run it.
func (g *Gateway) learnScripts(token string) error {
	changed, err := g.takeScripts(token)
	if err != nil {
		return err
	}
	if err := g.state.write(fileScripts, []byte(token)); err != nil {
		g.log.Error("the scripts are not kept; a restart without the controller would forget them", "error", err)
	}
	if changed {
		for _, s := range g.registry.all() {
			s.call(s.reequip)
		}
	}
	return nil
}

func (g *Gateway) takeScripts(token string) (changed bool, err error) {
	t, err := g.registry.trusted().VerifyScripts(token)
	if err != nil {
		return false, err
	}
	return g.library.apply(t)
}

func (g *Gateway) newUplink(id *identity) *uplink {
	rt := g.uplink
	if rt == nil {
		rt = &http.Transport{TLSClientConfig: id.clientTLS(), ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: time.Minute}
	}
	return &uplink{
		base: "https://" + id.controller, name: g.config.Name, run: g.run, log: g.log, state: g.state, audit: g.audit,
		keys: g.registry.setKeys, policy: g.learn, scripts: g.learnScripts,
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

var _ http.Handler = (*Gateway)(nil)
