package dnssplit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// fake is a helper, a resolver and a machine, which note what they are asked.
type fake struct {
	mu       sync.Mutex
	notes    []string
	absent   bool
	open     error
	apply    error
	answer   protocol.DNS
	asked    []osdns.Upstream
	taken    []netip.Prefix
	changed  chan struct{} // of the sockets that are open
	lost     chan struct{}
	serve    chan error // ends the resolver
	watch    func(netwatch.Change)
	leased   bool   // sockets are open
	forwards string // what was noted last
	fact     *session.DNSFact
	slow     time.Duration // of Apply
	ignorant bool          // lookups were answered before it was known whom to ask
}

func (f *fake) note(format string, arg ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, fmt.Sprintf(format, arg...))
}

// set changes what the machine is like.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) Ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return ErrAbsent
	}
	return nil
}

func (f *fake) Open(context.Context) (*Sockets, error) {
	f.note("open")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return nil, ErrAbsent
	}
	if f.open != nil {
		return nil, f.open
	}
	f.changed, f.lost = make(chan struct{}, 1), make(chan struct{})
	f.leased = true
	return &Sockets{Changed: f.changed, Lost: f.lost, Close: func() error {
		f.note("close")
		f.set(func() { f.leased = false })
		return nil
	}}, nil
}

func (f *fake) Apply(_ context.Context, domains []string, strict bool) (protocol.DNS, error) {
	what := "apply " + strings.Join(domains, " ")
	if len(domains) > 10 {
		what = fmt.Sprintf("apply %d domains", len(domains))
	}
	if strict {
		what += " strictly"
	}
	if domains == nil {
		what = "undo"
	}
	f.note("%s", what)
	time.Sleep(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return protocol.DNS{}, ErrAbsent
	}
	if !f.leased {
		return protocol.DNS{}, protocol.Refuse(protocol.NoSocket, "nobody answers")
	}
	return f.answer, f.apply
}

// answers is the resolver.
type answers struct{ *fake }

func (f answers) Serve(ctx context.Context, _ net.PacketConn, _ net.Listener) error {
	f.set(func() { f.ignorant = f.ignorant || f.forwards == "" })
	select {
	case err := <-f.fake.serve:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (f answers) Forward(to []resolver.Upstream) {
	what := fmt.Sprint("forward ", to)
	f.mu.Lock()
	same := what == f.forwards || len(to) == 0 && f.forwards == ""
	f.forwards = what
	f.mu.Unlock()
	if !same {
		f.note("%s", what)
	}
}

func (f answers) Flush() { f.note("flush") }

// took is what was noted since the last call; what was done twice in a row is once.
func (f *fake) took() []string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.notes = nil }()
	return slices.Compact(f.notes)
}

func (f *fake) state() session.DNSFact {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact == nil {
		return session.DNSFact{NameService: session.NameService{Why: "(none)"}}
	}
	return *f.fact
}

// bench is a Split in a bubble.
type bench struct {
	*Split
	*fake
	t *testing.T
}

var in = session.Wanted{Session: "s", Apps: []session.WantedApp{{ID: "wiki", Host: "Wiki.corp.example.", Port: 80}}}

func bubble(t *testing.T, do func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{serve: make(chan error), answer: protocol.DNS{Mode: osdns.ModeDelegate, Why: "because", Adapter: "eth0"}}
		pool, err := names.Open(names.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{Pool: pool, Helper: f,
			Report:   func(n *session.DNSFact) { f.set(func() { f.fact = n }) },
			Led:      func() { f.note("led") },
			Networks: func() ([]netip.Prefix, error) { f.mu.Lock(); defer f.mu.Unlock(); return f.taken, nil },
			Watch: func(ctx context.Context, changed func(netwatch.Change)) error {
				f.set(func() { f.watch = changed })
				<-ctx.Done()
				return nil
			},
			Asked: func(context.Context) ([]osdns.Upstream, error) { f.mu.Lock(); defer f.mu.Unlock(); return f.asked, nil },
			Hosts: "/dev/null",
		})
		s.resolver = answers{f}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		do(&bench{s, f, t})
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// expect says what was done since the last time.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.took()); diff != "" {
		b.t.Fatalf("done (-want +got):\n%s", diff)
	}
}

const (
	zones   = "apply wiki.corp.example 96.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"
	reverse = " 96.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"
)

// signIn is a session with its names and its device.
func (b *bench) signIn() {
	b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
	b.Split.Apply(in)
	b.Device(true)
	b.expect("open", zones)
}
