package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/session"
)

// probe is an application that answers a request.
const probe = "wiki"

// firstBytes measures how long a program waits for the first byte of an answer,
// from its connect, in round trips of the path: with the data channel closed,
// and with one that stands.
func (b *bench) firstBytes(ctx context.Context) error {
	var closed, warm []float64
	for range b.runs {
		var addr netip.AddrPort
		_, err := b.rig.Wait(ctx, "its data channel is closed", func(s *session.State) bool {
			for _, a := range s.Apps {
				if a.ID == probe {
					addr = a.Listen
				}
			}
			return addr.IsValid() && len(s.Sites) == 1 && s.Sites[0].State != session.Connected && s.Sites[0].State != session.Connecting
		})
		if err != nil {
			return err
		}
		for _, into := range []*[]float64{&closed, &warm} {
			took, err := firstByte(ctx, addr.String())
			if err != nil {
				return err
			}
			*into = append(*into, float64(took)/float64(2*oneWay))
		}
	}
	report("first-byte-closed", median(closed), "rtt")
	report("first-byte-warm", median(warm), "rtt")
	return nil
}

func firstByte(ctx context.Context, addr string) (time.Duration, error) {
	begin := time.Now()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, fmt.Errorf("use %s: %w", probe, err)
	}
	defer c.Close()
	c.SetDeadline(begin.Add(30 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\nHost: wiki\r\n\r\n"); err != nil {
		return 0, fmt.Errorf("use %s: %w", probe, err)
	}
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return 0, fmt.Errorf("use %s: %w", probe, err)
	}
	took := time.Since(begin)
	_, err = io.Copy(io.Discard, c)
	return took, err
}
