package channel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// roams measures the longest gap of a transfer while the client moves from one
// path to another: announced, where the new path comes before the old one goes,
// and not, where the old one falls silent. Then it loses 30 % of all packets for
// 30 seconds. What comes must be what was sent. The peer is not beside it: its
// client says nothing while it fetches, and so its gateway learns of no new path.
func (m *measure) roams() error {
	const rate = 40e6
	quality := netlab.Quality{Delay: oneWay, Rate: rate}
	m.next.Set(quality)
	defer m.slow.Set(netlab.Quality{Delay: oneWay})
	for _, c := range []struct {
		name, lane string
		move       func() error
	}{
		{"roam-gap-announced-h3", "h3", func() error { return m.moveTo("next", nextGateway.Addr(), true) }},
		{"roam-gap-h3", "h3", func() error { return m.moveTo("next", nextGateway.Addr(), false) }},
		{"roam-gap-h2", "h2", func() error { return m.moveTo("next", nextGateway.Addr(), false) }},
	} {
		var gaps []float64
		for range m.o.Rounds {
			m.slow.Set(quality)
			gap, err := m.roam(c.lane, 10<<20, c.move)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			gaps = append(gaps, float64(gap)/float64(time.Millisecond))
		}
		m.o.Report(c.name, median(gaps), "ms")
	}
	m.slow.Set(quality)
	gap, err := m.roam("auto", 20<<20, func() error {
		m.slow.Set(netlab.Quality{Delay: oneWay, Rate: rate, Loss: 0.3})
		time.Sleep(30 * time.Second)
		m.slow.Set(quality)
		return nil
	})
	if err != nil {
		return fmt.Errorf("30 %% loss for 30 s: %w", err)
	}
	m.o.Report("storm-gap", float64(gap)/float64(time.Millisecond), "ms")
	return nil
}

// moveTo leads to the gateway by another path. Announced, the old one stays for
// a second.
func (m *measure) moveTo(dev string, via netip.Addr, announced bool) error {
	if !announced {
		m.slow.Set(netlab.Quality{Delay: oneWay, Loss: 1})
	}
	if err := m.client.Route(anyGateway, via, dev); err != nil {
		return err
	}
	if announced {
		time.Sleep(time.Second)
		m.slow.Set(netlab.Quality{Delay: oneWay, Loss: 1})
	}
	return nil
}

// roam fetches a file, moves in the middle of it, and returns the longest gap.
func (m *measure) roam(lane string, size int64, move func() error) (gap time.Duration, err error) {
	if err := m.client.Route(anyGateway, slowGateway.Addr(), "slow"); err != nil {
		return 0, err
	}
	sides, stop, err := m.sides(anyGateway.Addr(), lane)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	p, err := start(m.client, "load", "-kind", "file", "-to", sides[0].to, "-size", strconv.FormatInt(size, 10))
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.ready(); err != nil {
		return 0, err
	}
	time.Sleep(500 * time.Millisecond)
	if err := move(); err != nil {
		return 0, err
	}
	l, err := p.result()
	if err != nil {
		return 0, err
	}
	sum := sha256.New()
	io.CopyN(sum, newPattern(), size)
	if want := fmt.Sprintf("%x", sum.Sum(nil)); l.Sum != want {
		return 0, fmt.Errorf("what came is not what was sent: %d of %d bytes", l.Bytes, size)
	}
	return l.Gap, nil
}
