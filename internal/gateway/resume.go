package gateway

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// bond is what a session's flows are bound to beside its id: who shows another
// one has them reset and begins anew.
type bond struct {
	key      [sha256.Size]byte // of the device certificate's public key
	instance string            // the client process; empty: its flows end with their carrier
}

// maxInstance bounds what a client process calls itself.
const maxInstance = 128

func bondOf(leaf *x509.Certificate, instance string) bond {
	return bond{key: sha256.Sum256(leaf.RawSubjectPublicKeyInfo), instance: instance}
}

// holds says whether the client process that shows b may go on with what is
// bound to was.
func (was bond) holds(b bond) bool { return was == b && was.instance != "" }

// arrival is a verified request for a session.
type arrival struct {
	tokens
	bond    bond
	report  wire.DeviceClaims // nil: the claims token's
	address string            // where it came from
	resumed bool              // the client says so
}

// arrive reads and verifies a request for a session.
func (g *Gateway) arrive(w http.ResponseWriter, r *http.Request, device wire.DeviceID, leaf *x509.Certificate) (arrival, *wire.Problem) {
	req, t, problem := g.readTokens(w, r, device, leaf)
	if problem == nil && len(req.Instance) > maxInstance {
		problem = &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The instance is too long"}
	}
	if problem == nil && g.visits.older(t) {
		problem = olderProblem()
	}
	return arrival{tokens: t, bond: bondOf(leaf, req.Instance), report: req.Device, address: remoteHost(r), resumed: req.Resumed}, problem
}

// enter gives an arrival its session, with f as its event stream: the one that
// it left, judged anew, or else a new one, in the place of any other of that id
// and of any other on c. Whoever enters has to leave.
func (g *Gateway) enter(c *carrier, a arrival, f *feed) (*session, *wire.Problem) {
	sid := a.claims.Session
	if old := c.current(); old != nil && (old.id != sid || !old.bond.holds(a.bond)) { // one session a connection
		old.end(ending{trigger: "replaced"})
		<-old.done
	}
	if s := g.registry.session(sid); s != nil && s.bond.holds(a.bond) {
		var problem *wire.Problem
		if s.call(func() { problem = s.resume(a, f) }) {
			return s, problem
		} // it has ended meanwhile
	}
	s := newSession(g, a.tokens, a.report)
	s.bond, s.feed = a.bond, f
	if problem := g.registry.add(s); problem != nil {
		return nil, problem
	}
	s.row = g.visits.row(a.tokens, a.address, a.resumed)
	g.registry.living.Add(1)
	s.begin(g.registry.living.Done)
	return s, nil
}

// leave tells that f is no longer written. It returns when the session has ended,
// where that ends it.
func (s *session) leave(f *feed) {
	ends := false
	s.call(func() { ends = s.lose(f) })
	if ends {
		<-s.done
	}
}

// resume goes on with a session on a new event stream. It is judged as one that
// has come back.
func (s *session) resume(a arrival, f *feed) *wire.Problem {
	if problem := s.refuses(a.tokens); problem != nil {
		return problem
	}
	if s.feed != nil {
		s.feed.hurry()
		close(s.feed.over)
	}
	s.feed, s.asked = f, asked{}
	s.g.registry.attend(s)
	s.g.waker.drop(s.id)
	if a.report != nil {
		s.report = a.report
	}
	row := s.g.visits.row(a.tokens, a.address, a.resumed)
	s.record(wire.AuditRecord{Kind: "session-resumed", Trigger: row, Allow: true})
	s.unpublished, s.publishBy = true, s.now().Add(firstVerdicts)
	s.release()
	s.renew(a.tokens, row)
	return nil
}

// lose takes note that an event stream has ended, and says whether the session
// ends with it: it goes on while it has flows that outlive their carriers.
func (s *session) lose(f *feed) (ends bool) {
	if s.feed != f {
		return false
	}
	s.feed = nil
	if s.idle() {
		return true
	}
	s.lost = time.Now()
	s.record(wire.AuditRecord{Kind: "session-suspended", Allow: true, Detail: fmt.Sprint("its open connections go on: ", len(s.lasting))})
	if excess := s.g.registry.suspend(s, s.g.config.Limits.whole().Sessions); excess != nil {
		excess.end(ending{trigger: "parking-limit"})
	}
	s.rouse()
	s.matcher.shrink()
	return false
}

// idle says that nothing keeps the session: no event stream, and no flow that
// outlives its carriers.
func (s *session) idle() bool { return s.feed == nil && len(s.lasting) == 0 && !s.foreign() }

// foreign says that nothing binds the session: it is a foreign client's, and
// lives as long as whoever made it says.
func (s *session) foreign() bool { return s.bond == (bond{}) }

// postCarrier binds a further connection to a session.
func (g *Gateway) postCarrier(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	c.refuse(nil)
	a, problem := g.arrive(w, r, device, leaf)
	if problem == nil {
		problem = g.join(c, a, connectionOf(r))
	}
	if problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// join binds c, the carrier of on, to the session of an arrival.
func (g *Gateway) join(c *carrier, a arrival, on connection) *wire.Problem {
	s := g.registry.session(a.claims.Session)
	if s == nil || !s.bond.holds(a.bond) {
		return noSession()
	}
	if old := c.current(); old != nil && old != s {
		return &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusConflict, Title: "The connection has a session already"}
	}
	known, problem := false, noSession()
	s.call(func() {
		if _, known = s.joined[c]; !known && len(s.joined) >= g.config.Limits.whole().Connections {
			problem = &wire.Problem{Code: wire.CodeOverload, Status: http.StatusTooManyRequests, Title: "The session has too many connections"}
			return
		}
		if problem = s.accept(a.tokens, a.report, false); problem != nil || known {
			return
		}
		if s.joined == nil {
			s.joined = map[*carrier]struct{}{}
		}
		s.joined[c] = struct{}{}
		g.registry.living.Go(func() {
			select {
			case <-on.gone:
				s.call(func() { delete(s.joined, c) })
			case <-s.done:
				on.silence.retire()
			}
		})
	})
	if problem == nil {
		c.admit(s)
	}
	return problem
}
