package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// end is the client's of a flow that outlives carriers: the program's connection
// is program.
type end struct {
	t       *testing.T
	id      flows.ID
	where   string
	epoch   uint64
	program *halfConn
	end     *flows.End
	stop    context.CancelFunc
	ran     chan error
}

// newEnd makes a client's end, until the test ends.
func newEnd(t *testing.T, where string) *end {
	t.Helper()
	ours, theirs := halfPipe()
	e := &end{t: t, id: flows.NewID(), where: where, program: theirs, ran: make(chan error, 1)}
	e.end = flows.New(flows.Options{App: ours})
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	done := make(chan struct{})
	go func() { e.ran <- e.end.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); theirs.Close(); <-done })
	return e
}

// requestBody is a CONNECT's at the client.
type requestBody struct{ *http3.RequestStream }

func (b requestBody) CloseWrite() error { return b.Close() }
func (b requestBody) Abort() {
	b.CancelRead(codeAborted)
	b.CancelWrite(codeAborted)
}

// connectFlow sends a CONNECT with a flow header, and returns the answer.
func (c *client) connectFlow(where, header string) (*http3.RequestStream, *http.Response) {
	c.t.Helper()
	str := c.sendFlow(where, header)
	return str, answered(c.t, str)
}

func (c *client) sendFlow(where, header string) *http3.RequestStream {
	c.t.Helper()
	str, err := c.h3.OpenRequestStream(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: where}, Host: where, Header: http.Header{wire.HeaderFlow: {header}}}
	if err := str.SendRequestHeader(r); err != nil {
		c.t.Fatal(err)
	}
	return str
}

// attach carries the flow on c from now on; the gateway has to agree.
func (e *end) attach(c *client) {
	e.t.Helper()
	if p := e.tryAttach(c); p != nil {
		e.t.Fatalf("CONNECT %s in epoch %d: %v", e.where, e.epoch, p)
	}
}

func (e *end) tryAttach(c *client) *wire.Problem {
	e.t.Helper()
	e.epoch++
	received, err := e.end.Prepare(e.epoch)
	if err != nil {
		e.t.Fatal(err)
	}
	str, res := c.connectFlow(e.where, flows.Header{ID: e.id, Epoch: e.epoch, Received: received}.String())
	if res.StatusCode != http.StatusOK {
		e.end.Detach(e.epoch)
		return wire.ReadProblem(res.StatusCode, res.Body)
	}
	h, err := flows.ParseHeader(res.Header.Get(wire.HeaderFlow))
	if err != nil || h.ID != e.id || h.Epoch != e.epoch || res.Header.Get(wire.HeaderDecision) == "" {
		e.t.Fatalf("answered %v", res.Header)
	}
	if err := e.end.Attach(requestBody{str}, e.epoch, h.Received); err != nil {
		e.t.Fatal(err)
	}
	return nil
}

// over is why the client's end has ended.
func (e *end) over() error {
	e.t.Helper()
	select {
	case err := <-e.ran:
		e.ran <- err
		return err
	case <-time.After(time.Hour):
		e.t.Fatal("the flow goes on")
		return nil
	}
}

// line reads a line of so many bytes.
func line(t *testing.T, r io.Reader, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != want {
		t.Fatalf("got %q, %v; want %q", buf, err, want)
	}
}

