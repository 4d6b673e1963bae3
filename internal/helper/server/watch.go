//go:build linux

package server

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// watch undoes what led to devices that have gone.
func (s *Server) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		updates, done := make(chan netlink.LinkUpdate, 16), make(chan struct{})
		err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
			ErrorCallback: func(error) {}, // it is sweeping again that helps
		})
		if err != nil {
			return fmt.Errorf("watch devices: %w", err)
		}
		s.sweep()
		s.uphold()
		s.follow(ctx, updates)
		close(done)
		for range updates { // it ends by closing them
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// follow sweeps whenever a device has gone, until the news end.
func (s *Server) follow(ctx context.Context, updates <-chan netlink.LinkUpdate) {
	again := time.NewTicker(sweeping)
	defer again.Stop()
	for {
		select {
		case u, ok := <-updates:
			if !ok {
				return
			}
			if u.Header.Type == unix.RTM_DELLINK {
				s.sweep()
			}
		case <-again.C:
			s.sweep()
			s.uphold()
		case <-ctx.Done():
			return
		}
	}
}

// sweep undoes rules of devices that have gone; the guard stays.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.Index != 0 && !alive(r) {
			if err := s.gone(r); err != nil {
				s.o.Log.Error("undo what led to a device", "uid", r.UID, "err", err)
			}
		}
	}
}

func (s *Server) gone(r record) error {
	if err := s.o.Config.unlead(r); err != nil {
		return err
	}
	r.Index = 0
	s.o.Log.Info("a device has gone", "uid", r.UID)
	return s.keep(r)
}

// uphold puts back what others have taken away: who reloads a firewall, or
// starts the machine's network anew, empties the tables that ours are in.
func (s *Server) uphold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if err := s.hold(r); err != nil {
			s.o.Log.Error("put back what leads to a device", "uid", r.UID, "err", err)
		}
	}
}

func (s *Server) hold(r record) error {
	there, err := guarded(r.UID)
	if err == nil && !there {
		s.o.Log.Warn("a guard was taken away", "uid", r.UID)
		err = s.o.Config.guard(r)
	}
	l, now := s.led[r.UID], time.Now() // what others want gone stays so
	if err == nil {
		be := l.less(r, true, now)
		err = s.o.Config.block(be, be)
	}
	if err == nil && r.Index != 0 && l == nil { // else it is runLed that has it so
		err = s.o.Config.dress(r)
	}
	if err == nil && r.Index != 0 {
		err = s.o.Config.lead(l.less(r, false, now))
	}
	return err
}
