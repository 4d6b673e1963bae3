package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// uses are of what does not outlive its carrier: datagrams and pings.
type uses struct {
	router front.Router
	ctx    context.Context
	to     string
	port   uint16
	wg     sync.WaitGroup

	datagrams, echoes, altered atomic.Int64
}

func (u *uses) count(c *counts) {
	c.Datagrams, c.Echoes, c.Altered = u.datagrams.Load(), u.echoes.Load(), u.altered.Load()
}

// use sends some of both, and does not wait for what comes back.
func (u *uses) use() {
	u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(u.ctx, 20*time.Second)
		defer cancel()
		if u.router.Echo(ctx, front.Target{Host: u.to, Protocol: wire.ICMP}, 32) == nil {
			u.echoes.Add(1)
		}
	})
	u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(u.ctx, 20*time.Second)
		defer cancel()
		p, err := u.router.Packets(ctx, front.Target{Host: u.to, Port: u.port, Protocol: wire.UDP})
		if err != nil {
			return
		}
		defer p.Close()
		for range 20 {
			if p.Send(newDatagram()) != nil {
				return
			}
			wait, done := context.WithTimeout(ctx, 500*time.Millisecond)
			b, err := p.Receive(wait)
			done()
			switch {
			case err != nil: // lost, as datagrams are
			case !isDatagram(b):
				u.altered.Add(1)
			default:
				u.datagrams.Add(1)
			}
		}
	})
}

const datagramSize = 200

// newDatagram is one that nobody else makes, and isDatagram knows one again.
func newDatagram() []byte {
	b := make([]byte, datagramSize)
	rand.Read(b[:8])
	fill(b[8:], binary.BigEndian.Uint64(b), 0)
	return b
}

func isDatagram(b []byte) bool {
	if len(b) != datagramSize {
		return false
	}
	want := make([]byte, datagramSize-8)
	fill(want, binary.BigEndian.Uint64(b), 0)
	return bytes.Equal(b[8:], want)
}
