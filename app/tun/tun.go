//go:build linux

package tun

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// SocketEnv names another helper's socket, for tests and trials.
const SocketEnv = "TIDEGATE_HELPER_SOCKET"

// Helper opens the device. A client.Helper is one.
type Helper interface {
	OpenTUN(ctx context.Context) (*client.Device, error)
	ApplyRoutes(ctx context.Context, routes []netip.Prefix) error
	Close(ctx context.Context) error
}

// Options for New. Carry and Report are needed.
type Options struct {
	// Helper is asked for the device; nil: the system's, or SocketEnv's.
	Helper Helper
	// Networks are led to the device.
	Networks []netip.Prefix
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

	mu     sync.Mutex
	wanted bool
	news   chan struct{} // holds one token while wanted has changed
	up     bool
	why    *wire.Problem
}

// New makes a TUN that does nothing until Run.
func New(o Options) *TUN {
	if o.Helper == nil {
		o.Helper = client.Helper{Socket: os.Getenv(SocketEnv)}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &TUN{o: o, news: make(chan struct{}, 1)}
}

// Apply has the device there while somebody is signed in. It does not block.
func (t *TUN) Apply(w session.Wanted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if want := w.Session != ""; want != t.wanted {
		t.wanted = want
		select {
		case t.news <- struct{}{}:
		default:
		}
	}
}

func (t *TUN) want() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wanted
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
			err = t.carry(ctx, d.File)
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

// open has the device opened, and the networks led to it.
func (t *TUN) open(ctx context.Context) (*client.Device, error) {
	d, err := t.o.Helper.OpenTUN(ctx)
	if err != nil {
		return nil, err
	}
	var routes []netip.Prefix
	for _, p := range t.o.Networks {
		if p.Addr().Is4() || d.Addr6.IsValid() {
			routes = append(routes, p)
		}
	}
	if err := t.o.Helper.ApplyRoutes(ctx, routes); err != nil {
		d.File.Close()
		return nil, err
	}
	return d, nil
}

// carry carries until the device is not wanted any more, or gone; then it says
// why.
func (t *TUN) carry(ctx context.Context, device *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.tell(true, nil)
	ended := make(chan error, 1)
	go func() { ended <- t.o.Carry(ctx, device) }()
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
		p.Detail = err.Error()
	}
	var refusal *protocol.Refusal
	if errors.As(err, &refusal) {
		p.Code = wire.Code(refusal.Code)
		if title, ok := titles[refusal.Code]; ok {
			p.Title = title
		}
	}
	return p
}
