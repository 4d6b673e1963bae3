package osdns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What systemd-resolved was told is looked at soon after news of anything, then
// ever less often: not all that changes there is told.
const (
	soonest = 300 * time.Millisecond
	latest  = 30 * time.Second
)

// Watch calls again when systemd-resolved has come anew, and when what it was told
// by anybody has changed.
func (d *delegate) Watch(ctx context.Context, again func()) error {
	return watchResolve1(ctx, d.o, d.state, again)
}

// Watch calls again when systemd-resolved has come anew, and when what it was told
// by anybody, or a link, has changed.
func (l *ownLink) Watch(ctx context.Context, again func()) error {
	return watchResolve1(ctx, l.o, l.state, again)
}

// state is what there is of ours beside what systemd-resolved has.
func (d *delegate) state(ctx context.Context, r *resolve1) string {
	files, err := d.files()
	return fmt.Sprintf("%q %v", files, err) + r.vpnState(ctx)
}

// state is what our links are, and what they are used for.
func (l *ownLink) state(ctx context.Context, r *resolve1) string {
	ours, err := ourLinks()
	all := []any{ours, err}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		index := ours[name]
		if link, err := netlink.LinkByIndex(index); err == nil {
			addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
			all = append(all, link.Attrs().RawFlags&(unix.IFF_UP|unix.IFF_LOWER_UP), addrs, err)
		}
		s, err := r.settings(ctx, index)
		all = append(all, s, err)
	}
	return fmt.Sprint(all...) + r.vpnState(ctx)
}

// watchResolve1 runs until ctx ends, over as many connections to the bus as that
// takes.
func watchResolve1(ctx context.Context, o Options, state func(context.Context, *resolve1) string, again func()) error {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	kernel, err := kernelNews()
	if err != nil {
		return err
	}
	heard, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		listen(kernel, heard) // until it is closed
	}()
	defer func() {
		kernel.Close()
		<-ended
	}()
	for {
		err := watchBus(ctx, o, heard, state, again)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		log.Warn("the bus is away: what systemd-resolved does is not seen", "err", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// watchBus watches over one connection.
func watchBus(ctx context.Context, o Options, heard <-chan struct{}, state func(context.Context, *resolve1) string, again func()) error {
	r, err := dialResolve1(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	signals := make(chan *dbus.Signal, 16)
	r.bus.Signal(signals)
	for _, m := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, resolve1Name)},
		{dbus.WithMatchInterface("org.freedesktop.DBus.Properties"), dbus.WithMatchPathNamespace(resolve1Path)},
	} {
		if err := r.bus.AddMatchSignalContext(ctx, m...); err != nil {
			return fmt.Errorf("watch systemd-resolved: %w", err)
		}
	}
	was, wait := "", soonest
	due := time.Now() // what has changed before this
	timer := time.NewTimer(0)
	defer timer.Stop()
	// However often there is news, what is due stays so.
	look := func() {
		if at := time.Now().Add(wait); due.IsZero() || at.Before(due) {
			due = at
			timer.Reset(wait)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case s, open := <-signals:
			if !open {
				return errors.New("the bus has gone")
			}
			if owner, came := newOwner(s); came && owner != "" {
				was = "" // it knows nothing of us
				again()
			}
			wait = soonest
			look()
		case <-heard:
			wait = soonest
			look()
		case <-timer.C:
			due = time.Time{}
			// While it is away nothing is applied: its coming is told.
			now, err := r.picture(ctx)
			if err == nil {
				now += state(ctx, r)
			}
			if err == nil && now != was {
				was = now
				again()
			}
			wait = min(2*wait, latest)
			look()
		}
	}
}

// newOwner is who has the name now, of a signal that says so.
func newOwner(s *dbus.Signal) (owner string, ok bool) {
	if s.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(s.Body) != 3 {
		return "", false
	}
	owner, ok = s.Body[2].(string)
	return owner, ok
}

// errAway is that systemd-resolved does not run.
var errAway = errors.New("systemd-resolved does not run")

// picture is all that systemd-resolved was told, in some form.
func (r *resolve1) picture(ctx context.Context) (string, error) {
	has, err := r.runs(ctx)
	if err != nil {
		return "", err
	}
	if !has {
		return "", errAway // and calling it would have it started
	}
	all, err := r.claims(ctx)
	return fmt.Sprint(all), err
}
