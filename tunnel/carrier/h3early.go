package carrier

import (
	"context"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// How many streams are opened before the first packet of a carrier that begins in
// 0-RTT: for the session and a joining, and for the first flows. More wait for
// the handshake: quic-go 0.65 opens a stream without a lock on what the gateway's
// answer is about to change.
const (
	earlyMessages = 2
	earlyFlows    = 6
)

// reserve opens them, as far as the ticket allows.
func (c *h3Carrier) reserve(ctx context.Context) {
	for range earlyMessages {
		s, err := c.conn.OpenStream()
		if err != nil {
			return
		}
		c.messageStreams = append(c.messageStreams, s)
	}
	for range earlyFlows {
		s, err := c.h.OpenRequestStream(ctx)
		if err != nil {
			return
		}
		c.flowStreams = append(c.flowStreams, s)
	}
}

// openMessage opens a stream for a request that is written by hand.
func (c *h3Carrier) openMessage(ctx context.Context) (*quic.Stream, error) {
	c.mu.Lock()
	if len(c.messageStreams) > 0 && !c.anew {
		s := c.messageStreams[0]
		c.messageStreams = c.messageStreams[1:]
		c.mu.Unlock()
		return s, nil
	}
	c.mu.Unlock()
	if err := c.secured(ctx); err != nil {
		return nil, err
	}
	return c.conn.OpenStreamSync(ctx)
}

// openFlow opens a stream for a CONNECT on h.
func (c *h3Carrier) openFlow(ctx context.Context, h *http3.ClientConn) (*http3.RequestStream, error) {
	c.mu.Lock()
	if len(c.flowStreams) > 0 && h == c.h && !c.anew {
		s := c.flowStreams[0]
		c.flowStreams = c.flowStreams[1:]
		c.mu.Unlock()
		return s, nil
	}
	c.mu.Unlock()
	if err := c.secured(ctx); err != nil {
		return nil, err
	}
	return h.OpenRequestStream(ctx)
}
