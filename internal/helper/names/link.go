//go:build linux

package names

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// ErrInUse says that another program answers at the address.
var ErrInUse = errors.New("another program answers there")

// errAnew is why a request has no reply.
var errAnew = errors.New("the part for names has ended, and is there again")

// Link is the main process's end.
type Link struct {
	c  conn
	mu sync.Mutex
	// waiting are the requests without a reply; nil: no more come.
	waiting map[uint64]chan reply
	last    uint64
	// ready is closed when a worker has been welcomed, for the first time.
	ready chan struct{}
}

type reply struct {
	m   message
	fds []int
	err error
}

// NewLink takes the descriptor of the main process's end.
func NewLink(fd int) (*Link, error) {
	c, err := newConn(fd)
	if err != nil {
		return nil, err
	}
	return &Link{c: c, waiting: map[uint64]chan reply{}, ready: make(chan struct{})}, nil
}

// Run hears from the worker, until ctx ends or there is none any more, which is
// an error. It calls anew whenever a worker is there that knows nothing yet, and
// news when Apply may have something else to tell; neither blocks.
func (l *Link) Run(ctx context.Context, anew, news func()) error {
	defer context.AfterFunc(ctx, func() { l.c.u.Close() })()
	err := l.hear(anew, news)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waiting {
		w <- reply{err: err}
	}
	l.waiting = nil
	l.c.u.Close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (l *Link) hear(anew, news func()) error {
	for {
		m, fds, err := l.c.receive()
		if err != nil {
			return fmt.Errorf("the part for names has ended: %w", err)
		}
		switch m.Kind {
		case hello:
			if err := l.welcome(m.ID); err != nil {
				return err
			}
			anew()
		case changed:
			news()
		case done:
			l.mu.Lock()
			w := l.waiting[m.ID]
			delete(l.waiting, m.ID)
			l.mu.Unlock()
			if w != nil {
				w <- reply{m: m, fds: fds}
				fds = nil
			}
		}
		sockets.CloseAll(fds)
	}
}

// welcome has the worker hear from now on. What the last one was asked is lost: the
// new one takes no notice of it.
func (l *Link) welcome(id uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.c.send(message{Kind: welcome, ID: id}, nil); err != nil {
		return err
	}
	for id, w := range l.waiting {
		w <- reply{err: errAnew}
		delete(l.waiting, id)
	}
	select {
	case <-l.ready:
	default:
		close(l.ready)
	}
	return nil
}

// ask has the worker do what m says. The reply's descriptors are the caller's.
func (l *Link) ask(ctx context.Context, m message, fds []int) (message, []int, error) {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return message{}, nil, context.Cause(ctx)
	}
	for range 3 {
		reply, got, err := l.once(ctx, m, fds)
		if !errors.Is(err, errAnew) {
			return reply, got, err
		}
	}
	return message{}, nil, errAnew
}

func (l *Link) once(ctx context.Context, m message, fds []int) (message, []int, error) {
	w := make(chan reply, 1)
	l.mu.Lock()
	if l.waiting == nil {
		l.mu.Unlock()
		return message{}, nil, errors.New("the part for names has ended")
	}
	l.last++
	m.ID = l.last
	l.waiting[m.ID] = w
	err := l.c.send(m, fds) // in order with welcome
	l.mu.Unlock()
	if err != nil {
		l.forget(m.ID, w)
		return message{}, nil, err
	}
	select {
	case r := <-w:
		switch {
		case r.err != nil:
			return message{}, nil, r.err
		case r.m.InUse:
			return message{}, nil, fmt.Errorf("%w: %s", ErrInUse, r.m.Failure)
		case r.m.Failure != "":
			sockets.CloseAll(r.fds)
			return message{}, nil, errors.New(r.m.Failure)
		}
		return r.m, r.fds, nil
	case <-ctx.Done():
		l.forget(m.ID, w)
		return message{}, nil, context.Cause(ctx)
	}
}

// forget closes what a reply brings that nobody waits for.
func (l *Link) forget(id uint64, w chan reply) {
	l.mu.Lock()
	delete(l.waiting, id)
	l.mu.Unlock()
	select {
	case r := <-w:
		sockets.CloseAll(r.fds)
	default:
	}
}

// Open makes the sockets at protocol.DNSServer, UDP's and TCP's. ErrInUse:
// somebody has them.
func (l *Link) Open(ctx context.Context) (fds []int, err error) {
	_, fds, err = l.ask(ctx, message{Kind: open}, nil)
	if err == nil && len(fds) != 2 {
		sockets.CloseAll(fds)
		return nil, errors.New("the part for names has sent no sockets")
	}
	return fds, err
}

// Apply has the system ask us for names of exactly these domains; none undoes it,
// and whatever an earlier run has left.
func (l *Link) Apply(ctx context.Context, domains []string, strict bool) (protocol.DNS, error) {
	m, _, err := l.ask(ctx, message{Kind: apply, Domains: domains, Strict: strict}, nil)
	if err != nil {
		return protocol.DNS{}, err
	}
	if m.DNS == nil {
		return protocol.DNS{}, errors.New("the part for names has said nothing")
	}
	return *m.DNS, nil
}

// ApplyVPN has the system ask a classic VPN's servers for its names, and says how
// it was told; nil undoes it. It is beside Apply: neither undoes the other. As long
// as there is one, the physical adapter's table is kept, too, also for one without
// servers. A worker that is there anew has what the last had, until it is told
// otherwise.
func (l *Link) ApplyVPN(ctx context.Context, v *osdns.VPN) (osdns.Mode, error) {
	m, _, err := l.ask(ctx, message{Kind: applyVPN, VPN: v}, nil)
	return m.Mode, err
}

// Stand has lookups answered on these sockets in a client's place: what was applied
// fails, all else is forwarded. Without sockets new ones are made, and returned:
// ErrInUse says that a client lives.
func (l *Link) Stand(ctx context.Context, fds []int) ([]int, error) {
	_, got, err := l.ask(ctx, message{Kind: stand}, fds)
	if err == nil && len(fds) == 0 && len(got) != 2 {
		sockets.CloseAll(got)
		return nil, errors.New("the part for names has sent no sockets")
	}
	return got, err
}

// Rest ends Stand.
func (l *Link) Rest(ctx context.Context) error {
	_, _, err := l.ask(ctx, message{Kind: rest}, nil)
	return err
}