func say(t *testing.T, w io.Writer, what string) {
	t.Helper()
	if _, err := io.WriteString(w, what); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func (s *sim) lastingTicket() ticket {
	k := s.ticket()
	k.instance = "process-1"
	return k
}

// kinds are those of a flow's and a session's records.
func kinds(records []wire.AuditRecord) (out []string) {
	for _, r := range records {
		if strings.HasPrefix(r.Kind, "flow-") || strings.HasPrefix(r.Kind, "session-") {
			out = append(out, strings.TrimSpace(r.Kind+" "+string(r.Trigger)))
		}
	}
	return out
}

func wantKinds(t *testing.T, records []wire.AuditRecord, want ...string) {
	t.Helper()
	got := kinds(records)
	slices.Sort(got) // what happens at once comes in any order
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// vanish ends the connection as a suspension does.
func (c *client) vanish() {
	c.quic.CloseWithError(0x100, "")
	synctest.Wait()
	time.Sleep(100 * time.Millisecond) // it travels
	synctest.Wait()
}

// TestFlowOutlivesItsCarrier: a day's flow over three carriers, byte by byte, and
// what is told of it.
func TestFlowOutlivesItsCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket()
		c := s.client(t, s.device)
		c.admit(k)
		e := newEnd(t, "app.test:22")
		e.attach(c)
		app := <-s.apps
		say(t, e.program, "hello")
		line(t, app, "hello")
		say(t, app, "welcome")
		line(t, e.program, "welcome")
		wantKinds(t, s.ledger.take(), "session-added connect", "flow-opened access")

		e.end.Detach(1)
		c.vanish()
		away := s.ledger.take()
		wantKinds(t, away, "flow-parked", "session-suspended")
		for _, r := range away {
			if !r.Allow || r.Kind == "session-suspended" && r.Detail != "its open connections go on: 1" {
				t.Errorf("told as if something were taken away: %+v", r)
			}
		}
		go io.WriteString(app, "while you were away")
		go io.WriteString(e.program, "while I was away")
		time.Sleep(time.Hour)

		next := s.client(t, s.device)
		next.admit(k)
		if n := len(s.g.registry.all()); n != 1 {
			t.Fatalf("%d sessions", n)
		}
		e.attach(next)
		line(t, e.program, "while you were away")
		line(t, app, "while I was away")
		wantKinds(t, s.ledger.take(), "session-resumed reconnect", "flow-resumed")

		third := s.client(t, s.device) // the second's end is not noticed
		third.admit(k)
		e.attach(third)
		say(t, e.program, "bye")
		line(t, app, "bye")
		app.Conn.(*halfConn).CloseWrite()
		if _, err := e.program.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the program saw %v", err)
		}
		say(t, e.program, "one half is open")
		line(t, app, "one half is open")
		e.program.CloseWrite()
		if _, err := app.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the application saw %v", err)
		}
		if err := e.over(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		third.vanish()
		got := s.ledger.take()
		// Whether the second carrier lost it before the third had it is a matter of luck.
		got = slices.DeleteFunc(got, func(r wire.AuditRecord) bool { return r.Kind == "flow-parked" })
		wantKinds(t, got, "session-resumed reconnect", "flow-resumed", "flow-closed", "session-removed connection-closed")
		for _, r := range got {
			if !r.Allow {
				t.Errorf("told as if something were taken away: %+v", r)
			}
			if r.Kind == "flow-closed" && (r.Up != int64(len("hello"+"while I was away"+"bye"+"one half is open")) || r.Down != int64(len("welcome"+"while you were away")) || r.Duration.D() < time.Hour || r.Duration.D() > 2*time.Hour) {
				t.Errorf("%d up, %d down in %s", r.Up, r.Down, r.Duration)
			}
		}
	})
}

