package session

import (
	"context"
	"crypto"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Options make a Session. Controller, Dataplane, Vault and Records are needed.
type Options struct {
	Controller Controller
	Dataplane  Dataplane
	Vault      Vault
	Records    Records
	// Posture is told which device claims to find out; nil: nobody is. What it
	// finds comes by ReportDevice.
	Posture Posture
	// Device finds out the device claims for a sign-in; nil reports none.
	Device func(context.Context) wire.DeviceClaims
	// Classic connects classic VPNs and senses others'; nil: nobody does. What it
	// finds comes by ReportVPN.
	Classic Classic
	// Host starts the client with the desktop and sets the helper up; nil: nobody does.
	Host Host
	// Journal keeps what happened across restarts; nil: nobody does.
	Journal Journal
	// ClockSet has set receive, until ctx is over, whenever the wall clock has made a
	// step, as at the end of a sleep, and ended closed once nothing of it is left
	// (internal/clockset). Nil, or a nil set: the clock is looked at every few seconds.
	ClockSet func(ctx context.Context) (set, ended <-chan struct{})
	// Launch opens an application's URL in the browser; nil cannot.
	Launch func(url string) error
	// NewKey makes a device key; nil makes a P-256 key in software.
	NewKey func() (crypto.Signer, error)
	// Version is the program's, for State.
	Version string
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Session is the client's core. Its methods are safe for concurrent use.
type Session struct {
	o    Options
	now  func() time.Time // the wall clock; replaced in tests
	feed *feed
	msgs chan func(*core)
	done chan struct{} // closed when Run has returned
}

// New makes a Session; Run starts it.
func New(o Options) *Session {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.NewKey == nil {
		o.NewKey = newDeviceKey
	}
	if o.ClockSet == nil {
		o.ClockSet = func(ctx context.Context) (set, ended <-chan struct{}) { return nil, ctx.Done() }
	}
	if o.Device == nil {
		o.Device = func(context.Context) wire.DeviceClaims { return nil }
	}
	return &Session{o: o, now: time.Now, feed: newFeed(), msgs: make(chan func(*core)), done: make(chan struct{})}
}

// Run owns the state until ctx ends or the user quits, both of which return
// nil. The data plane is told to close everything before it returns. Once only.
func (s *Session) Run(ctx context.Context) error {
	defer close(s.done)
	ctx, cancel := context.WithCancel(ctx)
	clockSet, ended := s.o.ClockSet(ctx)
	defer func() {
		cancel()
		<-ended
	}()
	var jobs sync.WaitGroup
	c := newCore(s.o, s.now, func(job func(context.Context) func(*core)) {
		jobs.Go(func() {
			if msg := job(ctx); msg != nil {
				s.post(ctx, msg)
			}
		})
	})
	var expire func()
	c.last, expire = lasting(ctx)
	defer expire()
	c.link = newLink(func(msg func(*core)) { s.post(ctx, msg) }, &jobs)
	defer c.link.close()
	defer jobs.Wait()
	defer cancel()
	defer s.o.Dataplane.Apply(Wanted{})
	c.start()
	watch := newSleepWatch(s.now(), clockSet != nil)
	wake := time.NewTimer(0)
	defer wake.Stop()
	for !c.quit {
		now := s.now()
		if asleep := watch.look(now); asleep != 0 {
			c.woke(now, asleep)
		}
		next := c.settle(ctx, now, s.feed.publish)
		c.answer()
		switch until := next.Sub(now); {
		case !next.IsZero() && until < watch.every:
			wake.Reset(until)
		case next.IsZero() && c.link.idle(): // asleep or not, there is nothing that a sleep ends
			wake.Stop()
		default:
			wake.Reset(watch.every)
		}
		select {
		case msg := <-s.msgs:
			msg(c)
		case <-wake.C:
		case <-clockSet:
		case <-ctx.Done():
			c.quit = true
		}
	}
	c.quitting = true
	c.notes = append(c.notes, Event{Kind: "stopped", Text: lang.T("Tidegate ended")})
	c.endVPNs()
	c.settle(ctx, s.now(), s.feed.publish)
	c.answer()
	return nil
}

func (s *Session) post(ctx context.Context, msg func(*core)) {
	select {
	case s.msgs <- msg:
	case <-ctx.Done():
	}
}

// ErrEnded is what Do returns once Run has.
var ErrEnded error = saying("Tidegate is shutting down")

// Do carries a command out, or begins to, and returns when the State that it
// led to at once is published; the rest shows in later ones. It fails for a
// command that makes no sense now, in the user's words, and with ErrEnded.
func (s *Session) Do(ctx context.Context, cmd Command) error {
	answer := make(chan error, 1)
	select {
	case s.msgs <- func(c *core) {
		err := inWords(c.do(cmd))
		c.settled = append(c.settled, func() { answer <- err })
	}:
	case <-s.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		select {
		case err := <-answer: // it was there first: a quit ends its caller too
			return err
		default:
			return ctx.Err()
		}
	}
}

// Watch yields the present state and every later one that the reader is quick
// enough for, until ctx ends.
func (s *Session) Watch(ctx context.Context) iter.Seq[State] { return s.feed.watch(ctx) }

// ReportDataplane takes the data plane's facts, whole.
func (s *Session) ReportDataplane(f DataplaneFacts) {
	s.report(func(c *core) { c.planeChanged(f) })
}

// ReportDevice takes the device's claims, whole; the caller does not change them
// any more. The controller and the gateways hear of those that differ.
func (s *Session) ReportDevice(claims wire.DeviceClaims) {
	s.report(func(c *core) { c.deviceChanged(claims) })
}

// ReportVPN takes what there is of classic VPNs, whole; the caller does not change
// it any more.
func (s *Session) ReportVPN(f VPNFacts) {
	s.report(func(c *core) { c.vpnChanged(f) })
}

// ReportTray takes whether a tray host shows the icon.
func (s *Session) ReportTray(t TrayHost) {
	s.report(func(c *core) { c.tray = t })
}

// ReportScreen takes whether the screen is locked, or its saver runs. Whoever asks for
// the window is there: until the next report it counts as unlocked then, for a locker
// that crashed never says that it has ended.
func (s *Session) ReportScreen(locked bool) {
	s.report(func(c *core) { c.locked = locked })
}

// ReportZone takes the time zone that the machine has been set to; State.At is in it.
func (s *Session) ReportZone(zone *time.Location) {
	s.report(func(c *core) { c.zone = zone })
}

func (s *Session) report(msg func(*core)) {
	select {
	case s.msgs <- msg:
	case <-s.done:
	}
}
