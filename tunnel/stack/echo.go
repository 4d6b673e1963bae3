//go:build linux

package stack

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/tidegate/tidegate/internal/wire"
)

// echoTime is how long a ping may take.
const echoTime = 10 * time.Second

// echo has the router ping for a program, and answers when it has; the packet
// is an echo request, and the caller's again when echo returns. A ping beyond
// the bound is lost.
func (s *Stack) echo(packet []byte) {
	select {
	case s.echoes <- struct{}{}:
	default:
		return
	}
	s.mu.Lock()
	closing := s.closing
	if !closing {
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if closing {
		<-s.echoes
		return
	}
	packet = append([]byte(nil), packet...)
	go func() {
		defer s.wg.Done()
		defer func() { <-s.echoes }()
		ctx, cancel := context.WithTimeout(s.ctx, echoTime)
		defer cancel()
		if reply := s.ping(ctx, packet); reply != nil {
			s.link.inject(reply)
		}
	}()
}

// ping is what the program gets to see: a reply, why there is none, or nothing.
func (s *Stack) ping(ctx context.Context, packet []byte) []byte {
	var addr tcpip.Address
	var head, size int
	if packet[0]>>4 == 4 {
		addr = tcpip.AddrFrom4([4]byte(packet[offsetSource4+4:]))
		head = int(packet[0]&0xf) * 4
		size = int(binary.BigEndian.Uint16(packet[2:])) - head - headerICMP
	} else {
		addr = tcpip.AddrFrom16([16]byte(packet[offsetSource6+16:]))
		head = headerIPv6
		size = int(binary.BigEndian.Uint16(packet[4:])) - headerICMP
	}
	why := noHost
	if t, known := s.target(addr, 0, wire.ICMP); known {
		err := s.o.Router.Echo(ctx, t, min(size, wire.MaxEcho))
		var problem *wire.Problem
		switch {
		case err == nil:
			return answer(packet)
		case ctx.Err() != nil || !errors.As(err, &problem):
			return nil // as a ping that is lost
		case problem.Code != wire.CodeAppUnreachable:
			why = prohibited
		}
	}
	return denial(quoteOf(packet[:head], packet[head:]), why)
}
