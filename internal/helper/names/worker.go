//go:build linux

package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// Options for Work.
type Options struct {
	// OS is how the system is told.
	OS osdns.Options
	// Table is the physical adapter's.
	Table physical.Options
	// Standby is the program that runs Stand, as whoever it is to be.
	Standby func() *exec.Cmd
	// Log gets what was done; nil is silent.
	Log *slog.Logger
}

const (
	// applyTime bounds one Apply: D-Bus may not answer.
	applyTime = 12 * time.Second
	// gather is how long what others change is waited for, calm how long after one
	// Apply that it brings the next is put off: two that each want to be the last to
	// write are not to do it all day.
	gather = 100 * time.Millisecond
	calm   = time.Second
	// sweep is how often it is looked whether all is as it is to be, should news be
	// lost.
	sweep = time.Minute
)

// worker does what the main process says. One goroutine owns it.
type worker struct {
	o     Options
	c     conn
	table *physical.Table
	// want has what Apply and ApplyVPN have said, each its half; of a half that is not
	// said yet, what the last worker had applied. Nothing is done before either is said.
	want osdns.Want
	said bool
	// undone: nothing of names was wanted last, and all is undone.
	undone bool
	told   protocol.DNS
	conf   osdns.Configurator // nil: nothing was applied
	mode   osdns.Mode
	// unwatch ends conf's Watch.
	unwatch func()
	// again has a token when others may have changed something.
	again   chan struct{}
	standby *standby // nil: none is needed
}

