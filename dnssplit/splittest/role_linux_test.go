package splittest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
)

// roleName as the first argument has the tests' binary be the client on a machine.
const roleName = "splittest-client"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == roleName {
		if err := client(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// setup is what the client is to do.
type setup struct {
	Mode           osdns.Mode
	Bus, File      string
	Hosts, Domains []string
}

// told is what the client says of itself.
type told struct {
	Names   map[string][2]netip.Addr // addresses of names
	Reverse []string
	Told    osdns.Told
	// Asked are how many lookups of names of ours came, and Foreign the other names.
	Asked   int
	Foreign []string
}

// server is where the client answers.
var server = netip.MustParseAddr("127.11.0.53")

// client is the name service as the product puts it together, in one process: it
// tells what it has found for each line of its input, and undoes all at its end.
func client(arg string) error {
	var o setup
	if err := json.Unmarshal([]byte(arg), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, err := names.Open(names.Options{File: o.File})
	if err != nil {
		return err
	}
	pool.Set(o.Hosts, o.Domains)
	var mu sync.Mutex
	var t told
	r := resolver.New(resolver.Options{Zone: pool, Asked: func(name string, ours bool) {
		mu.Lock()
		defer mu.Unlock()
		if ours {
			t.Asked++
		} else {
			t.Foreign = append(t.Foreign, name)
		}
	}})
	at := netip.AddrPortFrom(server, 53).String()
	udp, err := net.ListenPacket("udp4", at)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp4", at)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, udp, tcp) }()
	system, err := osdns.New(o.Mode, osdns.Options{Bus: o.Bus})
	if err != nil {
		return err
	}
	apply := func(w osdns.Want) (osdns.Told, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return system.Apply(ctx, w)
	}
	found, err := apply(osdns.Want{Server: server, Domains: append(pool.Zones(), pool.Reverse()...)})
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if o.Mode.All() {
		var to []resolver.Upstream
		for _, u := range found.Upstreams {
			to = append(to, resolver.Upstream(u))
		}
		r.Forward(to)
	}
	out := json.NewEncoder(os.Stdout)
	tell := func() error {
		mu.Lock()
		defer mu.Unlock()
		t.Names, t.Reverse, t.Told = pool.All(), pool.Reverse(), found
		return out.Encode(t)
	}
	if err := tell(); err != nil {
		return err
	}
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		if err := tell(); err != nil {
			return err
		}
	}
	if _, err := apply(osdns.Want{}); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	cancel()
	if err := <-served; err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
