package carrier

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// inBed runs f in virtual time; at its end nothing may be left.
func inBed(t *testing.T, f func(t *testing.T, b *bed)) {
	p := newPKI(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, p)
		t.Cleanup(func() { b.far.stop() })
		f(t, b)
	})
}

func drop(protocols ...string) func(string, netip.AddrPort, netip.AddrPort) bool {
	return func(protocol string, _, _ netip.AddrPort) bool {
		for _, p := range protocols {
			if p == protocol {
				return true
			}
		}
		return false
	}
}

func TestRace(t *testing.T) {
	const rtt = 2 * oneWay
	for _, tt := range []struct {
		name    string
		lost    []string
		suspect bool
		want    Lane
		after   time.Duration
	}{
		{"both lanes work", nil, false, H3, rtt},
		{"UDP is dropped", []string{"udp"}, false, H2, Head + 2*rtt},
		{"UDP is known to be dropped", []string{"udp"}, true, H2, 2 * rtt},
		{"UDP is thought to be dropped", nil, true, H2, 2 * rtt},
		{"UDP is thought to be dropped and TCP is", []string{"tcp"}, true, H3, Head + rtt},
		{"TCP is dropped", []string{"tcp"}, false, H3, rtt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) {
				b.lose(drop(tt.lost...))
				if tt.suspect {
					b.d.Suspect(b.gate, H3)
				}
				began := time.Now()
				c := b.dial("")
				if took := time.Since(began); c.Lane() != tt.want || took != tt.after {
					t.Errorf("%s after %v, want %s after %v", c.Lane(), took, tt.want, tt.after)
				}
				talk(t, c, "hello")
				synctest.Wait()
				sockets := 0
				if tt.want == H3 {
					sockets = 1
				}
				if b.open() != sockets {
					t.Errorf("%d UDP sockets are open, want %d", b.open(), sockets)
				}
			})
		})
	}
}

func TestUDPBlockedIsLearned(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.lose(drop("udp"))
		b.dial("")
		began := time.Now()
		if c := b.dial(""); c.Lane() != H2 || time.Since(began) >= Head {
			t.Errorf("%s after %v: what was learned is forgotten", c.Lane(), time.Since(began))
		}
		// Again in some minutes.
		b.lose(nil)
		time.Sleep(suspicion)
		if c := b.dial(""); c.Lane() != H3 {
			t.Errorf("%s: UDP is not tried again", c.Lane())
		}
	})
}

// That HTTP/3 works, tried in the background, brings it back at once.
func TestLaneIsTrustedAgain(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.d.Suspect(b.gate, H3)
		if c := b.dial(H3); !done(c.Secured()) {
			t.Error("a suspected lane is not proven")
		}
		if c := b.dial(""); c.Lane() != H3 {
			t.Errorf("%s", c.Lane())
		}
	})
}

func TestFailuresOfDialling(t *testing.T) {
	stranger := newPKI(t)
	for _, tt := range []struct {
		name  string
		set   func(b *bed)
		want  error
		under time.Duration
	}{
		{"nothing answers", func(b *bed) { b.lose(drop("udp", "tcp")) }, context.DeadlineExceeded, 11 * time.Second},
		{"another's gateway", func(b *bed) { b.pki.device.CA = stranger.device.CA }, ErrCertificate, time.Second},
		{"another's gateway, on UDP alone", func(b *bed) { b.lose(drop("tcp")); b.pki.device.CA = stranger.device.CA }, ErrCertificate, 11 * time.Second},
		{"another's gateway, on TCP alone", func(b *bed) { b.lose(drop("udp")); b.pki.device.CA = stranger.device.CA }, ErrCertificate, 11 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) {
				tt.set(b)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				began := time.Now()
				c, err := b.d.Dial(ctx, b.gate, b.pki.device)
				if err == nil {
					c.Close()
				}
				if !errors.Is(err, tt.want) || time.Since(began) > tt.under {
					t.Errorf("%v after %v, want %v", err, time.Since(began), tt.want)
				}
				synctest.Wait()
				if b.open() != 0 {
					t.Errorf("%d sockets are left", b.open())
				}
			})
		})
	}
}

// A device that the gateway refuses learns it, at the latest from its first request.
func TestDeviceRefused(t *testing.T) {
	stranger := newPKI(t)
	for _, lane := range []Lane{H3, H2} {
		t.Run(string(lane), func(t *testing.T) {
			inBed(t, func(t *testing.T, b *bed) {
				id := stranger.device
				id.CA = b.pki.device.CA
				c, err := b.d.DialLane(t.Context(), b.gate, id, lane)
				if err == nil {
					defer c.Close()
					_, err = c.Admit(t.Context(), wire.SessionRequest{})
				}
				if !errors.Is(err, ErrDevice) {
					t.Errorf("%v, want %v", err, ErrDevice)
				}
			})
		})
	}
}

func TestDialIsGivenUp(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		b.lose(drop("udp", "tcp"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		if _, err := b.d.Dial(ctx, b.gate, b.pki.device); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
