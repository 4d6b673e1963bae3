package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// wellTold are the records of one flow.
var wellTold = regexp.MustCompile(`^(denied|failed|opened( parked| resumed)* (closed|cut))?$`)

// TestEachFlowIsToldOnce: whatever becomes of flows, their applications, carriers
// and sessions, the records of each are those of one that was denied, that failed,
// or that was opened once and ended once.
func TestEachFlowIsToldOnce(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &accounts{t: t, r: rand.New(rand.NewPCG(seed, 9)), port: 1000}
				a.sim = newSimOf(t, 90, recorded, a.applications)
				a.k = a.lastingTicket()
				a.k.lifetime = 1000 * time.Hour
				for p := range uint16(400) {
					a.k.entitlements[0].Actions[0].Ports = append(a.k.entitlements[0].Actions[0].Ports, a.port+p)
				}
				for range 80 {
					a.step()
					time.Sleep(time.Duration(a.r.IntN(700)) * time.Millisecond)
				}
				a.finish()
			})
		})
	}
}

type accounts struct {
	*sim
	t       *testing.T
	r       *rand.Rand
	k       ticket
	port    uint16
	carrier *client // nil: there is none
	streams []*http3.RequestStream
	lasting map[flows.ID]string // where they lead
	conns   chan *halfConn
}

// applications behave by their port: they are reached, or not, at once or later.
func (a *accounts) applications(_ *sim, o *Options) {
	a.conns = make(chan *halfConn, 400)
	o.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		port := netip.MustParseAddrPort(address).Port()
		if port%3 == 1 {
			select {
			case <-time.After(time.Duration(port%7) * 100 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if port%5 == 2 {
			return nil, syscall.ECONNREFUSED
		}
		ours, theirs := halfPipe()
		go io.Copy(io.Discard, theirs)
		a.conns <- theirs
		return ours, nil
	}
}

func (a *accounts) step() {
	switch n := a.r.IntN(12); {
	case a.carrier == nil:
		a.carrier = a.client(a.t, a.device)
		if res := a.carrier.post(http.MethodPost, a.k); res.StatusCode != http.StatusOK {
			a.t.Fatal(wire.ReadProblem(res.StatusCode, res.Body))
		}
	case n == 0:
		a.carrier.quic.CloseWithError(0x100, "")
		a.carrier, a.streams = nil, nil
	case n == 1 && a.r.IntN(3) == 0: // another process
		a.k.instance += "'"
		a.carrier.quic.CloseWithError(0x100, "")
		a.carrier, a.streams = nil, nil
	case n == 2 && a.r.IntN(2) == 0:
		for _, s := range a.g.registry.all() {
			s.call(func() {
				for _, e := range s.entitlements {
					s.cut(e, wire.TriggerRenewal)
				}
			})
		}
	case n == 3 && a.r.IntN(4) == 0:
		for _, s := range a.g.registry.all() {
			s.end(ending{trigger: "revoked"})
		}
		a.carrier.quic.CloseWithError(0x100, "")
		a.carrier, a.streams = nil, nil
	case n == 4 && len(a.streams) > 0: // the client gives one up
		str := a.streams[a.r.IntN(len(a.streams))]
		str.CancelRead(codeAborted)
		str.CancelWrite(codeAborted)
	case n == 5: // an application ends
		select {
		case c := <-a.conns:
			if a.r.IntN(2) == 0 {
				c.SetLinger(0)
			}
			c.Close()
		default:
		}
	case n == 6: // one goes on
		for id, where := range a.lasting {
			a.send(where, flows.Header{ID: id, Epoch: uint64(time.Now().Unix())}.String())
			break
		}
	case n < 9:
		a.port++
		a.send(fmt.Sprintf("app.test:%d", a.port), "")
	default:
		a.port++
		id, where := flows.NewID(), fmt.Sprintf("app.test:%d", a.port)
		if a.lasting == nil {
			a.lasting = map[flows.ID]string{}
		}
		a.lasting[id] = where
		a.send(where, flows.Header{ID: id, Epoch: 1}.String())
	}
}

// send sends a CONNECT, and does not wait.
func (a *accounts) send(where, header string) {
	str, err := a.carrier.h3.OpenRequestStream(context.Background())
	if err != nil {
		a.t.Fatal(err)
	}
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: where}, Host: where, Header: http.Header{}}
	if header != "" {
		r.Header.Set(wire.HeaderFlow, header)
	}
	if err := str.SendRequestHeader(r); err != nil {
		a.t.Fatal(err)
	}
	a.streams = append(a.streams, str)
}

func (a *accounts) finish() {
	if a.carrier != nil {
		a.carrier.quic.CloseWithError(0x100, "")
	}
	time.Sleep(time.Minute)
	for _, s := range a.g.registry.all() {
		s.end(ending{trigger: "revoked"})
	}
	time.Sleep(time.Minute)
	told := map[string][]string{}
	sessions := 0
	for _, r := range a.ledger.take() {
		if kind, ok := strings.CutPrefix(r.Kind, "flow-"); ok {
			told[r.Target] = append(told[r.Target], kind)
		}
		switch r.Kind {
		case "session-added":
			sessions++
		case "session-removed":
			sessions--
		}
	}
	if sessions != 0 {
		a.t.Errorf("%d sessions more were added than removed", sessions)
	}
	if len(told) == 0 {
		a.t.Error("nothing was told")
	}
	for target, kinds := range told {
		if line := strings.Join(kinds, " "); !wellTold.MatchString(line) {
			a.t.Errorf("%s: %s", target, line)
		}
	}
}

// TestLastRecordsArrive: what is recorded while the gateway goes down, of however
// many sessions, is told before it is gone.
func TestLastRecordsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{authority: newAuthority(t)}
		u := &uplink{base: "https://controller.test", audit: newAuditor(), client: &http.Client{Transport: l}, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 * auditBatch {
			u.audit.record(wire.AuditRecord{Kind: "session-removed"})
		}
		u.report(ctx)
		if n := len(l.records); n != 20*auditBatch {
			t.Errorf("%d records of %d", n, 20*auditBatch)
		}
	})
}

// TestFinishedFlowIsNotCut: a flow of which both ends have all is closed, though it
// waits for the client to know when its session ends.
func TestFinishedFlowIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		c := s.client(t, s.device)
		c.admit(s.lastingTicket())
		e := newEnd(t, "app.test:22")
		e.attach(c)
		app := <-s.apps
		session := s.g.registry.session("s-1")
		e.program.CloseWrite()
		app.Conn.(*halfConn).CloseWrite()
		for range 10_000 {
			session.call(func() {
				for _, f := range session.lasting {
					if f.end.Status().Over {
						session.end(ending{trigger: "revoked"})
					}
				}
			})
			time.Sleep(time.Millisecond)
		}
		<-session.done
		wantKinds(t, s.ledger.take(), "session-added connect", "flow-opened access", "flow-closed", "session-removed revoked")
	})
}
