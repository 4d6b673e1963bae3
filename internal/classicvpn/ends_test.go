package classicvpn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// TestCancel ends it in each phase.
func TestCancel(t *testing.T) {
	form := func(ctx context.Context, ask openconnect.Ask) error {
		_, err := ask.Form(ctx, openconnect.Form{Fields: []session.VPNField{{Kind: session.VPNText, Label: "User"}}})
		return err
	}
	trust := func(ctx context.Context, ask openconnect.Ask) error {
		if ok, err := ask.Trust(ctx, openconnect.Certificate{Fingerprint: pin}); !ok {
			return errors.Join(broken(session.VPNDistrusted), err)
		}
		return nil
	}
	hang := func(ctx context.Context, _ openconnect.Ask) error {
		<-ctx.Done()
		return ctx.Err()
	}
	disconnect := func(w *world, id string) error { return w.vpn.Disconnect(id) }
	cancel := func(w *world, _ string) error { return w.vpn.Cancel(w.prompt().ID) }
	for _, row := range []struct {
		name   string
		signIn func(context.Context, openconnect.Ask) error
		reach  func(w *world)
		end    func(w *world, id string) error
		code   session.VPNFailureCode
	}{
		{"the server does not answer", hang, nil, disconnect, ""},
		{"a form is disconnected", form, nil, disconnect, ""},
		{"a form is cancelled", form, nil, cancel, ""},
		{"a certificate is disconnected", trust, nil, disconnect, ""},
		{"a certificate is cancelled", trust, nil, cancel, session.VPNDistrusted},
		{"it connects", nil, nil, disconnect, ""},
		{"the helper takes long", nil, func(w *world) {
			w.setApply(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
			go w.turn(hook.Connect)
		}, disconnect, ""},
		{"an address is tried again", nil, func(w *world) {
			w.setApply(func(ctx context.Context) error { return refused(protocol.Conflict) })
			go w.turn(hook.Connect)
		}, disconnect, ""},
		{"it is connected", nil, func(w *world) { w.must(w.turn(hook.Connect)) }, disconnect, ""},
		{"it connects anew", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.must(w.turn(hook.AttemptReconnect))
		}, disconnect, ""},
		{"the helper is away", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.setOpens(errNoHelper)
			w.leases[0].lose()
		}, disconnect, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(w *world) {
				w.signIn = row.signIn
				id := w.add("vpn.example.com")
				w.must(w.vpn.Connect(id))
				w.now()
				if row.reach != nil {
					row.reach(w)
				}
				w.now()
				w.must(row.end(w, id))
				w.failed(row.code)
				w.must(w.vpn.Disconnect(id)) // and puts the reason away
				w.failed("")
				// All begins anew.
				w.signIn = nil
				w.setOpens(nil)
				w.setApply(nil)
				w.must(w.vpn.Connect(id))
				w.phase(session.VPNConnecting)
				w.must(w.turn(hook.Connect))
				w.phase(session.VPNConnected)
			})
		})
	}
}

// TestWaits has somebody not answer: what others of this machine wait for is not held
// for ever.
func TestWaits(t *testing.T) {
	ask := func(ctx context.Context, k openconnect.Ask) error {
		for {
			if _, err := k.Form(ctx, openconnect.Form{Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}}); err != nil {
				return err
			}
		}
	}
	for _, row := range []struct {
		name   string
		signIn func(context.Context, openconnect.Ask) error
		code   session.VPNFailureCode
		within time.Duration
	}{
		{"the user, to a form", ask, session.VPNUnanswered, thought},
		{"the user, to a certificate", func(ctx context.Context, k openconnect.Ask) error {
			_, err := k.Trust(ctx, openconnect.Certificate{Fingerprint: pin})
			return err
		}, session.VPNUnanswered, thought},
		{"the server, from the beginning", func(ctx context.Context, _ openconnect.Ask) error {
			<-ctx.Done()
			return ctx.Err()
		}, session.VPNUnreachable, silence},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(w *world) {
				w.signIn = row.signIn
				w.must(w.vpn.Connect(w.add("vpn.example.com")))
				time.Sleep(row.within - time.Second)
				w.phase(session.VPNSigningIn)
				if w.leases[0].over() {
					t.Error("the lease has ended before")
				}
				time.Sleep(2 * time.Second)
				w.failed(row.code)
				if !w.leases[0].over() {
					t.Error("the lease is still there")
				}
			})
		})
	}
	t.Run("the server, to the last answer", func(t *testing.T) {
		in(t, func(w *world) {
			w.signIn = func(ctx context.Context, k openconnect.Ask) error {
				for range 3 {
					if _, err := k.Form(ctx, openconnect.Form{Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}}); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return ctx.Err()
			}
			w.must(w.vpn.Connect(w.add("vpn.example.com")))
			for range 3 { // each question has its time
				time.Sleep(thought - time.Second)
				w.must(w.vpn.Answer(w.prompt().ID, []session.Secret{"x"}))
			}
			time.Sleep(silence - time.Second)
			w.phase(session.VPNSigningIn)
			time.Sleep(2 * time.Second)
			w.failed(session.VPNUnreachable)
		})
	})
}

