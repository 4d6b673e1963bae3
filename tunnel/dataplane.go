package tunnel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Options configure a Dataplane; the zero value is useful.
type Options struct {
	// Log gets what the administrator may want to know; nil discards it. No
	// token, key or payload is ever in it.
	Log *slog.Logger
	// Names are set by Run to those of the latest configuration it has applied; nil:
	// there are no synthetic addresses.
	Names Names
	// Hold is how long an application's connection waits for the user to
	// answer what its gateway asks; 0 means two minutes.
	Hold time.Duration
	// DialTimeout is how long one gateway may take to answer before the next
	// is tried, and to judge a session; 0 means five seconds.
	DialTimeout time.Duration
	// Lane prescribes how carriers travel, "h3" or "h2"; empty or "auto": whichever
	// is best. It is for benchmarks.
	Lane string
	// Watch tells of changes of the machine's network, and of sleep, until ctx
	// ends; nil: the system's, or nothing where ListenPacket or DialStream is given.
	Watch func(ctx context.Context, changed func(netwatch.Change)) error
	// Ignore says which network interfaces do not count, by name: our own TUN.
	Ignore func(name string) bool
	// Underlay has the sockets of carriers leave by the right adapter, and is told of
	// changes of the network; nil: they leave wherever the routes lead.
	Underlay *underlay.Underlay
	// ListenPacket opens the socket of an HTTP/3 carrier, for "udp4" or "udp6", and
	// DialStream the connection of an HTTP/2 one; both nil: the system's. Where one
	// is given alone there is only that lane. They and Listen are for simulated
	// networks.
	ListenPacket func(network string) (net.PacketConn, error)
	DialStream   func(ctx context.Context, network, addr string) (net.Conn, error)
	// Listen opens an application's listener; nil: the system's, for processes
	// of this user alone. Its connections have CloseWrite and SetLinger as a
	// *net.TCPConn has them, and whose they are is not asked.
	Listen func(addr netip.AddrPort) (net.Listener, error)
	// Clock tells how long the machine has run, asleep or not; nil: the system's.
	// It is for virtual time.
	Clock func() time.Duration
}

// Dataplane opens data channels on demand and carries flows. It implements
// session.Dataplane.
type Dataplane struct {
	opt Options
	// The edges of the machine, replaced in tests.
	dialer dialer
	clock  func() time.Duration // goes on while the machine sleeps, and is set by nobody
	listen func(ctx context.Context, w want) (listener, error)
	peer   func(appConn) error

	names   Names
	leads   atomic.Pointer[destinations] // of the configuration that was applied last
	running atomic.Pointer[plane]        // what Run runs; nil: nothing

	mu     sync.Mutex
	wanted session.Wanted
	news   chan struct{} // holds one token while wanted has not been applied
}

var _ session.Dataplane = (*Dataplane)(nil)

// New makes a data plane that does nothing until Run.
func New(opt Options) *Dataplane {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Hold <= 0 {
		opt.Hold = 2 * time.Minute
	}
	if opt.DialTimeout <= 0 {
		opt.DialTimeout = 5 * time.Second
	}
	d := &Dataplane{
		opt:    opt,
		dialer: carrier.New(carrier.Options{ListenPacket: opt.ListenPacket, DialStream: opt.DialStream, Underlay: opt.Underlay}),
		names:  opt.Names,
		clock:  awake,
		listen: listenLoopback,
		peer:   checkPeer,
		news:   make(chan struct{}, 1),
	}
	if opt.Watch == nil && opt.ListenPacket == nil && opt.DialStream == nil {
		d.opt.Watch = netwatch.New(netwatch.Options{Ignore: opt.Ignore, Log: opt.Log}).Run
	}
	if d.names == nil {
		d.names = nameless{}
	}
	if opt.Clock != nil {
		d.clock = opt.Clock
	}
	d.leads.Store(newDestinations(session.Wanted{}))
	if opt.Listen != nil {
		d.listen = listenBy(opt.Listen)
		d.peer = func(appConn) error { return nil }
	}
	return d
}

// Apply makes the data plane what w says, whole: applying it twice is a no-op
// and the zero Wanted closes everything. It does not block; the last w wins.
func (d *Dataplane) Apply(w session.Wanted) {
	d.mu.Lock()
	d.wanted = w
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

// Run carries flows until ctx ends, and then closes everything. It calls
// report with the facts, whole, whenever they change; a slow report gets the
// latest and skips what was between. Byte counts alone are reported twice a
// second at most, and only while they change. It may be called once, and
// returns ctx's error.
func (d *Dataplane) Run(ctx context.Context, report func(session.DataplaneFacts)) error {
	p := newPlane(d)
	out := newReporter(report)
	done := make(chan struct{})
	go func() { out.run(); close(done) }()
	p.run(ctx, out)
	out.close()
	<-done
	return context.Cause(ctx)
}

// Renumbered has the facts reported anew, since addresses of the Names are others.
func (d *Dataplane) Renumbered() {
	if p := d.running.Load(); p != nil {
		p.post(func() { p.dirty = true })
	}
}

func (d *Dataplane) latest() session.Wanted {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted
}

var (
	// errClosed ends what is closed on purpose.
	errClosed = errors.New("closed")
	// errSilent: the carrier was sent something and nothing came back.
	errSilent = errors.New("the gateway has gone silent")
)
