package lab

import (
	"context"
	"fmt"
	"net"
)

// part is one thing of the lab that runs until it is stopped.
type part struct {
	name   string
	cancel context.CancelFunc
	done   chan error
}

func startPart(name string, run func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{name: name, cancel: cancel, done: make(chan error, 1)}
	go func() { p.done <- run(ctx) }()
	return p
}

// stop ends the part and waits for it; a second stop does nothing.
func (p *part) stop() error {
	if p == nil || p.cancel == nil {
		return nil
	}
	p.cancel()
	p.cancel = nil
	if err := <-p.done; err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

func startSample(s *sample) (*part, string, error) {
	if s.answer != nil {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, "", fmt.Errorf("start %s: %w", s.name, err)
		}
		p := startPart(s.name, func(ctx context.Context) error {
			defer c.Close()
			return gauge(ctx, c, s.answer)
		})
		return p, c.LocalAddr().String(), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", s.name, err)
	}
	p := startPart(s.name, func(ctx context.Context) error {
		defer l.Close()
		return s.serve(ctx, l)
	})
	return p, l.Addr().String(), nil
}
