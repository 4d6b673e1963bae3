package notify

import (
	"context"
	"iter"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/session"
)

// Client is the part of the session that a Notifier needs.
type Client interface {
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
}

// Options make a Notifier. Client is needed.
type Options struct {
	Client Client
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Notifier shows notices on the desktop. Tell is safe for concurrent use.
type Notifier struct {
	o    Options
	told chan Notice
}

// New makes a Notifier; Run starts it.
func New(o Options) *Notifier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Notifier{o: o, told: make(chan Notice, 8)}
}

// Tell shows n as soon as may be. It does not block; of too many some are lost.
func (n *Notifier) Tell(notice Notice) {
	select {
	case n.told <- notice:
	default:
	}
}

// Run shows what the states' differences give, and what Tell is told, until
// ctx ends; then it takes away what still shows, whose buttons would do nothing any
// more, and returns nil.
func (n *Notifier) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	states, notices := make(chan session.State), make(chan []Notice)
	g.Go(func() error {
		for s := range n.o.Client.Watch(ctx) {
			select {
			case states <- s:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	g.Go(func() error {
		var p pace
		p.follow(ctx, states, func(ns []Notice) {
			select {
			case notices <- ns:
			case <-ctx.Done():
			}
		})
		return nil
	})
	g.Go(func() error {
		n.own(ctx, notices)
		return nil
	})
	return g.Wait()
}

// own is the one goroutine that knows what shows.
func (n *Notifier) own(ctx context.Context, notices <-chan []Notice) {
	d := connect(ctx, n.o.Log)
	defer func() { d.clear(); d.close() }()
	show := func(ns ...Notice) {
		if d.conn == nil && slices.ContainsFunc(ns, isNews) { // a bus may have come, or come again
			d = connect(ctx, n.o.Log)
		}
		d.show(ctx, ns)
	}
	for {
		select {
		case ns := <-notices:
			show(ns...)
		case notice := <-n.told:
			show(notice)
		case s, ok := <-d.signals:
			if !ok { // the bus is gone
				d.close()
				d.conn, d.signals = nil, nil
				continue
			}
			if cmd := d.signal(s); cmd != nil {
				n.do(ctx, cmd)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (n *Notifier) do(ctx context.Context, cmd session.Command) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := n.o.Client.Do(ctx, cmd); err != nil {
		n.Tell(Failed(err))
	}
}
