//go:build linux

package names

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends are a link that runs, and what a worker has of it.
func ends(t *testing.T) (l *Link, worker conn, ended <-chan error, anew, news <-chan struct{}) {
	t.Helper()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	take := func(f *os.File) int {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	if l, err = NewLink(take(ours)); err != nil {
		t.Fatal(err)
	}
	if worker, err = newConn(take(theirs)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { worker.u.Close() })
	a, n, e := make(chan struct{}, 10), make(chan struct{}, 10), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e <- l.Run(ctx, func() { a <- struct{}{} }, func() { n <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return l, worker, e, a, n
}

// hear is the next message to a worker.
func hear(t *testing.T, c conn, want kind) (message, []int) {
	t.Helper()
	m, fds, err := c.receive()
	if err != nil || m.Kind != want {
		t.Fatalf("a worker hears %+v, %v; want %s", m, err, want)
	}
	return m, fds
}

func say(t *testing.T, c conn, m message, fds ...int) {
	t.Helper()
	if err := c.send(m, fds); err != nil {
		t.Fatal(err)
	}
}

func TestLink(t *testing.T) {
	l, w, ended, anew, news := ends(t)
	type answer struct {
		dns protocol.DNS
		err error
	}
	got := make(chan answer, 1)
	domains := []string{"corp.example"}
	ask := func() {
		go func() {
			dns, err := l.Apply(t.Context(), domains, true)
			got <- answer{dns, err}
		}()
	}
	ask() // before there is a worker
	say(t, w, message{Kind: hello, ID: 7})
	if m, _ := hear(t, w, welcome); m.ID != 7 {
		t.Errorf("another is welcomed: %+v", m)
	}
	<-anew
	m, _ := hear(t, w, apply)
	if !slices.Equal(m.Domains, domains) || !m.Strict {
		t.Errorf("it is to apply %+v", m)
	}
	// It ends, and another begins: that one is told again.
	say(t, w, message{Kind: hello, ID: 8})
	hear(t, w, welcome)
	<-anew
	again, _ := hear(t, w, apply)
	if again.ID == m.ID {
		t.Error("the old reply would be taken for the new one's")
	}
	say(t, w, message{Kind: done, ID: m.ID, DNS: &protocol.DNS{Mode: "old"}}) // from beyond
	say(t, w, message{Kind: done, ID: again.ID, DNS: &protocol.DNS{Mode: osdns.ModeDirect}})
	if a := <-got; a.err != nil || a.dns.Mode != osdns.ModeDirect {
		t.Errorf("%+v", a)
	}
	say(t, w, message{Kind: changed})
	<-news
	t.Run("descriptors", func(t *testing.T) {
		r, p, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer p.Close()
		for _, n := range []int{2, 1, 0, 3} {
			opened := make(chan error, 1)
			go func() {
				fds, err := l.Open(t.Context())
				sockets.CloseAll(fds)
				opened <- err
			}()
			m, _ := hear(t, w, open)
			say(t, w, message{Kind: done, ID: m.ID}, slices.Repeat([]int{int(r.Fd())}, n)...)
			if err := <-opened; (err == nil) != (n == 2) {
				t.Errorf("with %d descriptors: %v", n, err)
			}
		}
		stood := make(chan error, 1)
		go func() {
			_, err := l.Stand(t.Context(), []int{int(r.Fd()), int(p.Fd())})
			stood <- err
		}()
		m, fds := hear(t, w, stand)
		if len(fds) != 2 {
			t.Errorf("it stands with %v", fds)
		}
		sockets.CloseAll(fds)
		say(t, w, message{Kind: done, ID: m.ID, Failure: "in use", InUse: true})
		if err := <-stood; !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
	})
	t.Run("a failure", func(t *testing.T) {
		ask()
		m, _ := hear(t, w, apply)
		say(t, w, message{Kind: done, ID: m.ID, Failure: "no such bus"})
		if a := <-got; a.err == nil || a.err.Error() != "no such bus" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("patience", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rested := make(chan error, 1)
		go func() { rested <- l.Rest(ctx) }()
		hear(t, w, rest)
		cancel()
		if err := <-rested; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("the end", func(t *testing.T) {
		ask()
		hear(t, w, apply)
		w.u.Close()
		if a := <-got; a.err == nil {
			t.Errorf("%+v", a)
		}
		if err := <-ended; err == nil {
			t.Error("it ends well")
		}
		if err := l.Rest(t.Context()); err == nil {
			t.Error("it goes on")
		}
	})
}

// The largest request and what is told of the largest world go through.
func TestSizes(t *testing.T) {
	l, w, _, _, _ := ends(t)
	say(t, w, message{Kind: hello})
	hear(t, w, welcome)
	long := strings.Repeat(strings.Repeat("x", 62)+".", 3) + "example"
	var domains []string
	for range protocol.MaxMessage / (len(long) + 3) {
		domains = append(domains, long)
	}
	world := protocol.DNS{Why: strings.Repeat("w", 5000)}
	for range 1000 {
		world.Competitors = append(world.Competitors, osdns.Competitor{Program: strings.Repeat("p", 255), Link: "link", Domain: long})
		world.Upstreams = append(world.Upstreams, osdns.Upstream{Device: "device", Domains: domains, Servers: slices.Repeat([]netip.AddrPort{protocol.DNSServer}, 100)})
	}
	got := make(chan error, 1)
	go func() {
		dns, err := l.Apply(t.Context(), domains, false)
		if err == nil {
			dns.Left = map[protocol.Code][]string{protocol.Outside: slices.Repeat([]string{long}, protocol.MaxRoutes)} // as the server tells it
			_, err = protocol.Encode(protocol.Reply{DNS: &dns})
		}
		got <- err
	}()
	m, _ := hear(t, w, apply)
	told := fit(world)
	for _, u := range told.Upstreams {
		if len(u.Domains) == 0 {
			t.Error("an upstream for some names has become one for all")
		}
	}
	if len(world.Upstreams[999].Domains) != len(domains) || len(world.Upstreams[0].Servers) != 100 {
		t.Error("the world has changed")
	}
	say(t, w, message{Kind: done, ID: m.ID, DNS: &told})
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := w.send(message{Kind: done, DNS: &world}, nil); err == nil {
		t.Error("a message of any size is sent")
	}
}

func TestGone(t *testing.T) {
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if gone(int(theirs.Fd())) {
		t.Error("it is gone while it is there")
	}
	ours.Close()
	if !gone(int(theirs.Fd())) {
		t.Error("it is not gone")
	}
}
