//go:build linux

package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	lists "github.com/tidegate/tidegate/internal/dump"
	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

const (
	// gather is how long changes are waited for, slowest on a machine that is busy, sweep how often it looks where nothing
	// was announced, should news be lost.
	gather  = 50 * time.Millisecond
	slowest = 500 * time.Millisecond
	sweep   = time.Minute
	// again is how long after its end news are asked for anew.
	again = time.Second
)

// Watch tells by the descriptor, which it closes, what there is, whenever it is
// something else, until the other end has gone or ctx ends: then it returns nil.
func Watch(ctx context.Context, fd int, log *slog.Logger) error {
	c, err := newConn(fd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.Close()
	defer cancel()
	news := make(chan struct{}, 1)
	changed := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	wg.Go(func() { // nothing comes but the end
		defer cancel()
		for {
			if _, err := c.Read(make([]byte, 1)); err != nil {
				return
			}
		}
	})
	wg.Go(func() { keepOn(ctx, log, func() error { return physical.Watch(ctx, changed) }) })
	wg.Go(func() { keepOn(ctx, log, func() error { return generations(ctx, changed) }) })
	tick := time.NewTicker(sweep)
	defer tick.Stop()
	l := looker{log: log}
	var told *protocol.Sensed
	for {
		began := time.Now()
		if now, err := l.look(); err != nil {
			log.Error("look what drops packets, and who holds devices", "err", err)
		} else if told == nil || !reflect.DeepEqual(now, *told) {
			if err := send(c, now); err != nil {
				if ctx.Err() != nil || errors.Is(err, unix.EPIPE) || errors.Is(err, net.ErrClosed) {
					return nil
				}
				return err
			}
			told = &now
		}
		rest := min(max(gather, 4*time.Since(began)), slowest) // where changes do not end
		select {
		case <-news:
			pause(ctx, rest)
			select {
			case <-news:
			default:
			}
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// keepOn has f run again whenever it ends.
func keepOn(ctx context.Context, log *slog.Logger, f func() error) {
	for ctx.Err() == nil {
		if err := f(); err != nil && ctx.Err() == nil {
			log.Error("hear of changes", "err", err)
		}
		pause(ctx, again)
	}
}

// generations calls changed whenever nftables has another ruleset, and at first.
func generations(ctx context.Context, changed func()) error {
	// Its socket is closed here: the monitor leaves it open where that has failed.
	c, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(roomy))
	if err != nil {
		return fmt.Errorf("watch the firewall: %w", err)
	}
	defer c.CloseLasting()
	events, err := c.AddGenerationalMonitor(nftables.NewMonitor())
	if err != nil {
		return fmt.Errorf("watch the firewall: %w", err)
	}
	defer context.AfterFunc(ctx, func() { c.CloseLasting() })()
	changed()
	for e := range events {
		if e.GeneratedBy != nil && e.GeneratedBy.Error != nil && ctx.Err() == nil {
			err = fmt.Errorf("watch the firewall: %w", e.GeneratedBy.Error) // it ends now
		}
		changed()
	}
	return err
}

// roomy is for rulesets that are made at once.
func roomy[C interface{ SetReadBuffer(bytes int) error }](c C) error { return c.SetReadBuffer(4 << 20) }

// looker looks, and remembers whom it has found.
type looker struct {
	log     *slog.Logger
	holders []protocol.Holder
}

func (l *looker) look() (protocol.Sensed, error) {
	links, err := lists.Whole(netlink.LinkList)
	if err != nil {
		return protocol.Sensed{}, fmt.Errorf("list the links: %w", err)
	}
	var tuns []string
	var adapters []adapter
	for _, link := range links {
		a := link.Attrs()
		if link.Type() == "tuntap" || link.Type() == "tun" {
			tuns = append(tuns, a.Name)
		}
		if a.RawFlags&unix.IFF_UP != 0 && a.Flags&net.FlagLoopback == 0 && a.MasterIndex == 0 && len(adapters) < mostAdapters {
			adapters = append(adapters, adapter{a.Index, a.Name, hardware(a.EncapType)})
		}
	}
	l.holders = Holders("/proc", tuns, l.holders)
	r, err := load()
	if err != nil {
		return protocol.Sensed{}, err
	}
	return protocol.Sensed{Holders: l.holders, Filters: r.filters(adapters), Unread: old()}, nil
}

// mostAdapters is how many are tried.
const mostAdapters = 64

// hardware is the kernel's number for a kind of link.
func hardware(encap string) uint16 {
	switch encap {
	case "none":
		return unix.ARPHRD_NONE
	case "ppp":
		return unix.ARPHRD_PPP
	}
	return unix.ARPHRD_ETHER
}

// old says whether the kernel has rules of iptables-legacy, in whichever network
// namespace. Which they are root alone is told.
func old() bool {
	b, err := os.ReadFile("/proc/modules")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if name, _, _ := strings.Cut(line, " "); name == "iptable_filter" || name == "ip6table_filter" {
			return true
		}
	}
	return false
}

// send tells what there is, of which as much as a message has room for.
func send(c *net.UnixConn, s protocol.Sensed) error {
	for {
		b, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("tell what was seen: %w", err)
		}
		if len(b) <= mostBytes {
			_, err = c.Write(b)
			return err
		}
		if n := len(s.Holders); n > len(s.Filters) {
			s.Holders = s.Holders[:n/2]
		} else {
			s.Filters = s.Filters[:len(s.Filters)/2]
		}
	}
}

// mostBytes leaves room for what else a reply has.
const mostBytes = protocol.MaxMessage - 8<<10

// newConn takes a descriptor of the pair.
func newConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "sensor")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("take the socket pair: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("take the socket pair: it is something else")
	}
	return u, nil
}

// Link is the main process's end.
type Link struct{ c *net.UnixConn }

// NewLink takes the descriptor of the main process's end.
func NewLink(fd int) (*Link, error) {
	c, err := newConn(fd)
	if err != nil {
		return nil, err
	}
	return &Link{c}, nil
}

// Run calls told with all that there is, whenever it is something else, until ctx
// ends, or there is no sensor any more, which is an error.
func (l *Link) Run(ctx context.Context, told func(protocol.Sensed)) error {
	defer l.c.Close()
	defer context.AfterFunc(ctx, func() { l.c.Close() })()
	b := make([]byte, protocol.MaxMessage)
	for {
		n, err := l.c.Read(b)
		if err == nil && n == 0 {
			err = io.EOF
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("the part that looks has ended: %w", err)
		}
		var s protocol.Sensed
		if err := json.Unmarshal(b[:n], &s); err != nil || len(s.Holders) > protocol.MaxHolders || len(s.Filters) > protocol.MaxFilters {
			return errors.New("the part that looks says nonsense")
		}
		told(s)
	}
}
