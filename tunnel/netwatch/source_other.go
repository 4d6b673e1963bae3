//go:build !linux

package netwatch

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"
)

// poll is how often interfaces are looked at where nothing announces them.
const poll = 15 * time.Second

// poller looks again and again.
type poller struct {
	ignore func(string) bool
	ended  chan struct{}
}

func openSource(ignore func(string) bool) (source, error) {
	return &poller{ignore: ignore, ended: make(chan struct{}, 1)}, nil
}

func (p *poller) next() error {
	select {
	case <-time.After(poll):
		return nil
	case <-p.ended:
		p.close()
		return net.ErrClosed
	}
}

func (p *poller) close() {
	select {
	case p.ended <- struct{}{}:
	default:
	}
}

// picture has no routes: the addresses change with them, as a rule.
func (p *poller) picture() (picture, error) {
	links, err := net.Interfaces()
	if err != nil {
		return picture{}, err
	}
	var now picture
	for _, l := range links {
		if l.Flags&net.FlagUp == 0 || l.Flags&net.FlagLoopback != 0 || p.ignore(l.Name) {
			continue
		}
		addrs, err := l.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(n.IP)
			if ones, _ := n.Mask.Size(); ok && !addr.IsLinkLocalUnicast() {
				now.addresses = append(now.addresses, address{l.Index, netip.PrefixFrom(addr.Unmap(), ones)})
			}
		}
	}
	slices.SortFunc(now.addresses, func(a, b address) int {
		return cmp.Or(cmp.Compare(a.link, b.link), a.prefix.Addr().Compare(b.prefix.Addr()))
	})
	return now, nil
}
