package sense

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

type addr = netip.AddrPort

// lookupTime bounds the lookup of one name.
const lookupTime = 5 * time.Second

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// underlay are the addresses of controller and gateways: those of names are looked
// up once, and again, a Sweep apart, while that fails.
type underlay struct {
	asked []string
	of    map[string][]addr // by host:port; empty: not known yet
	next  time.Time
	busy  bool
	found chan map[string][]addr
}

// want has it be those of all. It does not wait for what it starts.
func (u *underlay) want(ctx context.Context, wg *sync.WaitGroup, all []string, resolve func(context.Context, string) ([]netip.Addr, error)) {
	if !slices.Equal(u.asked, all) {
		old := u.of
		u.asked, u.of, u.next = slices.Clone(all), map[string][]addr{}, time.Time{}
		for _, a := range all {
			u.of[a] = old[a]
			if literal, err := netip.ParseAddrPort(a); err == nil {
				u.of[a] = []addr{netip.AddrPortFrom(literal.Addr().Unmap(), literal.Port())}
			}
		}
	}
	var missing []string
	for _, a := range all {
		if len(u.of[a]) == 0 {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 || u.busy || time.Now().Before(u.next) {
		return
	}
	u.busy, u.next = true, time.Now().Add(Sweep)
	wg.Go(func() {
		found := map[string][]addr{}
		for _, a := range missing {
			host, port, err := net.SplitHostPort(a)
			if err != nil {
				continue
			}
			number, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				continue
			}
			ctx, cancel := context.WithTimeout(ctx, lookupTime)
			ips, err := resolve(ctx, host)
			cancel()
			if err != nil {
				continue // what is not known is not judged by
			}
			for _, ip := range ips {
				found[a] = append(found[a], netip.AddrPortFrom(ip.Unmap(), uint16(number)))
			}
			slices.SortFunc(found[a], netip.AddrPort.Compare)
		}
		u.found <- found // one is under way at a time
	})
}

// known takes what was found.
func (u *underlay) known(found map[string][]addr) {
	u.busy = false
	for a, of := range found {
		if _, ok := u.of[a]; ok {
			u.of[a] = of
		}
	}
}

// addresses are those that are known, in order.
func (u *underlay) addresses() (all []addr) {
	for _, a := range slices.Sorted(maps.Keys(u.of)) {
		all = append(all, u.of[a]...)
	}
	return all
}
