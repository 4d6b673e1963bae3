package dns

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/resolver"
)

// held is what a process holds for its names.
type held struct {
	Resident, Heap int64 // bytes more than before
}

// memory measures what the names of a large company cost.
func (m *measure) memory(context.Context) error {
	p, err := startRole(m.near, "dns-memory", "127.0.0.4:53", filepath.Join(m.dir, "names.json"))
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		return errors.Join(fmt.Errorf("%s does not end", p.name), p.stop())
	}
	if p.result != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, p.result, p.said.String())
	}
	var h held
	if err := json.Unmarshal(p.said.Bytes(), &h); err != nil {
		return fmt.Errorf("read %q: %w", p.said.String(), err)
	}
	m.o.Report("dns-memory", float64(h.Resident)/(1<<20), "MiB")
	m.o.Report("dns-memory-heap", float64(h.Heap)/(1<<20), "MiB")
	return nil
}

// hold has names, a half of them below a wildcard, is asked for each of them,
// writes them all down, and tells how much larger that has made this process.
func hold(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("where to listen, and the file: %q", args)
	}
	pool, err := names.Open(names.Options{File: args[1]})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, resolver.New(resolver.Options{Zone: pool}), args[0]) }()
	var hosts, all []string
	for i := range heldNames {
		if i%2 == 0 {
			hosts = append(hosts, fmt.Sprintf("application-%d.%s", i, zone))
			all = append(all, hosts[len(hosts)-1])
		} else {
			all = append(all, fmt.Sprintf("machine-%d.on-demand.%s", i, zone))
		}
	}
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := lookup(c, "nobody.example", dnsmessage.TypeA); err != nil {
		return err
	}
	before, err := now()
	if err != nil {
		return err
	}
	pool.Set(hosts, []string{"on-demand." + zone})
	for _, name := range all {
		if err := lookup(c, name, dnsmessage.TypeA); err != nil {
			return err
		}
		if err := lookup(c, name, dnsmessage.TypeAAAA); err != nil {
			return err
		}
		addrs, ok := pool.Addrs(name)
		if !ok {
			return fmt.Errorf("%s has no address", name)
		}
		if err := lookup(c, reverse(addrs[0]), dnsmessage.TypePTR); err != nil {
			return err
		}
	}
	written, write := context.WithCancel(ctx)
	write()
	if err := pool.Run(written); !errors.Is(err, context.Canceled) { // it writes all anew, as it does now and then
		return err
	}
	after, err := now()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(held{after.Resident - before.Resident, after.Heap - before.Heap}); err != nil {
		return err
	}
	cancel()
	runtime.KeepAlive(pool)
	return <-ended
}

// now is what this process holds. Its collector runs for the heap alone: what
// is resident is what it has come to by itself.
func now() (h held, err error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			if err != nil {
				return h, err
			}
			h.Resident = n << 10
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.Heap = int64(m.HeapAlloc)
	return h, nil
}

// lookup asks, again if need be, and wants an answer of whatever kind.
func lookup(c net.Conn, name string, t dnsmessage.Type) error {
	id := uint16(rand.Uint32())
	query, err := (&dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: t, Class: dnsmessage.ClassINET}},
	}).Pack()
	if err != nil {
		return err
	}
	b := make([]byte, 1500)
	for range 50 { // until it has begun to listen
		if _, err = c.Write(query); err == nil {
			c.SetReadDeadline(time.Now().Add(time.Second))
			_, err = c.Read(b)
		}
		if err == nil && binary.BigEndian.Uint16(b) == id {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("ask for %s: %w", name, err)
}

// reverse is the name of an IPv4 address.
func reverse(a netip.Addr) string {
	b := a.As4()
	return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0])
}