// TestResumedByNobodyElse: the id of a flow is good for the client process that
// opened it, and for nobody else, who does not learn whether there is one.
func TestResumedByNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		other := s.authority.device("laptop-2")
		c := s.client(t, s.device)
		c.admit(s.lastingTicket())
		e := newEnd(t, "app.test:22")
		e.attach(c)
		app := <-s.apps
		go io.Copy(app, app)
		say(t, e.program, "mine")
		line(t, e.program, "mine")

		thief := s.client(t, other)
		k := s.authority.ticket(other).entitle("app", "app.test", 22, "")
		k.session, k.instance = "s-2", "process-1"
		thief.admit(k)
		_, res := thief.connectFlow("app.test:22", flows.Header{ID: e.id, Epoch: 2, Received: 4}.String())
		stolen := wire.ReadProblem(res.StatusCode, res.Body)
		_, res = thief.connectFlow("app.test:22", flows.Header{ID: flows.NewID(), Epoch: 2}.String())
		if unknown := wire.ReadProblem(res.StatusCode, res.Body); *stolen != *unknown || stolen.Code != wire.CodeFlowGone || stolen.Status != http.StatusGone {
			t.Errorf("another's: %v; nobody's: %v", stolen, unknown)
		}
		k.session = "s-1" // the tokens are another device's, whatever they say
		k.device.id = s.device.id
		res = thief.postTo(http.MethodPost, wire.PathDataCarrier, k)
		if p := wire.ReadProblem(res.StatusCode, res.Body); p.Status != http.StatusForbidden {
			t.Errorf("joined by another device: %v", p)
		}
		say(t, e.program, "still mine")
		line(t, e.program, "still mine")

		again := s.client(t, s.device) // the same user, another client process
		k = s.lastingTicket()
		k.instance = "process-2"
		again.admit(k)
		app.expectReset(t)
		if err := e.over(); !errors.Is(err, flows.ErrReset) {
			t.Errorf("the old process saw %v", err)
		}
		_, res = again.connectFlow("app.test:22", flows.Header{ID: e.id, Epoch: 2, Received: 14}.String())
		if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeFlowGone {
			t.Errorf("resumed by another process: %v", p)
		}
	})
}

// TestLiesAboutFlows: what a client says of a flow is checked before anything is
// done with it.
func TestLiesAboutFlows(t *testing.T) {
	header := func(h flows.Header) string { return h.String() }
	for name, row := range map[string]struct {
		where  string
		header func(flows.Header) string
		status int
		code   wire.Code
		lives  bool
	}{
		"more than was sent":           {header: func(h flows.Header) string { h.Received = 1000; return h.String() }, status: 400, code: wire.CodeBadRequest},
		"less than was acknowledged":   {header: func(h flows.Header) string { h.Received = 0; return h.String() }, status: 400, code: wire.CodeBadRequest},
		"an older epoch":               {header: func(h flows.Header) string { h.Epoch = 1; h.Received = 0; return h.String() }, status: 409, code: wire.CodeBadRequest, lives: true},
		"the same epoch":               {header: func(h flows.Header) string { h.Epoch = 2; return h.String() }, status: 409, code: wire.CodeBadRequest, lives: true},
		"another destination":          {where: "app.test:23", header: header, status: 400, code: wire.CodeBadRequest, lives: true},
		"another id":                   {header: func(h flows.Header) string { h.ID[0]++; return h.String() }, status: 410, code: wire.CodeFlowGone, lives: true},
		"no id":                        {header: func(flows.Header) string { return "epoch=3, received=0" }, status: 400, code: wire.CodeBadRequest, lives: true},
		"an opening that has received": {header: func(h flows.Header) string { h.ID[0]++; h.Epoch = 1; return h.String() }, status: 400, code: wire.CodeBadRequest, lives: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, halves)
				c := s.client(t, s.device)
				c.admit(s.lastingTicket().entitled23())
				e := newEnd(t, "app.test:22")
				e.attach(c)
				app := <-s.apps
				go io.Copy(app, app)
				say(t, e.program, "hello")
				line(t, e.program, "hello")
				e.attach(c) // in epoch 2
				say(t, e.program, "again")
				line(t, e.program, "again")
				time.Sleep(time.Second) // acknowledged
				where := row.where
				if where == "" {
					where = e.where
				}
				_, res := c.connectFlow(where, row.header(flows.Header{ID: e.id, Epoch: 3, Received: 10}))
				if p := wire.ReadProblem(res.StatusCode, res.Body); p.Status != row.status || p.Code != row.code {
					t.Errorf("answered %d %v", p.Status, p)
				}
				if row.lives {
					e.epoch = 3
					e.attach(c)
					say(t, e.program, "alive")
					line(t, e.program, "alive")
					return
				}
				app.expectReset(t)
				e.epoch = 3
				e.end.Detach(2)
				if p := e.tryAttach(c); p == nil || p.Code != wire.CodeFlowGone {
					t.Errorf("afterwards: %v", p)
				}
			})
		})
	}
}