// TestFails has it fail in each phase.
func TestFails(t *testing.T) {
	for _, row := range []struct {
		name string
		set  func(w *world)
		then func(w *world)
		code session.VPNFailureCode
	}{
		{"no openconnect", func(w *world) { w.absent = openconnect.ErrAbsent }, nil, session.VPNNoEngine},
		{"an openconnect of old", func(w *world) { w.speaks = broken(session.VPNOldEngine) }, nil, session.VPNOldEngine},
		{"no helper", func(w *world) { w.setOpens(fmt.Errorf("%w: it is not installed", errNoHelper)) }, nil, session.VPNNoHelper},
		{"another user's VPN", func(w *world) { w.setOpens(refused(protocol.Busy)) }, nil, session.VPNBusy},
		{"the administrator's no", func(w *world) { w.setOpens(refused(protocol.Outside)) }, nil, session.VPNOutside},
		{"a refusal", func(w *world) {
			w.signIn = func(context.Context, openconnect.Ask) error { return broken(session.VPNRefused) }
		}, nil, session.VPNRefused},
		{"a crash while it signs in", func(w *world) {
			w.signIn = func(context.Context, openconnect.Ask) error { return errors.New("killed") }
		}, nil, session.VPNFailed},
		{"no start", func(w *world) { w.start = errors.New("no memory") }, nil, session.VPNFailed},
		{"a crash before the tunnel", nil, func(w *world) { w.run().crash(broken(session.VPNExpired)) }, session.VPNExpired},
		{"no tunnel", nil, func(w *world) { time.Sleep(rise + time.Second) }, session.VPNUnreachable},
		{"a crash while the helper works", func(w *world) {
			w.setApply(func(context.Context) error { return refused(protocol.Conflict) })
		}, func(w *world) {
			go w.turn(hook.Connect)
			w.now()
			w.run().crash(broken(session.VPNFailed))
		}, session.VPNFailed},
		{"what the helper refuses", func(w *world) { w.setApply(func(context.Context) error { return refused(protocol.Outside) }) }, func(w *world) {
			if w.turn(hook.Connect) == nil {
				w.t.Error("openconnect is told that it is done")
			}
		}, session.VPNOutside},
		{"an address that stays ours", func(w *world) {
			w.setApply(func(context.Context) error { return refused(protocol.Conflict) })
		}, func(w *world) {
			began := time.Now()
			if w.turn(hook.Connect) == nil {
				w.t.Error("openconnect is told that it is done")
			}
			if took := time.Since(began); took != 7*time.Second {
				w.t.Errorf("it tries for %v", took)
			}
		}, session.VPNConflictFailed},
		{"another device", nil, func(w *world) {
			if w.turn(hook.Connect, "TUNDEV=tun0") == nil {
				w.t.Error("it is taken")
			}
		}, session.VPNFailed},
		{"no address for us", nil, func(w *world) {
			if w.turn(hook.Connect, "INTERNAL_IP4_ADDRESS=") == nil {
				w.t.Error("it is taken")
			}
			if c := w.one(); c.Failure == nil || !strings.Contains(c.Failure.Detail, "no address") {
				w.t.Errorf("it does not say why: %+v", c)
			}
		}, session.VPNFailed},
		{"no address any more", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			if w.turn(hook.Reconnect, "INTERNAL_IP4_ADDRESS=") == nil {
				w.t.Error("it is taken")
			}
		}, session.VPNFailed},
		{"a crash", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.run().crash(broken(session.VPNFailed))
		}, session.VPNFailed},
		{"an end that nobody wanted", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.run().crash(nil)
		}, session.VPNEnded},
		{"an outage that does not end", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.must(w.turn(hook.AttemptReconnect))
			w.run().crash(broken(session.VPNLost))
		}, session.VPNLost},
		{"a helper that does not come back", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.setOpens(errNoHelper)
			w.leases[0].lose()
			w.phase(session.VPNConnected)
			time.Sleep(absent - time.Second)
			w.phase(session.VPNConnected)
			time.Sleep(2 * time.Second)
		}, session.VPNNoHelper},
		{"a helper that comes back too late", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.index++
			w.leases[0].lose()
			time.Sleep(2 * knock)
		}, session.VPNFailed}, // there is a helper
		{"a helper that forbids it now", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.setOpens(refused(protocol.Outside))
			w.leases[0].lose()
			time.Sleep(2 * knock)
		}, session.VPNOutside},
		{"a crash while the helper is away", nil, func(w *world) {
			w.must(w.turn(hook.Connect))
			w.setOpens(errNoHelper)
			w.leases[0].lose()
			w.now()
			w.run().crash(broken(session.VPNEnded))
		}, session.VPNEnded},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(w *world) {
				if row.set != nil {
					row.set(w)
				}
				id := w.add("vpn.example.com")
				w.must(w.vpn.Connect(id))
				w.now()
				if row.then != nil {
					row.then(w)
				}
				w.failed(row.code)
				// It is no obstacle to the next time.
				w.absent, w.speaks, w.signIn, w.start = nil, nil, nil, nil
				w.setOpens(nil)
				w.setApply(nil)
				w.must(w.vpn.Connect(id))
				w.phase(session.VPNConnecting)
				if w.one().Failure != nil {
					t.Error("the reason of before stays")
				}
			})
		})
	}
}
