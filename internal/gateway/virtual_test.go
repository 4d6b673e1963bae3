package gateway

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestManualTimeline is the day of seed 003, in virtual time over a simulated
// network: the real gateway, QUIC and tokens, eight hours in milliseconds.
func TestManualTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day := time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC) // a Monday; the bubble begins on 1 January
		at := func(hour, minute int) time.Time {
			return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
		}
		time.Sleep(time.Until(at(14, 32)))

		a := newAuthority(t)
		laptop := a.device("laptop-1")
		network := &simnet.Simnet{Router: &simnet.PerfectRouter{}}
		link := simnet.NodeBiDiLinkSettings{Latency: 10 * time.Millisecond}
		gatewayAt := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8444}
		gatewayEnd := network.NewEndpoint(gatewayAt, link)
		clientEnd := network.NewEndpoint(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 4000}, link)
		network.Start()
		defer network.Close()
		defer clientEnd.Close()

		apps := make(chan net.Conn, 4)
		ctx, cancel := context.WithCancel(t.Context())
		g, err := New(Options{
			Config:     Config{Name: "gw", Site: "north", State: a.enrolledState("192.0.2.9:8443"), Hosts: map[string]string{"app.test": "10.0.0.7"}},
			PacketConn: gatewayEnd, Uplink: noController{},
			Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, io.EOF },
			Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				if address != "10.0.0.7:22" {
					t.Errorf("dialled %s", address)
				}
				ours, theirs := net.Pipe()
				apps <- theirs
				return ours, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Listen(); err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- g.Run(ctx) }()

		k := a.ticket(laptop).
			entitle("ssh", "app.test", 22, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA).
			entitle("idle", "app.test", 23, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA).
			entitle("office", "app.test", 24, `during("Mon-Fri", "08:30", "17:00")`)
		c := a.clientOn(t, clientEnd, gatewayAt, laptop)
		events, first := c.admit(k.answered(wire.InteractionMFA, at(14, 45)))
		until := func(v wire.Verdicts, what string, i int, allow, due bool, notAfter time.Time) {
			t.Helper()
			if w := v.Verdicts[i]; w.Allow != allow || w.Due != due || !w.NotAfter.Equal(notAfter) {
				t.Errorf("%s at %s: %+v", what, time.Now().UTC(), w)
			}
		}
		clock := func(want time.Time) {
			t.Helper()
			if off := time.Since(want); off < 0 || off > 100*time.Millisecond {
				t.Errorf("it is %s, want %s", time.Now().UTC(), want)
			}
		}
		until(first, "the first verdict", 0, true, false, at(15, 45))
		until(first, "office hours", 2, true, false, at(17, 0))
		str := c.flow("app.test:22")
		app := <-apps
		go io.Copy(app, app)
		ping(t, str, "hello")
		quiet := clientEnd.Stats()

		warning := events.next() // five minutes before, for what is in use alone
		clock(at(15, 40))
		until(warning, "the warning", 0, true, true, at(15, 45))
		until(warning, "the idle one", 1, true, false, at(15, 45))
		if n := clientEnd.Stats().PacketsRcvd - quiet.PacketsRcvd; n > 20 {
			t.Errorf("%d packets in an hour of silence", n)
		}
		if p := c.renew(k.answered(wire.InteractionMFA, at(15, 45))); p != nil {
			t.Fatal(p)
		}
		until(events.next(), "answered", 0, true, false, at(16, 45))
		ping(t, str, "across 15:45")

		until(events.next(), "the next warning", 0, true, true, at(16, 45))
		clock(at(16, 40))
		expectReset(t, str, codeCut) // nobody answers
		clock(at(16, 45))
		lapsed := events.next()
		until(lapsed, "lapsed", 0, false, false, time.Time{})
		if r := lapsed.Verdicts[0]; r.Reason.Kind != wire.ReasonMFA || len(r.Interactions) != 1 {
			t.Errorf("the denial is %+v", r)
		}
		if _, err := app.Read(make([]byte, 1)); err == nil {
			t.Error("the application's end is open")
		}
		closing := events.next()
		clock(at(17, 0))
		until(closing, "after hours", 2, false, false, at(8, 30).AddDate(0, 0, 1))

		ended := events.next() // the tokens': a day after they were signed at 15:40
		clock(at(8, 30).AddDate(0, 0, 1))
		until(ended, "the next morning", 2, true, false, at(15, 40).AddDate(0, 0, 1))
		until(events.next(), "the tokens' end", 2, false, false, time.Time{})
		clock(at(15, 40).AddDate(0, 0, 1))

		c.quic.CloseWithError(0x100, "")
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
