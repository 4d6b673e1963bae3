//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/errgroup"
)

// Parts says what a desktop consists of. The session bus is always there.
type Parts uint

// The parts of a desktop. Panel and Notifications bring Display with them.
const (
	Keyring       Parts = 1 << iota // an unlocked Secret Service
	Display                         // an X display with a window manager
	Panel                           // a panel with a tray and a clock
	Notifications                   // a notification service, and a record of what it was sent

	Everything = Keyring | Display | Panel | Notifications
)

// Options for [Start]. The zero value is a whole desktop of 1280 by 800.
type Options struct {
	// Parts to start: Everything if zero.
	Parts Parts
	// Dir is where the desktop's own folder is made: os.TempDir if empty. Its
	// path must be short, since sockets lie in it.
	Dir string
	// Size of the display in pixels.
	Size image.Point
	// Log of what is started and ended, at level debug; none if nil.
	Log *slog.Logger
}

// Desktop is a running desktop. See the package for its rules.
type Desktop struct {
	opt  Options
	dir  string
	log  *slog.Logger
	keep *keeper
	bus  *dbus.Conn
	note *notes
	tree tree

	mu       sync.Mutex
	env      []string // the display adds to it while the bus starts
	programs []*program
	closing  bool
	closed   chan struct{}
	closeErr error
	detach   func() bool
}

// Start brings up a desktop and returns when every part of it answers. It
// ends with ctx, or by [Desktop.Close], whichever comes first.
func Start(ctx context.Context, opt Options) (*Desktop, error) {
	if opt.Parts == 0 {
		opt.Parts = Everything
	}
	if opt.Parts&(Panel|Notifications) != 0 {
		opt.Parts |= Display
	}
	if opt.Size == (image.Point{}) {
		opt.Size = image.Pt(1280, 800)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := os.MkdirTemp(opt.Dir, "desktop-")
	if err != nil {
		return nil, fmt.Errorf("make the desktop's folder: %w", err)
	}
	d := &Desktop{
		opt: opt, dir: dir, log: opt.Log, tree: tree(dir), keep: newKeeper(),
		closed: make(chan struct{}),
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.mu.Lock()
	d.detach = context.AfterFunc(ctx, func() { d.Close() })
	d.mu.Unlock()
	return d, nil
}

func (d *Desktop) start(ctx context.Context) error {
	if err := d.tree.plant(); err != nil {
		return err
	}
	d.env = d.tree.environment()
	ctx, cancel := bounded(ctx)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.startBus(gctx) })
	if d.opt.Parts&Display != 0 {
		if err := d.startDisplay(ctx); err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	g, ctx = errgroup.WithContext(ctx)
	for part, start := range map[Parts]func(context.Context) error{
		Keyring:       d.StartKeyring,
		Display:       d.startWindowManager,
		Panel:         d.startPanel,
		Notifications: d.startNotifications,
	} {
		if d.opt.Parts&part != 0 {
			g.Go(func() error { return start(ctx) })
		}
	}
	return g.Wait()
}

// Close ends what Start started and removes the desktop's folder. Programs that
// others started on the desktop are not its to end: it waits for them a little,
// and names those that stay in its error. It may be called more than once and
// returns when all has ended.
func (d *Desktop) Close() error {
	d.mu.Lock()
	if d.closing {
		d.mu.Unlock()
		<-d.closed
		return d.closeErr
	}
	d.closing = true
	programs := d.programs
	detach := d.detach
	d.mu.Unlock()

	if detach != nil {
		detach()
	}
	if d.note != nil {
		d.note.stop()
	}
	if d.bus != nil {
		d.bus.Close()
	}
	var wg sync.WaitGroup
	for _, p := range programs {
		wg.Go(p.stop)
	}
	wg.Wait()
	d.keep.stop()
	d.closeErr = d.awaitStragglers()
	if err := os.RemoveAll(d.dir); err != nil {
		d.closeErr = errors.Join(d.closeErr, fmt.Errorf("remove the desktop's folder: %w", err))
	}
	d.log.Debug("desktop closed", "dir", d.dir)
	close(d.closed)
	return d.closeErr
}

// Dir is the desktop's own folder. It goes with the desktop.
func (d *Desktop) Dir() string { return d.dir }

// Home is the home folder of the desktop's user.
func (d *Desktop) Home() string { return d.tree.path("home") }

// Env is the whole environment of a program of this desktop, as for
// [exec.Cmd]: of the caller's it holds only what a Go program under test needs.
func (d *Desktop) Env() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.env...)
}

// Command is a program of this desktop, not started yet. It ends with ctx.
func (d *Desktop) Command(ctx context.Context, name string, arg ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, arg...)
	cmd.Env = d.Env()
	cmd.Dir = d.Home()
	return cmd
}

// tree is the desktop's folder.
type tree string

func (t tree) path(elem ...string) string {
	return filepath.Join(append([]string{string(t)}, elem...)...)
}