// TestFirstComesLate: what was said to be gone stays so. A first CONNECT that has
// been on its way for longer than the one that resumes its flow opens nothing: its
// client has been told that there is no such flow, and would never come for it.
func TestFirstComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		c := s.client(t, s.device)
		_, verdicts := c.admit(s.lastingTicket())
		since := verdicts.Since
		ask := func(id flows.ID, epoch uint64) *wire.Problem {
			_, res := c.connectFlow("app.test:22", flows.Header{ID: id, Epoch: epoch}.String())
			return wire.ReadProblem(res.StatusCode, res.Body)
		}
		never := func(id flows.ID) bool {
			t.Helper()
			p := ask(id, 2)
			if p == nil || p.Code != wire.CodeFlowGone {
				t.Fatalf("%v", p)
			}
			return !since.IsZero() && p.Since.Equal(since)
		}
		id := flows.NewID()
		for range 2 { // the answer may have been lost
			if !never(id) {
				t.Error("not known to have never come")
			}
		}
		for _, epoch := range []uint64{1, 3} {
			if p := ask(id, epoch); p == nil || p.Code != wire.CodeFlowGone {
				t.Errorf("epoch %d: %v", epoch, p)
			}
		}
		e := newEnd(t, "app.test:22") // others are opened as ever
		e.attach(c)
		app := <-s.apps
		say(t, e.program, "hello")
		line(t, app, "hello")
		app.Close()
		e.program.Close()
		time.Sleep(2 * resetWait)
		if never(e.id) {
			t.Error("a flow that is over never was")
		}
	})
}

// TestBygones: a session remembers for as long as it says, and nobody makes it remember
// without end; where it had to forget one it says no more that there never was one.
func TestBygones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p bygones
		over := flows.NewID()
		p.close(over, time.Now())
		time.Sleep(wire.FlowMemory)
		if !p.has(over) || p.miss(over, time.Now()) || !p.miss(flows.NewID(), time.Now()) {
			t.Error("forgotten, or mixed up")
		}
		time.Sleep(time.Second)
		for range 3 * mostBygones {
			p.close(flows.NewID(), time.Now())
		}
		if len(p.at) != mostBygones || len(p.order) != mostBygones || p.has(over) {
			t.Errorf("%d are remembered, %d in order", len(p.at), len(p.order))
		}
		if p.miss(flows.NewID(), time.Now()) {
			t.Error("it never was, says who has forgotten some")
		}
		time.Sleep(wire.FlowMemory + time.Second)
		if !p.miss(flows.NewID(), time.Now()) || len(p.at) != 1 {
			t.Errorf("%d are remembered later", len(p.at))
		}
	})
}

func (k ticket) entitled23() ticket { return k.entitle("other", "app.test", 23, "") }

// TestNoInstanceNoLastingFlow: a client process that does not say which it is has
// nothing to come back to.
func TestNoInstanceNoLastingFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		c := s.client(t, s.device)
		c.admit(s.ticket())
		if p := newEnd(t, "app.test:22").tryAttach(c); p == nil || p.Status != http.StatusBadRequest {
			t.Errorf("%v", p)
		}
	})
}

// TestResumedAfterTheHandshake: what comes in 0-RTT may be a replay.
func TestResumedAfterTheHandshake(t *testing.T) {
	r, err := http.NewRequestWithContext(withConnection(t.Context(), connection{secured: make(chan struct{})}), http.MethodConnect, "//app.test:22", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, p := (&Gateway{}).findLasting(r, nil, target{}, flows.Header{Epoch: 2})
	if p == nil || p.Status != http.StatusTooEarly || p.Code != wire.CodeTooEarly {
		t.Errorf("%v", p)
	}
}
