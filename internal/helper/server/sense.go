//go:build linux

package server

import (
	"context"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// Senses is the part that looks; a *sensor.Link is one.
type Senses interface {
	// Run calls told with all that there is, whenever it is something else, until ctx
	// ends, or the part has gone, which is an error.
	Run(ctx context.Context, told func(protocol.Sensed)) error
}

// senses is what is known of what only root may see.
type senses struct {
	mu    sync.Mutex
	known *protocol.Sensed            // nil: nothing yet
	gone  bool                        // there is nobody who looks
	taken map[uint32][]protocol.Taken // of what leads to each user's device
	// news is closed, and another, when any of it is something else.
	news chan struct{}
}

// change changes it, and wakes who waits for that.
func (n *senses) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.news)
	n.news = make(chan struct{})
}

// now is what there is to tell a user, and what is closed when it is something else.
func (n *senses) now(uid uint32) (told *protocol.Sensed, gone bool, news <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known != nil {
		all := *n.known
		all.Taken = n.taken[uid]
		told = &all
	}
	return told, n.gone, n.news
}

// runSenses hears from the part that looks. Without it all else goes on.
func (s *Server) runSenses(ctx context.Context) error {
	if s.o.Senses == nil {
		s.senses.change(func() { s.senses.gone = true })
		return nil
	}
	err := s.o.Senses.Run(ctx, func(now protocol.Sensed) {
		s.senses.change(func() { s.senses.known = &now })
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.o.Log.Error("nobody looks which VPNs run any more", "err", err)
	s.senses.change(func() { s.senses.known, s.senses.gone = nil, true })
	return nil
}

// sense tells a user's client until its connection ends, or ctx.
func (s *Server) sense(ctx context.Context, c *net.UnixConn, uid uint32) {
	over := make(chan struct{})
	c.SetReadDeadline(time.Time{})
	go func() { // nothing more is to come
		defer close(over)
		c.Read(make([]byte, 1))
	}()
	defer func() {
		c.SetReadDeadline(time.Unix(1, 0))
		<-over
	}()
	first := time.NewTimer(connTime)
	defer first.Stop()
	var last *protocol.Sensed
	for {
		told, gone, news := s.senses.now(uid)
		late := false
		switch {
		case told != nil && (last == nil || !reflect.DeepEqual(*told, *last)):
			last = told
			if !s.tellSensed(c, protocol.Reply{Sensed: told}) {
				return
			}
		case gone:
			s.tellSensed(c, protocol.Reply{Refusal: protocol.Refuse(protocol.Failed, "this helper tells nothing of this machine's networks")})
			return
		}
		select {
		case <-news:
		case <-over:
			return
		case <-ctx.Done():
			return
		case <-first.C:
			late = last == nil
		}
		if late {
			s.tellSensed(c, protocol.Reply{Refusal: protocol.Refuse(protocol.Failed, "this helper does not know anything of this machine's networks yet; try again")})
			return
		}
	}
}

// tellSensed says whether the client listens.
func (s *Server) tellSensed(c *net.UnixConn, r protocol.Reply) bool {
	c.SetWriteDeadline(time.Now().Add(connTime))
	return send(c, r, nil) == nil
}
