package tray

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/session"
)

// Client is the part of the session that the tray needs.
type Client interface {
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
}

// Options make a Tray. Client is needed.
type Options struct {
	Client Client
	// Icons gives the picture of an icon, a PNG, for a light panel or a dark
	// one; nil shows none.
	Icons func(i Icon, light bool) []byte
	// Host is told whether the desktop has a tray: once at the start, and
	// whenever it changes. nil: nobody is told.
	Host func(present bool)
	// Failed is told why a click led to nothing, in the user's words; nil
	// leaves it to the log.
	Failed func(err error)
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// doTimeout bounds a command: the tray must answer the next click.
const doTimeout = 5 * time.Second

// Tray is the icon and its menu.
type Tray struct{ o Options }

// New makes a Tray; Run shows it.
func New(o Options) *Tray {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Icons == nil {
		o.Icons = func(Icon, bool) []byte { return nil }
	}
	if o.Host == nil {
		o.Host = func(bool) {}
	}
	if o.Failed == nil {
		log := o.Log
		o.Failed = func(err error) { log.Warn("tray command", "error", err) }
	}
	return &Tray{o: o}
}

// Run shows the tray until ctx ends, then takes it away and returns nil. It
// waits for a host that appears late and stays through one that restarts, and its
// bus with it. Where there is no D-Bus session there is no tray, and that is no error.
// Once a process.
func (t *Tray) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	states := make(chan session.State)
	desks := make(chan desk)
	clicks := make(chan choice)
	g.Go(func() error {
		for s := range t.o.Client.Watch(ctx) {
			select {
			case states <- s:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	g.Go(func() error { return watchDesk(ctx, desks, t.o.Log) })
	g.Go(func() error {
		t.own(ctx, states, desks, clicks)
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// own is the one goroutine that touches the icon and its menu.
func (t *Tray) own(ctx context.Context, states <-chan session.State, desks <-chan desk, clicks chan choice) {
	var (
		menu  Menu
		icon  Icon
		known bool // menu and icon are of a state
		now   desk
		told  bool // Host has been told of now
		shown *shownTray
	)
	defer func() {
		if shown != nil {
			shown.remove()
		}
	}()
	for {
		select {
		case s := <-states:
			menu, icon, known = MenuFor(s), IconFor(s), true
		case d := <-desks:
			if !told || d.host != now.host {
				t.o.Host(d.host)
			}
			now, told = d, true
		case c := <-clicks: // of a menu that may have changed since
			t.click(ctx, menu.chosen(c))
			continue
		case <-ctx.Done():
			return
		}
		switch {
		case shown != nil:
			shown.apply(menu, icon, now)
		case now.host && known:
			// Not before a host is there: the library registers at once
			// when it starts, and again with every later host.
			shown = show(ctx, menu, icon, now, t.o.Icons, clicks)
		}
	}
}

func (t *Tray) click(ctx context.Context, cmd session.Command) {
	if cmd == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, doTimeout)
	defer cancel()
	if err := t.o.Client.Do(ctx, cmd); err != nil {
		t.o.Failed(err)
	}
}
