package classicvpn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// TestHelperForetold says that there is no helper before anybody types anything, and
// finds one that comes.
func TestHelperForetold(t *testing.T) {
	in(t, func(w *world) {
		w.setOpens(errNoHelper)
		w.quit()
		<-w.ended
		w.boot()
		id := w.add("vpn.example.com")
		lacks := func() bool { p := w.now().Problem; return p != nil && p.Code == wire.Code(session.VPNNoHelper) }
		synctest.Wait()
		if !lacks() {
			t.Errorf("it says %+v", w.now().Problem)
		}
		w.setOpens(nil)
		time.Sleep(2 * bytesEvery)
		if lacks() {
			t.Error("it is not found")
		}
		w.setOpens(errNoHelper)
		if err := w.vpn.Connect(id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !lacks() {
			t.Error("it is not missed after it went")
		}
	})
}

// TestHelper has the helper go away and come back in time.
func TestHelper(t *testing.T) {
	for name, lose := range map[string]func(w *world, id string){
		"while it asks": func(w *world, id string) {
			w.signIn = func(ctx context.Context, ask openconnect.Ask) error {
				w.leases[0].lose()
				return nil
			}
			w.must(w.vpn.Connect(id))
			time.Sleep(2 * knock)
			w.phase(session.VPNConnecting)
			w.must(w.turn(hook.Connect))
		},
		"before the tunnel": func(w *world, id string) {
			w.must(w.vpn.Connect(id))
			w.phase(session.VPNConnecting)
			w.leases[0].lose()
			w.now()
			w.must(w.turn(hook.Connect))
		},
		"while it works": func(w *world, id string) {
			w.must(w.vpn.Connect(id))
			w.phase(session.VPNConnecting)
			w.setApply(func(context.Context) error {
				w.setApply(nil)
				w.leases[0].lose()
				return refused(protocol.NoVPN)
			})
			w.must(w.turn(hook.Connect))
		},
		"while it works, which is noticed later": func(w *world, id string) {
			w.must(w.vpn.Connect(id))
			w.phase(session.VPNConnecting)
			w.setApply(func(context.Context) error {
				w.setApply(nil)
				time.AfterFunc(10*time.Millisecond, w.leases[0].lose)
				return errors.New("connection reset by peer")
			})
			w.must(w.turn(hook.Connect))
		},
		"and cannot at once": func(w *world, id string) {
			w.must(w.vpn.Connect(id))
			w.phase(session.VPNConnecting)
			w.setOpens(refused(protocol.Failed))
			w.leases[0].lose()
			time.Sleep(5 * time.Second)
			w.now()
			w.setOpens(nil)
			w.must(w.turn(hook.Connect))
		},
		"beside the tunnel": func(w *world, id string) {
			w.must(w.vpn.Connect(id))
			w.phase(session.VPNConnecting)
			w.must(w.turn(hook.Connect))
			w.applied = nil
			w.setOpens(errNoHelper)
			w.leases[0].lose()
			time.Sleep(5 * time.Second)
			w.now()
			w.setOpens(nil)
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(w *world) {
				lose(w, w.add("vpn.example.com"))
				w.phase(session.VPNConnected)
				if len(w.leases) != 2 || len(w.applied) != 1 || !w.leases[0].over() || w.leases[1].over() {
					t.Errorf("%d leases, applied %d times", len(w.leases), len(w.applied))
				}
				if w.one().Failure != nil || len(w.one().Left) != 3 {
					t.Errorf("it is %+v", w.one())
				}
			})
		})
	}
}

// TestHelperFlaps has a helper go whenever it is to do something.
func TestHelperFlaps(t *testing.T) {
	in(t, func(w *world) {
		id := w.add("vpn.example.com")
		w.must(w.vpn.Connect(id))
		w.phase(session.VPNConnecting)
		w.setApply(func(context.Context) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.leases[len(w.leases)-1].lose()
			return errors.New("it has gone")
		})
		go w.turn(hook.Connect)
		time.Sleep(10 * time.Second)
		w.must(w.vpn.Disconnect(id))
		w.failed("")
		if n := len(w.leases); n > 50 {
			t.Errorf("it is asked %d times in 10 seconds", n)
		}
	})
}
