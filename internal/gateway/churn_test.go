package gateway

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestChurn: whatever becomes of carriers, event streams and sessions, what each
// end of a flow receives is the beginning of what the other sent, all of it where
// nothing cut the flow; and nothing is left of a flow that is over.
func TestChurn(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSimOf(t, 62, recorded, halves)
				c := &churn{sim: s, t: t, r: rand.New(rand.NewPCG(seed, 5)), k: s.lastingTicket()}
				c.k.lifetime = 1000 * time.Hour
				c.begin()
				for range 60 {
					c.step()
				}
				c.finish()
			})
		})
	}
}

type churn struct {
	*sim
	t       *testing.T
	r       *rand.Rand
	k       ticket
	carrier *client // nil: suspended
	flows   []*churned
}

// churned is a flow, and what its ends received.
type churned struct {
	*end
	app      *simApp
	up, down *sink
	sent     [2]bytes.Buffer
	cut      bool
}

// sink keeps what a connection receives.
type sink struct {
	mu   sync.Mutex
	got  bytes.Buffer
	done chan error
}

func sinkOf(r io.Reader) *sink {
	s := &sink{done: make(chan error, 1)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			s.mu.Lock()
			s.got.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				s.done <- err
				return
			}
		}
	}()
	return s
}

func (c *churn) begin() {
	c.carrier = c.client(c.t, c.device)
	c.carrier.admit(c.k)
	for _, f := range c.flows {
		c.attach(f)
	}
}

func (c *churn) attach(f *churned) {
	if f.cut || f.end.end.Status().Over {
		return
	}
	if p := f.tryAttach(c.carrier); p != nil {
		c.t.Fatalf("a flow is lost: %v", p)
	}
}

func (c *churn) step() {
	switch n := c.r.IntN(10); {
	case n < 2 && c.carrier != nil: // a suspension, or a loss
		if c.r.IntN(2) == 0 {
			for _, f := range c.flows {
				f.end.end.Detach(f.epoch)
			}
		}
		c.carrier.quic.CloseWithError(0x100, "")
		c.carrier = nil
		if len(c.live()) == 0 { // nothing keeps the session
			time.Sleep(time.Second)
		}
	case n < 4 && c.carrier == nil:
		c.begin()
	case n == 4 && c.carrier != nil: // to another one, while the last is there
		old := c.carrier
		c.begin()
		old.quic.CloseWithError(0x100, "")
	case n == 5 && c.carrier != nil && len(c.live()) < 4:
		f := &churned{end: newEnd(c.t, "app.test:22")}
		f.end.attach(c.carrier)
		f.app = <-c.apps
		f.up, f.down = sinkOf(f.app), sinkOf(f.program)
		c.flows = append(c.flows, f)
	case n == 6 && c.r.IntN(4) == 0: // the policies change, and change back
		c.lose()
	case n >= 7:
		for _, f := range c.live() {
			c.say(f)
		}
	}
	time.Sleep(time.Duration(c.r.IntN(3000)) * time.Millisecond)
}

// lose has every flow cut, in use or parked.
func (c *churn) lose() {
	for _, session := range c.g.registry.all() {
		session.call(func() {
			for _, e := range session.entitlements {
				session.cut(e, wire.TriggerRenewal)
			}
		})
	}
	for _, f := range c.live() {
		f.cut = true
	}
}

func (c *churn) live() (out []*churned) {
	for _, f := range c.flows {
		if !f.cut {
			out = append(out, f)
		}
	}
	return out
}

// say has both ends say something; who has to wait does so beside.
func (c *churn) say(f *churned) {
	for i, w := range []io.Writer{f.program, f.app} {
		b := make([]byte, c.r.IntN(3000))
		for j := range b {
			b[j] = byte(c.r.Uint32())
		}
		f.sent[i].Write(b)
		w.Write(b)
	}
}

func (c *churn) finish() {
	if c.carrier == nil {
		c.begin()
	}
	for _, f := range c.live() {
		f.program.CloseWrite()
		f.app.Conn.(*halfConn).CloseWrite()
	}
	time.Sleep(time.Minute)
	for i, f := range c.flows {
		if f.cut {
			f.stop()
		}
		errs := [2]error{<-f.up.done, <-f.down.done}
		for j, s := range []*sink{f.up, f.down} {
			sent, got := f.sent[j].Bytes(), s.got.Bytes()
			if !bytes.HasPrefix(sent, got) || !f.cut && (len(got) != len(sent) || errs[j] != io.EOF) {
				c.t.Errorf("flow %d, direction %d: %d of %d bytes, cut %v, %v", i, j, len(got), len(sent), f.cut, errs[j])
			}
		}
	}
	for _, session := range c.g.registry.all() {
		session.call(func() {
			for _, e := range session.entitlements {
				if len(e.flows)+len(session.lasting) > 0 {
					c.t.Errorf("%d flows are left, %d lasting", len(e.flows), len(session.lasting))
				}
			}
		})
	}
	c.carrier.quic.CloseWithError(0x100, "")
	time.Sleep(time.Second)
	if n := len(c.g.registry.all()); n != 0 {
		c.t.Errorf("%d sessions are left", n)
	}
	opened, ended := 0, 0
	for _, r := range c.ledger.take() {
		switch r.Kind {
		case "flow-opened":
			opened++
		case "flow-closed", "flow-cut":
			ended++
		}
	}
	if opened != len(c.flows) || ended != opened {
		c.t.Errorf("%d flows, %d are recorded to have been opened, %d to have ended", len(c.flows), opened, ended)
	}
}
