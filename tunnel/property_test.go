package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// mishap is something that happens to the flows, and for how long.
type mishap struct {
	after, long time.Duration
	what        string
}

// traffic is what the two ends of a flow send, in how many pieces, how far apart.
type traffic struct {
	begins   time.Duration
	up, down int
	pieces   int
	pause    time.Duration
	reset    string // which end resets it in the middle: "program", "application", or neither
}

// fatal are the mishaps after which flows may have been reset.
var fatal = map[string]bool{"gateway restarts": true, "gateway is killed": true, "client is killed": true, "denied": true, "lease ends": true}

func drawMishaps(t *rapid.T) []mishap {
	kinds := []string{"cut", "cut", "no UDP", "no UDP", "roam", "sleep", "pause", "rest", "gateway restarts", "gateway is killed", "client is killed", "denied", "lease ends"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) mishap {
		return mishap{
			after: time.Duration(rapid.IntRange(0, 5000).Draw(t, "after")) * time.Millisecond,
			long:  time.Duration(rapid.IntRange(1, 40000).Draw(t, "long")) * time.Millisecond,
			what:  rapid.SampledFrom(kinds).Draw(t, "what"),
		}
	}), 0, 6).Draw(t, "mishaps")
}

func drawTraffic(t *rapid.T) []traffic {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) traffic {
		return traffic{
			begins: time.Duration(rapid.IntRange(0, 900).Draw(t, "begins")) * time.Millisecond,
			up:     rapid.IntRange(0, 3<<20).Draw(t, "up"),
			down:   rapid.IntRange(0, 3<<20).Draw(t, "down"),
			pieces: rapid.IntRange(1, 30).Draw(t, "pieces"),
			pause:  time.Duration(rapid.IntRange(0, 20000).Draw(t, "pause")) * time.Millisecond,
			reset:  rapid.SampledFrom([]string{"", "", "", "", "program", "application"}).Draw(t, "reset"),
		}
	}), 1, 4).Draw(t, "flows")
}

// Whatever happens, each end of a flow receives a prefix of what the other sent, in
// order and once, and all of it where the end of it came; mishaps that nobody can
// tell from a slow network reset nothing; and nothing is left over.
func TestFlowsOutliveWhateverHappens(t *testing.T) {
	p := newPKI(t)
	rapid.Check(t, func(rt *rapid.T) {
		flows, mishaps := drawTraffic(rt), drawMishaps(rt)
		lanes := rapid.Bool().Draw(rt, "lanes")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, p, Options{}, lanes)
			w := &world{sim: s, flows: flows}
			w.run(mishaps)
			wrong = w.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	})
}

// world is a sim in which things happen.
type world struct {
	*sim
	flows  []traffic
	config session.Wanted

	mu    sync.Mutex
	wrong []string
}

