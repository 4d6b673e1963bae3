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

// use has a program use an application, so that its data channel opens.
func (b *bench) use(ctx context.Context) error {
	var addr netip.AddrPort
	_, err := b.rig.Wait(ctx, "the application has an address", func(s *session.State) bool {
		for _, a := range s.Apps {
			if a.ID == probe {
				addr = a.Listen
			}
		}
		return addr.IsValid()
	})
	if err != nil {
		return err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return fmt.Errorf("use %s: %w", probe, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\nHost: wiki\r\n\r\n"); err != nil {
		return fmt.Errorf("use %s: %w", probe, err)
	}
	_, err = io.Copy(io.Discard, c)
	return err
}
