//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/client"
)

// zone has every name below some domains stand for one application.
type zone struct {
	mu      sync.Mutex
	domains []string
}

func (z *zone) set(domains []string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.domains = domains
}

func (z *zone) Below(host string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.ContainsFunc(z.domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
}

func (z *zone) Exists(string) bool                     { return true }
func (z *zone) Answer(string) ([2]netip.Addr, bool)    { return [2]netip.Addr{app4, app6}, true }
func (z *zone) Host(netip.Addr) (host string, ok bool) { return "", false }
func (z *zone) Reverse() []string                      { return nil }
func (z *zone) Prefixes() [2]netip.Prefix              { return [2]netip.Prefix{} }

// beAnswerer answers names, as its input says: "open", "apply" with the domains,
// of which "!" stands for strict, "changed" and "lost" wait for these, "drop"
// gives the sockets back, "close" undoes all.
func beAnswerer(h client.Helper, _ string) {
	ctx := context.Background()
	var d *client.DNS
	var r *resolver.Resolver
	var served chan error
	z := &zone{}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		switch verb {
		case "open":
			var err error
			if d, err = h.OpenDNSSocket(ctx); err == nil {
				r, served = resolver.New(resolver.Options{Zone: z}), nil
			}
			fmt.Println(code(err))
		case "apply":
			domains := strings.Fields(arg)
			strict := slices.Contains(domains, "!")
			domains = slices.DeleteFunc(domains, func(d string) bool { return d == "!" })
			if len(domains) == 0 {
				domains = nil
			}
			dns, err := h.ApplyDNS(ctx, domains, strict)
			if err != nil {
				fmt.Println(code(err))
				continue
			}
			z.set(domains)
			var to []resolver.Upstream
			for _, u := range dns.Upstreams {
				to = append(to, resolver.Upstream(u))
			}
			r.Forward(to)
			if served == nil {
				served = make(chan error, 1)
				go func(r *resolver.Resolver, d *client.DNS, served chan<- error) { served <- r.Serve(ctx, d.UDP, d.TCP) }(r, d, served)
			}
			text := fmt.Sprintf("ok mode=%s adapter=%s filtered=%v upstreams=%v competitors=%v", dns.Mode, dns.Adapter, dns.Filtered, dns.Upstreams, dns.Competitors)
			for _, why := range slices.Sorted(maps.Keys(dns.Left)) {
				text += fmt.Sprintf(" %s=%v", why, dns.Left[why])
			}
			fmt.Println(text)
		case "changed":
			select {
			case <-d.Changed():
				fmt.Println("ok")
			case <-time.After(wait):
				fmt.Println("nothing has changed")
			}
		case "lost":
			select {
			case <-d.Lost():
				fmt.Println("ok")
			case <-time.After(wait):
				fmt.Println("nothing is lost")
			}
		case "drop":
			d.Close()
			if served != nil {
				<-served
			}
			fmt.Println("ok")
		case "close":
			fmt.Println(code(h.Close(ctx)))
		}
	}
}
