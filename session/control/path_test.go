package control_test

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

func newPath(t *testing.T, to string) *lab.Relay {
	t.Helper()
	r, err := lab.NewRelay(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// signedIn is a client of maya's over the path, and her cookie.
func signedIn(t *testing.T, p *lab.Relay, l *lab.Lab, c *control.Controller) (session.ControlClient, session.Secret) {
	t.Helper()
	link, err := l.Link(t.Context(), "maya")
	if err != nil {
		t.Fatal(err)
	}
	link.Controller = p.Addr()
	key := newKey(t)
	e, err := c.Enrol(t.Context(), link, key)
	if err != nil {
		t.Fatal(err)
	}
	client := c.Connect(e, identity(e, key))
	t.Cleanup(client.Close)
	cookie, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"})
	if err != nil {
		t.Fatal(err)
	}
	return client, cookie
}

// noticed is how soon a path that has died must be noticed, with what a busy
// machine adds.
const noticed = 17 * time.Second

// A network that begins to drop UDP in mid-session: HTTP/2 carries the control
// channel soon, and until then an idle one costs little.
func TestUDPIsDroppedInMidSession(t *testing.T) {
	t.Parallel()
	l := newLab(t, false)
	p := newPath(t, l.Controller())
	client, cookie := signedIn(t, p, l, &control.Controller{})
	const idle = 11 * time.Second
	type rest struct {
		packets int64
		cut     time.Time
	}
	rested := make(chan rest, 1)
	var lane string
	err := client.Events(t.Context(), cookie, heard(func(l string) { lane = l }, func(wire.Snapshot) {
		before := p.Packets()
		time.AfterFunc(idle, func() {
			select {
			case rested <- rest{p.Packets() - before, time.Now()}:
				p.DropUDP(true)
			default: // a second snapshot's
			}
		})
	}))
	var r rest
	select {
	case r = <-rested:
	default:
	}
	took, packets := time.Since(r.cut), r.packets
	if lane != "h3" || r.cut.IsZero() || took > noticed {
		t.Fatalf("over %s: noticed %v after UDP was dropped: %v", lane, took, err)
	}
	if packets > 30 { // a busy machine acknowledges more often; polling would be hundreds
		t.Errorf("%d packets in %v of idleness", packets, idle)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	again := time.Now()
	client.Events(ctx, cookie, heard(func(l string) { lane = l }, func(wire.Snapshot) { cancel() }))
	if lane != "h2" || time.Since(again) > 3*time.Second {
		t.Errorf("then over %s, after %v", lane, time.Since(again))
	}
	t.Logf("noticed after %v, over TCP %v later; %d packets in %v of idleness", took, time.Since(again), packets, idle)
}

// A TCP connection that nothing passes any more says nothing by itself.
func TestTCPFreezesInMidSession(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	p := newPath(t, l.Controller())
	client, cookie := signedIn(t, p, l, &control.Controller{NoQUIC: true})
	var cut time.Time
	frozen := make(chan struct{})
	err := client.Events(t.Context(), cookie, heard(func(string) {}, func(wire.Snapshot) {
		go func() { // not in the way of what is being read
			p.Freeze()
			cut = time.Now()
			close(frozen)
		}()
	}))
	<-frozen
	p.Thaw()
	if took := time.Since(cut); took > noticed {
		t.Errorf("noticed after %v: %v", took, err)
	}
}

// A controller that takes requests and answers none holds nobody up for ever.
func TestSignInIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, true)
	p := newPath(t, l.Controller())
	client, _ := signedIn(t, p, l, &control.Controller{NoQUIC: true})
	p.Freeze()
	defer p.Thaw()
	began := time.Now()
	if _, err := client.SignIn(t.Context(), wire.SignInRequest{User: "maya", Password: "time-and-tide"}); err == nil {
		t.Error("signed in")
	}
	if took := time.Since(began); took > noticed {
		t.Errorf("given up after %v", took)
	}
}
