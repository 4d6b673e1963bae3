package channel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// churn puts a day of use into minutes: flows of all kinds, while whatever can
// happen to a data channel happens. Then nothing may be left of it, at client and
// gateway, and what every flow carried must be what was sent.
type churn struct {
	*world
	o       Options
	rnd     *rand.Rand // the weather's
	known   trials
	quit    chan struct{} // closed when quiet flows are to end
	leaving sync.Once
	// awake says whether it is day, talkative whether an end of a quiet flow talks.
	awake     func() bool
	talkative func(side int, chance float64) bool

	ids uint64
	wg  sync.WaitGroup

	gate    *process
	clients []*patient
	near    string // the path to the gateway that is used

	mu       sync.Mutex
	windows  []window
	faults   []string
	tally    map[string]int
	bytes    int64
	fetching chan fetch
}

// window is when something was done that flows may suffer from.
type window struct {
	what     string
	from, to time.Time // to is zero while it lasts
	fatal    *patient  // whose flows it resets; nil: nobody's
	all      bool      // it resets everybody's
}

// patient is a client under churn.
type patient struct {
	name string
	mu   sync.Mutex
	p    *process
	at   string // where programs connect
	base counts
}

func (p *patient) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// tell gives the client a command that is not answered.
func (p *patient) tell(command string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.send(command) // one that has died is found out later
}

// fetch asks for a connection from the client's namespace.
type fetch struct {
	to   string
	conn chan<- *net.TCPConn
}

const (
	// most that may be left when all is over, beyond what was there before.
	moreGoroutines  = 6
	moreDescriptors = 4
	moreHeap        = 6 << 20
	// settleWithin is how long what is left may take to go: a gateway keeps what
	// no client comes for.
	settleWithin = churnParked + 30*time.Second
	// stalled is how long bytes may be under way with nothing coming.
	stalled = 75 * time.Second
)

// runChurn churns for o.For.
func runChurn(ctx context.Context, o Options) (err error) {
	w, err := newWorld()
	if err != nil {
		return err
	}
	c := &churn{world: w, o: o, rnd: rand.New(rand.NewPCG(o.Seed, 1)), known: trials{of: map[uint64]*trial{}}, quit: make(chan struct{}),
		near: "slow", tally: map[string]int{}, fetching: make(chan fetch)}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		// Connections end with those that carry them.
		for _, p := range c.clients {
			if p.p != nil {
				p.p.kill()
			}
		}
		if c.gate != nil {
			c.gate.kill()
		}
		c.leave()
		c.wg.Wait()
		err = errors.Join(err, w.close())
	}()
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.warm(ctx); err != nil {
		return err
	}
	before, err := c.gate.counts()
	if err != nil {
		return err
	}
	if err := c.rage(ctx); err != nil {
		return err
	}
	return c.settle(ctx, before)
}

// open starts the programs on the networks.
func (c *churn) open(ctx context.Context) error {
	var l net.Listener
	var u net.PacketConn
	err := c.app.Do(func() (err error) {
		at := fmt.Sprintf("%s:%d", farApp.Addr(), appPort)
		if l, err = net.Listen("tcp4", at); err == nil {
			u, err = net.ListenPacket("udp4", at)
		}
		return err
	})
	if l != nil {
		context.AfterFunc(ctx, func() { l.Close() })
	}
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { u.Close() })
	c.wg.Go(func() { c.accept(l) })
	c.wg.Go(func() { echoDatagrams(u) })
	c.wg.Go(func() {
		c.client.Do(func() error { c.connect(ctx); return nil })
	})
	if err := c.client.Route(anyGateway, slowGateway.Addr(), "slow"); err != nil {
		return err
	}
	if err := c.startGateway(); err != nil {
		return err
	}
	for _, name := range []string{"auto", "h3"} {
		p := &patient{name: name}
		c.clients = append(c.clients, p)
		if err := c.startClient(p); err != nil {
			return err
		}
	}
	return nil
}

func echoDatagrams(u net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := u.ReadFrom(b)
		if err != nil {
			return
		}
		u.WriteTo(b[:n], from)
	}
}

// accept is the application.
func (c *churn) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c.wg.Go(func() {
			var id [8]byte
			conn.SetReadDeadline(time.Now().Add(10 * time.Minute))
			if _, err := io.ReadFull(conn, id[:]); err != nil {
				conn.Close()
				return
			}
			conn.SetReadDeadline(time.Time{})
			t := c.known.meet(binary.BigEndian.Uint64(id[:]))
			if t == nil {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
				return
			}
			defer close(t.far)
			t.play(conn.(*net.TCPConn), 1)
		})
	}
}

