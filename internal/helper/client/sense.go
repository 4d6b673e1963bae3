//go:build linux

package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// Sensor hears what only root may see of this machine's networks. It is for one
// goroutine, but for Close.
type Sensor struct {
	c     *net.UnixConn
	first *protocol.Sensed // nil: it was given out
}

// Sense begins to hear; see protocol.Sense. A refusal is a *protocol.Refusal.
func (h Helper) Sense(ctx context.Context) (*Sensor, error) {
	reply, fds, c, err := h.call(ctx, protocol.Request{Verb: protocol.Sense})
	if err != nil {
		return nil, err
	}
	sockets.CloseAll(fds)
	if reply.Sensed == nil {
		c.Close()
		return nil, errors.New("the helper's answer says nothing of networks")
	}
	return &Sensor{c: c, first: reply.Sensed}, nil
}

// Next is all that there is: at once the first time, and after that when it is
// something else. An error says that nothing more comes, and that what was heard is
// not known any more: Close this, and begin anew.
func (s *Sensor) Next(ctx context.Context) (protocol.Sensed, error) {
	if s.first != nil {
		first := *s.first
		s.first = nil
		return first, nil
	}
	defer context.AfterFunc(ctx, func() { s.c.SetReadDeadline(time.Unix(1, 0)) })() // half a message is of no use any more
	b, fds, err := receive(s.c)
	sockets.CloseAll(fds)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return protocol.Sensed{}, fmt.Errorf("hear from the helper: %w", err)
	}
	reply, err := protocol.DecodeReply(b)
	switch {
	case err != nil:
		return protocol.Sensed{}, fmt.Errorf("hear from the helper: %w", err)
	case reply.Refusal != nil:
		return protocol.Sensed{}, reply.Refusal
	case reply.Sensed == nil:
		return protocol.Sensed{}, errors.New("hear from the helper: it says nothing of networks")
	}
	return *reply.Sensed, nil
}

// Close ends it, and a Next that waits.
func (s *Sensor) Close() { s.c.Close() }
