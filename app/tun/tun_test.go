//go:build linux

package tun

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a helper and what carries, which note what they are asked.
type fake struct {
	mu    sync.Mutex
	notes []string
	open  error
	apply error
	gone  chan error // ends carrying
	no6   bool
	lost  error                   // instead of the controller's address
	names map[string][]netip.Addr // that resolve
	moved bool                    // the synthetic addresses are others
}

// pool is where the synthetic addresses are.
func (f *fake) pool() netip.Prefix {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.moved {
		return netip.MustParsePrefix("100.98.0.0/16")
	}
	return netip.MustParsePrefix("100.96.0.0/16")
}

func (f *fake) move(to bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moved = to
}

func (f *fake) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.names[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

// name has a host resolve to these; none: not at all.
func (f *fake) name(host string, addrs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil {
		f.names = map[string][]netip.Addr{}
	}
	delete(f.names, host)
	for _, a := range addrs {
		f.names[host] = append(f.names[host], netip.MustParseAddr(a))
	}
}

func (f *fake) note(format string, arg ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, fmt.Sprintf(format, arg...))
}

// took is what was noted since the last call.
func (f *fake) took() []string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.notes = nil }()
	return f.notes
}

func (f *fake) fail(open, apply error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open, f.apply = open, apply
}

func (f *fake) errs() (open, apply error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open, f.apply
}

func (f *fake) OpenTUN(context.Context) (*client.Device, error) {
	f.note("open")
	if err, _ := f.errs(); err != nil {
		return nil, err
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	d := &client.Device{File: file, Device: protocol.Device{Name: "tide1"}}
	if !f.no6 {
		d.Addr6 = netip.MustParseAddr("fd54::1")
	}
	return d, nil
}

func (f *fake) ApplyRoutes(_ context.Context, routes, networks []netip.Prefix) (map[protocol.Code][]netip.Prefix, error) {
	if len(networks) > 0 {
		f.note("routes %v networks %v", routes, networks)
	} else {
		f.note("routes %v", routes)
	}
	_, err := f.errs()
	return nil, err
}

func (f *fake) Close(ctx context.Context) error {
	f.note("close %v", ctx.Err())
	return nil
}

func (f *fake) carry(ctx context.Context, device *os.File) error {
	defer device.Close()
	f.note("carry")
	defer f.note("carried")
	select {
	case err := <-f.gone:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fake) report(up bool, why *wire.Problem) {
	if why != nil {
		f.note("up %v: %s", up, why.Code)
	} else {
		f.note("up %v", up)
	}
}

var (
	in  = session.Wanted{Session: "s", Allowed: true}
	out session.Wanted
)

const led = "routes [100.96.0.0/16 fd54::/48]"

// bubble runs a TUN in virtual time, and its end.
func bubble(t *testing.T, f *fake, test func(tun *TUN, expect func(...string))) {
	synctest.Test(t, func(t *testing.T) {
		f.gone = make(chan error)
		tun := New(Options{Helper: f, Carry: f.carry, Report: f.report,
			Controller: func() (string, error) { return "controller.example:8443", f.lost },
			Resolve:    f.resolve, Resolvers: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.9.0.53")} },
			Routes: func() []netip.Prefix { return []netip.Prefix{f.pool(), netip.MustParsePrefix("fd54::/48")} }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tun.Run(ctx) }()
		test(tun, func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, f.took()); diff != "" {
				t.Error(diff)
			}
		})
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
}

func TestSignInAndOut(t *testing.T) {
	f := &fake{}
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		expect()
		tun.Apply(out)
		expect()
		tun.Apply(in)
		expect("open", led, "up true", "carry")
		tun.Apply(session.Wanted{Session: "s"}) // not allowed for a while: it stays, and refuses
		expect()
		tun.Apply(out)
		expect("carried", "up false", "close <nil>")
		time.Sleep(time.Hour)
		expect()
		tun.Apply(in)
		expect("open", led, "up true", "carry")
		tun.Apply(out)
		tun.Apply(in) // at once: it may stay
		f.took()
	})
	if diff := cmp.Diff([]string{"carried", "up false", "close <nil>"}, f.notes); diff != "" {
		t.Errorf("the end: %s", diff)
	}
}

func TestWithoutAHelper(t *testing.T) {
	f := &fake{open: fmt.Errorf("%w: no socket", client.ErrAbsent)}
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		tun.Apply(in)
		expect("open")
		time.Sleep(again)
		expect("open")
		f.fail(nil, nil) // it was installed
		time.Sleep(again)
		expect("open", led, "up true", "carry")
	})
}

func TestNothingToUndo(t *testing.T) {
	for _, err := range []error{client.ErrAbsent, protocol.Refuse(protocol.Busy, "another")} {
		f := &fake{open: err}
		bubble(t, f, func(tun *TUN, expect func(...string)) {
			tun.Apply(in)
			f.took()
			tun.Apply(out)
			for _, note := range f.took() {
				if note == "close <nil>" { // it would be the other's device
					t.Errorf("%v: it is closed", err)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	f := &fake{apply: protocol.Refuse(protocol.Conflict, "the same addresses")}
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		tun.Apply(in)
		expect("open", led, "up false: conflict")
		time.Sleep(again)
		expect("open", led) // said once
		f.fail(nil, nil)
		time.Sleep(again)
		expect("open", led, "up true", "carry")
		tun.Apply(out)
		expect("carried", "up false", "close <nil>")
	})
}

// Where the synthetic addresses move to is led at once, device or none.
func TestLedAnew(t *testing.T) {
	const moved = "routes [100.98.0.0/16 fd54::/48]"
	f := &fake{}
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		tun.Lead()
		tun.Apply(in)
		expect("open", led, "up true", "carry")
		tun.Lead() // to where they are
		expect()
		f.move(true)
		tun.Lead()
		expect(moved)
		f.fail(nil, protocol.Refuse(protocol.Conflict, "the same addresses"))
		f.move(false)
		tun.Lead()
		expect(led)
		f.fail(nil, nil)
		time.Sleep(again)
		expect(led)
		f.gone <- errors.New("read the device: it has ended")
		f.fail(nil, protocol.Refuse(protocol.Conflict, "the same addresses"))
		time.Sleep(again)
		f.took()
		f.fail(nil, nil)
		f.move(true)
		tun.Lead() // which waits for no try
		expect("open", moved, "up true", "carry")
	})
}

func TestTheDeviceGoes(t *testing.T) {
	f := &fake{no6: true}
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		const led = "routes [100.96.0.0/16]"
		tun.Apply(in)
		expect("open", led, "up true", "carry")
		f.gone <- errors.New("read the device: it has ended")
		expect("carried", "up false: failed")
		time.Sleep(short)
		expect("open", led, "up true", "carry")
	})
}