// Work does what the main process says by fd, until that has gone: then it
// returns nil, and what it had done stays.
func Work(ctx context.Context, fd int, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := newConn(fd)
	if err != nil {
		return err
	}
	w := &worker{o: o, c: c, table: physical.New(o.Table), again: make(chan struct{}, 1), unwatch: func() {}, want: left(o)}
	g, ctx := errgroup.WithContext(ctx)
	type request struct {
		m   message
		fds []int
	}
	requests := make(chan request)
	defer context.AfterFunc(ctx, func() { c.u.Close() })()
	self := uint64(os.Getpid())
	g.Go(func() error {
		welcomed := false
		for {
			m, fds, err := c.receive()
			if err != nil {
				return err
			}
			if m.Kind == welcome || !welcomed {
				welcomed = welcomed || m.Kind == welcome && m.ID == self
				sockets.CloseAll(fds)
				continue
			}
			select {
			case requests <- request{m, fds}:
			case <-ctx.Done():
				sockets.CloseAll(fds)
				return ctx.Err()
			}
		}
	})
	g.Go(func() error {
		for ctx.Err() == nil {
			if err := physical.Watch(ctx, w.news); err != nil {
				o.Log.Error("watch the network", "err", err)
			}
			pause(ctx, calm)
		}
		return nil
	})
	g.Go(func() error {
		defer w.end()
		if err := c.send(message{Kind: hello, ID: self}, nil); err != nil {
			return err
		}
		tick := time.NewTicker(sweep)
		defer tick.Stop()
		var later <-chan time.Time
		var last time.Time
		for {
			select {
			case r := <-requests:
				if err := w.do(ctx, r.m, r.fds); err != nil {
					return err
				}
			case <-w.again:
				if later == nil {
					later = time.After(max(gather, calm-time.Since(last)))
				}
			case <-tick.C:
				w.news()
			case <-later:
				later, last = nil, time.Now()
				if err := w.refresh(ctx); err != nil {
					return err
				}
			case <-w.standby.ended():
				w.o.Log.Error("the standby has ended")
				w.standby.start(w.o, w.want.Domains, w.told.Upstreams)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	if err := g.Wait(); !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// news says that something may have changed.
func (w *worker) news() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

func (w *worker) end() {
	w.unwatch()
	w.standby.stop()
}

// do does what one request says, and answers it; it closes its descriptors.
func (w *worker) do(ctx context.Context, m message, fds []int) error {
	reply := message{Kind: done, ID: m.ID}
	var out []int
	var err error
	switch m.Kind {
	case open:
		out, err = sockets.Open()
	case apply:
		if err = sane(m.Domains); err != nil {
			break
		}
		w.want = osdns.Want{VPN: w.want.VPN}
		if len(m.Domains) > 0 {
			w.want.Server, w.want.Domains, w.want.Strict = protocol.DNSServer.Addr(), m.Domains, m.Strict
		}
		if err = w.apply(ctx); err == nil {
			reply.DNS = &w.told
		}
	case applyVPN:
		if err = saneVPN(m.VPN); err != nil {
			break
		}
		reply.Mode, err = w.applyVPN(ctx, m.VPN)
	case stand:
		if len(fds) == 0 {
			if out, err = sockets.Open(); err == nil {
				fds, err = sockets.Double(out)
			}
		}
		if err == nil {
			w.standby.stop()
			w.standby = &standby{fds: fds}
			w.standby.start(w.o, w.want.Domains, w.told.Upstreams)
			fds = nil
		}
	case rest:
		w.standby.stop()
		w.standby = nil
	default:
		err = fmt.Errorf("there is no %q", m.Kind)
	}
	defer sockets.CloseAll(fds)
	defer sockets.CloseAll(out)
	if err != nil {
		reply.Failure, reply.InUse = err.Error(), errors.Is(err, unix.EADDRINUSE)
	}
	return w.c.send(reply, out)
}

// apply has the system be as want says, and notes what it is told.
func (w *worker) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	w.said = true
	if w.want.Empty() {
		return w.undo(ctx)
	}
	w.undone = false
	env, err := osdns.Observe(ctx, w.o.OS)
	if err != nil {
		return err
	}
	mode, why := osdns.Choose(env)
	if mode != w.mode || w.conf == nil {
		if err := w.change(ctx, mode); err != nil {
			return err
		}
	}
	dns := protocol.DNS{Mode: mode, Why: why}
	if w.conf != nil {
		told, err := w.conf.Apply(ctx, w.want)
		if err != nil {
			return err
		}
		dns.Upstreams, dns.Competitors = told.Upstreams, told.Competitors
	}
	dns.Adapter = w.lead()
	if len(w.want.Domains) == 0 {
		w.told = protocol.DNS{}
		return nil
	}
	for _, u := range dns.Upstreams {
		for _, s := range u.Servers {
			dns.Filtered = dns.Filtered || u.Device != "" && physical.Filtered(u.Device, s.Addr())
		}
	}
	w.told = fit(dns)
	return nil
}

// lead has the table lead out of the physical adapter, and says which that is.
func (w *worker) lead() string {
	adapter, err := w.table.Keep()
	if err != nil {
		// Names are answered all the same, if no VPN has the default route.
		w.o.Log.Error("lead out of the physical adapter", "err", err)
	}
	return adapter
}

// applyVPN has the system ask the VPN, and no longer the one before; where it cannot
// be told, all is as it was.
func (w *worker) applyVPN(ctx context.Context, v *osdns.VPN) (osdns.Mode, error) {
	before, told := w.want.VPN, w.told
	w.want.VPN = v
	if err := w.apply(ctx); err != nil {
		w.want.VPN = before
		if back := w.apply(ctx); back != nil {
			err = errors.Join(err, fmt.Errorf("and what was is not as it was: %w", back))
		}
		return osdns.ModeNone, err
	}
	if err := w.tell(told); err != nil || (osdns.Want{VPN: v}).Empty() {
		return osdns.ModeNone, err
	}
	return w.mode, nil
}

// tell says that something new has come of what is wanted, if it has.
func (w *worker) tell(was protocol.DNS) error {
	if reflect.DeepEqual(was, w.told) {
		return nil
	}
	w.o.Log.Info("what the system says of names has changed", "mode", w.told.Mode, "adapter", w.told.Adapter)
	if w.standby != nil {
		w.standby.start(w.o, w.want.Domains, w.told.Upstreams)
	}
	return w.c.send(message{Kind: changed}, nil)
}

// Bounds of what is told: others have as many domains as they like, and a message
// has none.
const (
	mostTold  = 32
	mostBytes = 16 << 10 // of upstreams' domains
)

// fit is d as far as a message has room.
func fit(d protocol.DNS) protocol.DNS {
	d.Why = d.Why[:min(len(d.Why), 512)]
	d.Competitors = d.Competitors[:min(len(d.Competitors), mostTold)]
	d.Upstreams = slices.Clone(d.Upstreams[:min(len(d.Upstreams), mostTold)])
	room := mostBytes
	for i := range d.Upstreams {
		u := &d.Upstreams[i]
		u.Servers = u.Servers[:min(len(u.Servers), 8)]
		for at, domain := range u.Domains {
			if room -= len(domain) + 3; room < 0 {
				u.Domains = u.Domains[:max(at, 1)] // none at all would be all
				break
			}
		}
	}
	return d
}

// change takes another way to tell the system, after undoing what the last did.
func (w *worker) change(ctx context.Context, mode osdns.Mode) error {
	if w.conf != nil {
		w.o.Log.Info("the system is told in another way", "old", w.mode, "new", mode)
		w.unwatch()
		if _, err := w.conf.Apply(ctx, osdns.Want{}); err != nil {
			w.o.Log.Error("undo what the system was told", "mode", w.mode, "err", err)
		}
		w.conf, w.unwatch = nil, func() {}
	}
	w.mode = mode
	if mode == osdns.ModeNone {
		return nil
	}
	conf, err := osdns.New(mode, w.o.OS)
	if err != nil {
		return err
	}
	w.conf = conf
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for watching.Err() == nil {
			if err := conf.Watch(watching, w.news); err != nil && watching.Err() == nil {
				w.o.Log.Error("watch who else tells the system", "mode", mode, "err", err)
			}
			pause(watching, calm)
		}
	}()
	w.unwatch = func() {
		stop()
		<-ended
	}
	return nil
}

// undo has the system be as if we had not been, but for the table, where a VPN
// needs it.
func (w *worker) undo(ctx context.Context) error {
	w.unwatch()
	w.unwatch = func() {}
	w.told = protocol.DNS{}
	var err error
	if w.want.VPN != nil {
		w.lead()
	} else {
		err = w.table.Remove()
	}
	if w.undone {
		return err
	}
	if w.conf != nil {
		_, failed := w.conf.Apply(ctx, osdns.Want{})
		err = errors.Join(err, failed)
		w.conf = nil
	}
	w.mode = osdns.ModeNone
	err = errors.Join(err, osdns.Undo(ctx, w.o.OS))
	w.undone = err == nil && w.want.VPN != nil
	return err
}

// refresh applies again what is wanted, and tells when something new comes of it.
func (w *worker) refresh(ctx context.Context) error {
	if !w.said || w.want.VPN == nil && w.want.Empty() {
		return nil
	}
	was := w.told
	if err := w.apply(ctx); err != nil {
		w.o.Log.Error("put back what the system was told", "mode", w.mode, "err", err)
		return nil // the next news, or the sweep
	}
	return w.tell(was)
}

// Undo has the system be as if nobody had been told anything, for when no worker
// runs.
func Undo(ctx context.Context, o Options) error {
	return errors.Join(physical.New(o.Table).Remove(), osdns.Undo(ctx, o.OS))
}

// Recover puts back what the system was told before the machine's last start,
// which has left nothing else.
func Recover(ctx context.Context, o Options) error { return osdns.Undo(ctx, o.OS) }
