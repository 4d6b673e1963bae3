//go:build linux

package stack

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// router is a data plane that does as the test says. Its hosts have addresses
// in both pools.
type router struct {
	carry   func(ctx context.Context, o front.Offer)
	packets func(ctx context.Context, t front.Target) (front.Packets, error)
	echo    func(ctx context.Context, t front.Target, payload int) error

	mu    sync.Mutex
	asked []front.Target
}

func (r *router) note(t front.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, t)
}

func (r *router) calls() []front.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]front.Target(nil), r.asked...)
}

// Covers implements front.Router: one plain address is ours.
func (r *router) Covers(t front.Target) bool { return t.Host == "100.96.9.9" }

func (r *router) Carry(ctx context.Context, o front.Offer) {
	r.note(o.Target)
	if r.carry == nil {
		o.Refuse(&wire.Problem{Code: wire.CodeAppRefused})
		return
	}
	r.carry(ctx, o)
}

func (r *router) Packets(ctx context.Context, t front.Target) (front.Packets, error) {
	r.note(t)
	if r.packets == nil {
		return nil, &wire.Problem{Code: wire.CodeDenied}
	}
	return r.packets(ctx, t)
}

func (r *router) Echo(ctx context.Context, t front.Target, payload int) error {
	r.note(t)
	if r.echo == nil {
		return nil
	}
	return r.echo(ctx, t, payload)
}

// names are a few hosts: the address's last byte names them.
type names struct{}

var hosts = map[byte]string{1: "wiki.example", 2: "shut.example", 3: "away.example", 4: "denied.example"}

func (names) Host(a netip.Addr) (string, bool) {
	b := a.AsSlice()
	if !pool4.Contains(a) && !pool6.Contains(a) || b[len(b)-2] != 0 {
		return "", false
	}
	h, ok := hosts[b[len(b)-1]]
	return h, ok
}

// addresses of a host, IPv4 and IPv6.
func addresses(n byte) []netip.Addr {
	v6 := pool6.Addr().As16()
	v6[15] = n
	return []netip.Addr{netip.AddrFrom4([4]byte{100, 96, 0, n}), netip.AddrFrom16(v6)}
}

// start runs a stack over a new device until the test ends.
func start(t testing.TB, r *router, adjust func(*Options)) (stop func() error) {
	t.Helper()
	o := Options{Device: device(t), Router: r, Names: names{}}
	if adjust != nil {
		adjust(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(o).Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(wait):
			return errors.New("it does not end")
		}
	})
	t.Cleanup(func() {
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	return stop
}

// wait is how long anything may take on a busy machine.
const wait = time.Minute

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, wait)
		}
	}
}
