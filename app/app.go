package app

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os/exec"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/lockscreen"
	"github.com/tidegate/tidegate/app/notify"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tray"
)

// Core is the session that Run shows and commands. *session.Session is one.
type Core interface {
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
	// ReportTray takes whether a tray host shows the icon.
	ReportTray(session.TrayHost)
	// ReportScreen takes whether the screen is locked.
	ReportScreen(locked bool)
	// Run returns when ctx ends or the user quits.
	Run(ctx context.Context) error
}

// Options for Run. Core and Instance are needed.
type Options struct {
	Core Core
	// Instance is the profile's claim; the caller closes it.
	Instance *local.Instance
	// Devices carries the devices of `tidegate run`; nil: they are refused.
	Devices local.Devices
	// Lookups says who answers for a name; nil: nobody can say.
	Lookups local.Lookups
	// Histories says what happened; nil: the state alone does.
	Histories local.Histories
	// Diagnoser finds out what is wrong; nil: nobody can.
	Diagnoser local.Diagnoser
	// Parts run beside the session and end with it, such as the data plane.
	Parts []func(context.Context) error
	// First, where set, is done once the session runs.
	First session.Command
	// Window makes the command of the window process, which ends with its
	// context; nil: there is no window.
	Window func(ctx context.Context) *exec.Cmd
	// Display says why no window can be shown; nil: NoDisplay does.
	Display func() error
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Run runs the tray process around a session, until ctx ends, the user quits,
// or a part fails. It returns when all of it has ended.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Display == nil {
		o.Display = NoDisplay
	}
	var asked local.Source = o.Core
	if o.Window != nil {
		asked = remote{o.Core, o.Display}
	}
	notices := notify.New(notify.Options{Client: o.Core, Log: o.Log})
	icon := tray.New(tray.Options{
		Client: o.Core,
		Icons:  func(i tray.Icon, light bool) []byte { return assets.TrayIcon(string(i.State), !light) },
		Host: func(present bool) {
			host := session.TrayAbsent
			if present {
				host = session.TrayPresent
			}
			o.Core.ReportTray(host)
		},
		Failed: func(err error) { notices.Tell(notify.Failed(err)) },
		Log:    o.Log,
	})
	server := local.NewServer(local.Options{Source: asked, Devices: o.Devices, Lookups: o.Lookups, Histories: o.Histories, Diagnoser: o.Diagnoser, Log: o.Log})
	window := newLauncher(o, func(err error) { notices.Tell(notify.Failed(err)) })
	screen := lockscreen.New(lockscreen.Options{Report: o.Core.ReportScreen, Log: o.Log})

	ctx, quit := context.WithCancel(ctx)
	defer quit()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer quit() // whatever ends the session ends the rest
		return o.Core.Run(ctx)
	})
	for _, part := range o.Parts {
		g.Go(func() error { return part(ctx) })
	}
	g.Go(func() error { return server.Run(ctx, o.Instance) })
	g.Go(func() error { return notices.Run(ctx) })
	g.Go(func() error { return icon.Run(ctx) })
	g.Go(func() error { return window.run(ctx) })
	g.Go(func() error { return screen.Run(ctx) })
	if o.First != nil {
		g.Go(func() error {
			o.begin(ctx, func(err error) { notices.Tell(notify.Failed(err)) })
			return nil
		})
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// begin does the first command, and tells why it failed where nothing else does: a link
// brings the window, which says what is wrong with it.
func (o *Options) begin(ctx context.Context, tell func(error)) {
	err := o.Core.Do(ctx, o.First)
	if err == nil || ctx.Err() != nil {
		return
	}
	if _, link := o.First.(session.ProposeEnrol); link && o.Window != nil && o.Display() == nil {
		return
	}
	tell(err)
}