// apply applies a copy of the configuration: what was applied is never changed.
func (w *world) apply() {
	c := w.config
	c.Sites = slices.Clone(c.Sites)
	w.Apply(c)
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

func (w *world) run(mishaps []mishap) {
	w.config = config(w.pki, "10.0.0.2:443", "app.internal", 80)
	w.config.Idle = 10 * time.Second
	w.apply()
	apps := w.applications()
	mortal := false
	for _, m := range mishaps {
		mortal = mortal || fatal[m.what]
	}
	var wg sync.WaitGroup
	for i, f := range w.flows {
		wg.Go(func() {
			time.Sleep(f.begins)
			near := w.open()
			mayFail := mortal || f.reset != ""
			wg.Go(func() { w.end(near, i, "program", f.up, f.down, f, mayFail) })
		})
	}
	over := make(chan struct{})
	var far sync.WaitGroup // the applications' ends
	far.Go(func() {
		for {
			select {
			case c := <-apps:
				far.Go(func() {
					// The first byte says which flow it is.
					b := make([]byte, 1)
					if _, err := io.ReadFull(c, b); err != nil {
						c.Close()
						return
					}
					f := w.flows[b[0]]
					w.end(c, int(b[0]), "application", f.down, f.up, f, mortal || f.reset != "")
				})
			case <-over:
				return
			}
		}
	})
	time.Sleep(time.Second) // all are open
	for _, m := range mishaps {
		time.Sleep(m.after)
		w.happen(m)
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	waker := time.NewTicker(time.Minute)
	late := time.After(6 * time.Hour)
wait:
	for {
		select {
		case <-done:
			break wait
		case <-waker.C: // the controller wakes the client for the gateway
			if w.gw.count(func() int { n := w.gw.woken; w.gw.woken = 0; return n }) > 0 {
				w.config.Sites[0].Wake++
				w.apply()
			}
		case <-late:
			w.fail("flows do not end: %+v; the gateway has %d", w.now().Sites["site"], w.gw.left())
			break wait
		}
	}
	waker.Stop()
	w.open().Close() // from whichever process
	time.Sleep(5 * time.Minute)
	w.config.Sites[0].Wake++
	w.apply()
	time.Sleep(5 * time.Minute)
	if f := w.now(); f.Sites["site"].Flows != 0 {
		w.fail("the client has flows left: %+v", f.Sites["site"])
	}
	if n := w.gw.left(); n != 0 {
		w.fail("the gateway has %d flows left", n)
	}
	before := w.ours.Load() // a gateway that heard nothing of the end goes on asking
	time.Sleep(time.Hour)
	if n := w.ours.Load() - before; n != 0 {
		w.fail("%d packets of the client's in an hour of nothing: %+v", n, w.now().Sites["site"])
	}
	close(over)
	w.running.stop()
	w.gw.stop()
	far.Wait()
	time.Sleep(2 * rtt) // the links end
}

// happen has something happen.
func (w *world) happen(m mishap) {
	switch m.what {
	case "cut":
		w.cut.Store(true)
		time.Sleep(m.long)
		w.cut.Store(false)
	case "no UDP":
		w.noUDP.Store(true)
		time.Sleep(m.long)
		w.noUDP.Store(false)
	case "roam":
		w.changes <- netwatch.Change{Network: true, Up: true}
	case "sleep":
		w.sleep(m.long)
		w.changes <- netwatch.Change{Slept: m.long, Up: true}
	case "pause":
		w.config.Suspend++
		w.apply()
	case "rest":
		time.Sleep(m.long)
	case "gateway restarts", "gateway is killed":
		reach := w.gw.dial
		w.cut.Store(m.what == "gateway is killed")
		w.gw.stop()
		time.Sleep(m.long / 10)
		w.cut.Store(false)
		w.gw = w.gatewayAt(gatewayIP)
		w.gw.reach(reach)
		w.config.Sites = slices.Clone(w.config.Sites)
		w.config.Sites[0].Runs = map[string]string{"gw1": w.gw.run} // it has reached the controller
		w.apply()
	case "client is killed":
		w.cut.Store(true)
		w.running.stop()
		w.cut.Store(false)
		w.start(Options{Watch: w.watch})
		w.apply()
		synctest.Wait()
	case "denied":
		w.gw.judge(deny())
		w.gw.lapse()
		time.Sleep(m.long / 10)
		w.gw.judge(allow)
	case "lease ends":
		w.gw.judge(w.allowFor(m.long))
		time.Sleep(m.long)
		w.gw.lapse()
		time.Sleep(time.Second)
		w.gw.judge(allow)
	}
}

// end is one end of flow n: it sends so much, ends its direction, and reads to the
// end what the other sends.
func (w *world) end(c *memoryConn, n int, who string, sends, reads int, f traffic, mayFail bool) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if who == "program" {
			c.Write([]byte{byte(n)})
		}
		for i := range f.pieces {
			from, to := sends*i/f.pieces, sends*(i+1)/f.pieces
			if _, err := c.Write(pattern(n, who, from, to)); err != nil {
				if !mayFail {
					w.fail("flow %d: the %s cannot write byte %d: %v", n, who, from, err)
				}
				return
			}
			if f.reset == who && i == f.pieces/2 {
				reset(c)
				return
			}
			time.Sleep(f.pause)
		}
		c.CloseWrite()
	})
	other := map[string]string{"program": "application", "application": "program"}[who]
	got, b := 0, make([]byte, 64<<10)
	for {
		k, err := c.Read(b)
		if string(b[:k]) != string(pattern(n, other, got, got+k)) {
			w.fail("flow %d: the %s read other bytes than the %s wrote, at %d", n, who, other, got)
		}
		got += k
		if errors.Is(err, io.EOF) {
			if got != reads && f.reset != other {
				w.fail("flow %d: the %s read %d bytes of %d, and then the end", n, who, got, reads)
			}
			break
		}
		if err != nil {
			if !mayFail && !errors.Is(err, net.ErrClosed) {
				w.fail("flow %d: the %s read %d bytes of %d, and then: %v", n, who, got, reads, err)
			}
			break
		}
	}
	wg.Wait()
	c.Close()
}

// pattern is what an end of flow n sends, from and up to an offset.
func pattern(n int, who string, from, to int) []byte {
	b := make([]byte, to-from)
	for i := range b {
		at := from + i
		b[i] = byte(at) ^ byte(at>>8)*31 ^ byte(at>>16)*17 ^ byte(n+len(who))
	}
	return b
}