// connect opens connections, in the client's namespace.
func (c *churn) connect(ctx context.Context) {
	for {
		select {
		case f := <-c.fetching:
			conn, err := net.DialTimeout("tcp4", f.to, 5*time.Second)
			if err != nil {
				f.conn <- nil
				continue
			}
			f.conn <- conn.(*net.TCPConn)
		case <-ctx.Done():
			return
		}
	}
}

func (c *churn) startGateway() (err error) {
	c.gate, err = startHeard(c.gateway, func(l string) {
		c.count("wakes")
		for _, p := range c.clients {
			if p.name == strings.TrimPrefix(l, wakeLine) {
				p.tell("wake")
			}
		}
	}, "gateway", "-dir", c.dir, "-at", gatewayAt, "-churn")
	if err == nil {
		_, err = c.gate.ready()
	}
	return err
}

func (c *churn) startClient(p *patient) error {
	started, err := start(c.client, "client", "-dir", c.dir, "-lane", p.name, "-to", netip.AddrPortFrom(anyGateway.Addr(), gatewayPort).String(), "-churn")
	if err != nil {
		return err
	}
	at, err := started.ready()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p, p.at = started, at
	return err
}

// run has a trial run to its end.
func (c *churn) run(p plan, via *patient) *trial {
	c.mu.Lock()
	c.ids++
	id := c.ids
	c.mu.Unlock()
	seed := (id + c.o.Seed<<32) * 0x9e3779b97f4a7c15
	t := &trial{plan: p, id: id, seed: seed, via: via, began: time.Now(), quit: c.quit, far: make(chan struct{}),
		streams: [2]*stream{newStream(seed), newStream(seed + 1<<63)}}
	c.known.add(t)
	conn := make(chan *net.TCPConn, 1)
	select {
	case c.fetching <- fetch{via.address(), conn}:
	case <-c.quit:
		conn <- nil
	}
	if got := <-conn; got != nil {
		t.start(got, &c.known)
	} else {
		t.ended = time.Now()
	}
	c.known.done(t)
	c.judge(t)
	return t
}

// judge looks at a trial that is over.
func (c *churn) judge(t *trial) {
	err, excusable := t.verdict()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += t.streams[0].got.Load() + t.streams[1].got.Load()
	c.tally["flows"]++
	switch {
	case err == nil:
		c.tally["whole-"+t.kind]++
		return
	case excusable && !t.met && c.disturbedLocked(t, func(window) bool { return true }):
		c.tally["refused"]++
		c.tally["refused-"+c.causeLocked(t)]++
		return
	case excusable && c.disturbedLocked(t, func(w window) bool { return w.all || w.fatal == t.via }):
		c.tally["reset-by-kills"]++
		return
	}
	c.faults = append(c.faults, fmt.Sprintf("%s, ended %s, met %v: %v", t, t.ended.Format("15:04:05.0"), t.met, err))
}

// openingGrace is for how long after a disturbance new flows may be refused.
const openingGrace = 15 * time.Second

func (c *churn) disturbedLocked(t *trial, which func(window) bool) bool {
	for _, w := range c.windows {
		if which(w) && !w.from.After(t.ended) && (w.to.IsZero() || !w.to.Add(openingGrace).Before(t.began)) {
			return true
		}
	}
	return false
}

// leave has quiet flows end.
func (c *churn) leave() { c.leaving.Do(func() { close(c.quit) }) }

// causeLocked is what a flow has suffered from that was not accepted.
func (c *churn) causeLocked(t *trial) string {
	for _, w := range slices.Backward(c.windows) {
		if !w.from.After(t.ended) {
			return w.what
		}
	}
	return "nothing"
}

func (c *churn) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally[what]++
}

func (c *churn) fault(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, a...))
}

// during notes that something is done while f does it.
func (c *churn) during(w window, f func() error) error {
	w.from = time.Now()
	c.mu.Lock()
	i := len(c.windows)
	c.windows = append(c.windows, w)
	c.tally[w.what]++
	c.mu.Unlock()
	err := f()
	c.mu.Lock()
	c.windows[i].to = time.Now()
	c.mu.Unlock()
	return err
}

// path is the one in use.
func (c *churn) path() *netlab.Path {
	if c.near == "slow" {
		return c.slow
	}
	return c.next
}
