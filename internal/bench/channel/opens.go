package channel

import (
	"errors"
	"fmt"
	"time"
)

// opens measures 2,000 new flows a second, each of which gets one answer.
func (m *measure) opens() (err error) {
	sides, stop, err := m.sides(fastGateway.Addr(), "wireguard-go", "auto")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, s := range sides {
		var p99 []float64
		for range m.o.Rounds {
			l, err := load(m.client, "-kind", "opens", "-to", s.to, "-rate", "2000", "-seconds", "3")
			if err != nil {
				return err
			}
			if l.Refused > 0 {
				return fmt.Errorf("%s: %d of %d flows failed", s.name, l.Refused, l.Refused+len(l.Delays))
			}
			p99 = append(p99, float64(l.Delays[len(l.Delays)*99/100])/float64(time.Millisecond))
		}
		name := "flow-open-p99"
		if s.name != "auto" {
			name += "-" + s.name
		}
		m.o.Report(name, median(p99), "ms")
	}
	return nil
}
