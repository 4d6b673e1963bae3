package classicvpn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Options make a VPN. Config and Runtime are needed.
type Options struct {
	// Config is the folder of the file that the connections are in, which is made where
	// it is not there, and Runtime one that the user alone can enter.
	Config, Runtime string
	// Hook is the command line that openconnect runs; empty: this program's
	// `vpnc-hook`.
	Hook string
	// Helper is the path of the helper's socket; empty: the system's.
	Helper string
	// Sensor looks for others' VPNs; nil: nobody does.
	Sensor Sensor
	// Ahead is called when a VPN is about to lead packets away; nil: nobody needs to know.
	Ahead func()
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// VPN is the user's classic VPNs. It implements session.Classic.
type VPN struct {
	o       Options
	outside outside
	store   store
	msgs    chan func(*owner)
	ended   chan struct{} // closed when nobody has the state any more
}

// New makes a VPN; Run starts it.
func New(o Options) *VPN {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Hook == "" {
		o.Hook = ownHook()
	}
	if o.Ahead == nil {
		o.Ahead = func() {}
	}
	v := &VPN{o: o, store: store{dir: o.Config}, msgs: make(chan func(*owner)), ended: make(chan struct{})}
	v.outside = system(o)
	return v
}

// ownHook is this program's command.
func ownHook() string {
	self, err := os.Executable()
	if err != nil {
		self = fmt.Sprintf("/proc/%d/exe", os.Getpid()) // a shell runs it
	}
	return quote(self) + " vpnc-hook"
}

// folder is where the hook is heard.
func (o Options) folder() string { return filepath.Join(o.Runtime, "vpn") }

const (
	// bytesEvery is how often the bytes are read, and told where nothing else is.
	bytesEvery = 15 * time.Second
	// lookEvery is how often it is looked for what a connection lacks.
	lookEvery = 30 * time.Second
	// leave bounds what is done when all ends.
	leave = 15 * time.Second
)

// Run connects what it is told to until ctx ends, and reports, one report after
// another. It returns ctx's error, when nothing of it is left on the machine.
func (v *VPN) Run(ctx context.Context, report func(session.VPNFacts)) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	reports := make(chan session.VPNFacts, 1)
	all.Go(func() { // it may wait for one who waits for the owner
		for {
			select {
			case f := <-reports:
				report(f)
			case <-ctx.Done():
				return
			}
		}
	})
	w := newOwner(v, ctx, &all, reports)
	all.Go(func() {
		if err := v.outside.watch(ctx, func(c netwatch.Change) { v.tell(ctx, func(w *owner) { w.changed(c) }) }); err != nil && ctx.Err() == nil {
			v.o.Log.Warn("a VPN does not follow the network", "error", err)
		}
	})
	if v.o.Sensor != nil {
		all.Go(func() {
			err := v.o.Sensor.Run(ctx, func(others []session.VPNOther, conflicts []session.VPNConflict) {
				v.tell(ctx, func(w *owner) { w.others, w.conflicts, w.dirty = others, conflicts, true })
			})
			if err != nil && ctx.Err() == nil {
				v.o.Log.Warn("others' VPNs are not looked for", "error", err)
			}
		})
	}
	w.run()
	close(v.ended)
	return ctx.Err()
}

// tell has the owner do something, unless ctx ends first.
func (v *VPN) tell(ctx context.Context, msg func(*owner)) {
	select {
	case v.msgs <- msg:
	case <-ctx.Done():
	}
}

// errEnding is what all that is asked for comes to at the end.
var errEnding = errors.New("Tidegate is ending; start it again")

// ask has the owner do something and waits for what comes of it, which takes no time.
func (v *VPN) ask(msg func(*owner) error) error {
	answer := make(chan error, 1)
	select {
	case v.msgs <- func(w *owner) { answer <- msg(w) }:
	case <-v.ended:
		return errEnding
	}
	select {
	case err := <-answer:
		return err
	case <-v.ended:
		return errEnding
	}
}

// Save implements session.Classic.
func (v *VPN) Save(s session.VPNSettings) error {
	return v.ask(func(w *owner) error { return w.save(s) })
}

// Remove implements session.Classic.
func (v *VPN) Remove(id string) error { return v.ask(func(w *owner) error { return w.remove(id) }) }

// Connect implements session.Classic.
func (v *VPN) Connect(id string) error { return v.ask(func(w *owner) error { return w.connect(id) }) }

// Disconnect implements session.Classic.
func (v *VPN) Disconnect(id string) error {
	return v.ask(func(w *owner) error { return w.disconnect(id) })
}

// Answer implements session.Classic.
func (v *VPN) Answer(prompt string, values []session.Secret) error {
	return v.ask(func(w *owner) error { return w.answer(prompt, values) })
}

// Cancel implements session.Classic.
func (v *VPN) Cancel(prompt string) error {
	return v.ask(func(w *owner) error { return w.cancel(prompt) })
}

// Guard implements session.Classic.
func (v *VPN) Guard(g session.VPNGuard) {
	if v.o.Sensor != nil {
		v.o.Sensor.Guard(g)
	}
}

var _ session.Classic = (*VPN)(nil)
