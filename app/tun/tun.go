//go:build linux

package tun

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Helper opens the device. A client.Helper is one.
type Helper interface {
	OpenTUN(ctx context.Context) (*client.Device, error)
	ApplyRoutes(ctx context.Context, routes, networks []netip.Prefix) (left map[protocol.Code][]netip.Prefix, err error)
	Close(ctx context.Context) error
}

// Options for New. Carry, Report and Controller are needed.
type Options struct {
	// Helper is asked for the device; nil: the system's, or SocketEnv's.
	Helper Helper
	// Routes are led to the device: the synthetic addresses, as they are when it is
	// asked; Lead says that they are others. The networks that entitlements name are
	// beside them.
	Routes func() []netip.Prefix
	// Controller tells where the controller is, host:port.
	Controller func() (string, error)
	// Resolve looks a host up, Resolvers are the addresses of who is asked then;
	// nil: the system's.
	Resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	Resolvers func() []netip.Addr
	// Servers are asked for names beyond those; nil: none.
	Servers func() []netip.Addr
	// Carry carries what comes by the device until ctx ends or the device is
	// gone, and closes it.
	Carry func(ctx context.Context, device *os.File) error
	// Report is told whether the device works, and why not where a helper is
	// there; whenever that changes.
	Report func(up bool, why *wire.Problem)
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

const (
	again   = time.Minute      // between tries: a helper may come, a network may go
	parting = 10 * time.Second // for undoing, when all else ends
	short   = time.Second      // after a device that has gone by itself
)

// TUN is the device while it is wanted. Make it with New.
type TUN struct {
	o Options

	mu      sync.Mutex
	wanted  wanted
	news    chan struct{} // holds one token while wanted.session has changed
	changed chan struct{} // holds one while any of it has, or Routes
	moved   chan struct{} // holds one while Routes have, for a pause
	six     atomic.Bool   // the device has an address of IPv6
	up      bool
	why     *wire.Problem

	known map[string][]netip.Addr // of hosts, when they were looked up last; serve's
	noted string                  // what was logged last; serve's
}

// New makes a TUN that does nothing until Run.
func New(o Options) *TUN {
	if o.Helper == nil {
		o.Helper = client.Helper{Socket: os.Getenv(SocketEnv)}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Resolvers == nil {
		o.Resolvers = resolvers
	}
	if o.Servers == nil {
		o.Servers = func() []netip.Addr { return nil }
	}
	return &TUN{o: o, news: make(chan struct{}, 1), changed: make(chan struct{}, 1), moved: make(chan struct{}, 1), known: map[string][]netip.Addr{}}
}

// Apply has the device there while somebody is signed in. It does not block, and
// keeps of w no more than names and networks.
func (t *TUN) Apply(w session.Wanted) {
	next := newWanted(w)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted.equal(next) {
		return
	}
	if t.wanted.session != next.session {
		token(t.news)
	}
	t.wanted = next
	token(t.changed)
}

// Lead has what Routes says led to the device, at once. It does not block.
func (t *TUN) Lead() {
	token(t.changed)
	token(t.moved)
}

// IPv6 says whether addresses of IPv6 lead to the device.
func (t *TUN) IPv6() bool { return t.six.Load() }

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (t *TUN) want() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wanted.session
}

// Run has the device there while it is wanted, until ctx ends; then it undoes
// all, and returns ctx's error.
func (t *TUN) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if t.want() {
			t.serve(ctx)
		}
		select {
		case <-t.news:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// serve has the device there until it is not wanted any more.
func (t *TUN) serve(ctx context.Context) {
	asked := false // the helper has something to undo
	defer func() {
		if !asked {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
		defer cancel()
		if err := t.o.Helper.Close(ctx); err != nil && !errors.Is(err, client.ErrAbsent) {
			t.o.Log.Warn("the helper keeps what it did", "error", err)
		}
	}()
	defer t.tell(false, nil)
	for t.want() && ctx.Err() == nil {
		d, err := t.open(ctx)
		asked = asked || !errors.Is(err, client.ErrAbsent) && !errors.Is(err, &protocol.Refusal{Code: protocol.Busy})
		pause := again
		if err == nil {
			err = t.carry(ctx, d)
			pause = short
		}
		if !t.want() || ctx.Err() != nil {
			return
		}
		t.tell(false, reason(err))
		if !errors.Is(err, client.ErrAbsent) {
			t.o.Log.Warn("there is no network device", "error", err)
		}
		t.pause(ctx, pause)
	}
}

// opened is a device, and what is led to it.
type opened struct {
	*client.Device
	routes, networks []netip.Prefix
}

// open has the device opened, and the routes and networks led to it.
func (t *TUN) open(ctx context.Context) (*opened, error) {
	networks := t.networks(ctx) // first: between the two nothing is led
	d, err := t.o.Helper.OpenTUN(ctx)
	if err != nil {
		return nil, err
	}
	six := d.Addr6.IsValid()
	t.six.Store(six)
	o := &opened{d, fitting(t.o.Routes(), six), fitting(networks, six)}
	if err := t.apply(ctx, o.routes, o.networks); err != nil {
		d.File.Close()
		return nil, err
	}
	return o, nil
}

// carry carries until the device is not wanted any more, or gone; then it says
// why.
func (t *TUN) carry(ctx context.Context, o *opened) error {
	ctx, cancel := context.WithCancel(ctx)
	var leading sync.WaitGroup
	defer leading.Wait()
	defer cancel()
	t.tell(true, nil)
	ended := make(chan error, 1)
	go func() { ended <- t.o.Carry(ctx, o.File) }()
	leading.Go(func() { t.lead(ctx, o.routes, o.networks, o.Addr6.IsValid()) })
	for {
		select {
		case err := <-ended:
			return err
		case <-t.news:
			if !t.want() {
				cancel()
				return <-ended
			}
		case <-ctx.Done():
			return <-ended
		}
	}
}

// pause waits until it is time for another try, or none is wanted.
func (t *TUN) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for t.want() {
		select {
		case <-timer.C:
			return
		case <-t.moved: // what was refused may be led now
			return
		case <-t.news:
		case <-ctx.Done():
			return
		}
	}
}

// tell reports what has changed.
func (t *TUN) tell(up bool, why *wire.Problem) {
	t.mu.Lock()
	same := t.up == up && (t.why == nil) == (why == nil) && (why == nil || t.why.Code == why.Code && t.why.Detail == why.Detail)
	t.up, t.why = up, why
	t.mu.Unlock()
	if !same {
		t.o.Report(up, why)
	}
}

// titles are what the user reads of a refusal.
var titles = map[protocol.Code]string{
	protocol.Busy:     "Another Tidegate of yours has the network device",
	protocol.Conflict: "The network you are in uses the applications' addresses",
	protocol.Outside:  "This machine does not allow the applications' addresses",
	protocol.Stranger: "You may not use this machine's helper",
}

// reason is why there is no device, for the user; nil where no helper is there.
func reason(err error) *wire.Problem {
	if errors.Is(err, client.ErrAbsent) {
		return nil
	}
	p := &wire.Problem{Code: wire.Code(protocol.Failed), Title: "The network device does not work"}
	if err != nil {
		p.Detail = "It could not be made, or has ended; Tidegate's log says more."
	}
	var refusal *protocol.Refusal
	if errors.As(err, &refusal) {
		p.Code, p.Detail = wire.Code(refusal.Code), refusal.Text
		if title, ok := titles[refusal.Code]; ok {
			p.Title = title
		}
	}
	return p
}
