package lab_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// under are the packets to controller and gateways.
type under struct {
	*resolvedtest.Sniffer
	mu    sync.Mutex
	names map[int]string // of links
	count map[int]int
}

func watchUnder() (u *under, err error) {
	u = &under{names: map[int]string{}, count: map[int]int{}}
	u.Sniffer, err = resolvedtest.Sniff(func(f func() error) error { return f() }, "", func(p resolvedtest.Packet) {
		got, ok := parse(p.Data)
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.names[p.Link] == "" {
			if d, err := net.InterfaceByIndex(p.Link); err == nil {
				u.names[p.Link] = d.Name
			}
		}
		if ok && p.Sent && got.to.Addr() == labAddress {
			u.count[p.Link]++
		}
	})
	return u, err
}

// sent is how many were sent so far by devices whose names begin so.
func (u *under) sent(device string) (n int) {
	u.Catch()
	u.mu.Lock()
	defer u.mu.Unlock()
	for link, name := range u.names {
		if strings.HasPrefix(name, device) {
			n += u.count[link]
		}
	}
	return n
}

// probe is somebody who uses an application of ours all the time, by its name, each
// time anew.
type probe struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
	used int
	err  error // the first
}

// use begins to.
func (m *besides) use() (*probe, error) {
	if err := m.zta(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(m.ctx)
	p := &probe{stop: stop}
	web := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	p.wg.Go(func() {
		for ; ctx.Err() == nil; p.used++ {
			err := fetch(web)
			if err != nil { // the network changes: it is tried anew, as browsers do
				err = fetch(web)
			}
			if err != nil && p.err == nil {
				p.err = fmt.Errorf("meanwhile, the %dth time: %w", p.used+1, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return p, nil
}

func fetch(web *http.Client) error {
	r, err := web.Get("http://wiki.harbour.example/")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && !strings.Contains(string(b), "Harbour Wiki") {
		err = fmt.Errorf("there is %s", b)
	}
	return err
}

// end ends it, and says what has gone wrong meanwhile.
func (p *probe) end() error {
	p.stop()
	p.wg.Wait()
	return p.err
}
