package gateway

import (
	"container/list"
	"crypto/x509"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// registry is what all sessions share: who there is, who may not be, and whose
// signatures count. Its lock is held for map accesses only.
type registry struct {
	site wire.SiteID
	// left is told of a session that was ended and is not here now.
	left func(wire.SessionID, wire.Trigger)

	mu       sync.Mutex
	keys     wire.Keys
	revision uint64 // of the last policy
	// revoked and renew are kept until the tokens they void have expired.
	revoked  map[wire.SessionID]revocation
	renew    map[wire.SessionID]wire.Renewal
	sessions map[wire.SessionID]*session
	// guests are the sessions of foreign clients, beside those of the same id.
	guests map[*session]struct{}
	most   int // how many there are at most; 0: any number
	// suspended are those without an event stream, in the order in which they lost
	// it.
	suspended list.List // of *session
	parked    map[*session]*list.Element
	// living are the sessions and the flows that outlive their carriers.
	living sync.WaitGroup
	// risk is by user, of those that differ from RiskLow.
	risk map[string]wire.Risk
}

// revocation is until when a session may not be, and why.
type revocation struct {
	until time.Time
	why   wire.Code
}

func newRegistry(site wire.SiteID) *registry {
	return &registry{site: site, revoked: map[wire.SessionID]revocation{}, renew: map[wire.SessionID]wire.Renewal{}, sessions: map[wire.SessionID]*session{}, guests: map[*session]struct{}{}}
}

func (r *registry) setKeys(k wire.Keys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = k
}

// trusted are the controller's keys.
func (r *registry) trusted() wire.Keys {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys
}

// tokens are a session's, verified.
type tokens struct {
	claims      *wire.ClaimsToken
	entitlement *wire.EntitlementToken
}

// end is when the first of them expires.
func (t tokens) end() time.Time {
	c, e := t.claims.Expires.Time(), t.entitlement.Expires.Time()
	if e.Before(c) {
		return e
	}
	return c
}

// revision is the older of the two policies that the tokens were made from.
func (t tokens) revision() uint64 { return min(t.claims.Revision, t.entitlement.Revision) }

// informed says whether a policy has come, now or before a restart.
func (r *registry) informed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision > 0
}

// verify checks that both tokens are the controller's, for this site, unexpired,
// bound to the certificate, of one session, one user and that device, and
// neither revoked nor of an older policy than the session's may be.
func (r *registry) verify(req *wire.SessionRequest, device wire.DeviceID, leaf *x509.Certificate, now time.Time) (tokens, *wire.Problem) {
	keys := r.trusted()
	if len(keys) == 0 || !r.informed() { // it would not know who has been revoked
		return tokens{}, &wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable,
			Title: "The gateway is not ready", Detail: "It has not reached its controller yet."}
	}
	void := func(err error) (tokens, *wire.Problem) {
		return tokens{}, &wire.Problem{Code: wire.CodeToken, Status: http.StatusForbidden, Title: "The tokens are not valid here", Detail: err.Error()}
	}
	c, err := keys.VerifyClaims(req.ClaimsToken, leaf, now)
	if err != nil {
		return void(err)
	}
	e, err := keys.VerifyEntitlement(req.EntitlementToken, r.site, leaf, now)
	switch {
	case err != nil:
		return void(err)
	case c.Session != e.Session || c.Subject != e.Subject:
		return void(fmt.Errorf("the two tokens are of different sessions"))
	case c.Device != device || e.Device != device:
		return void(fmt.Errorf("the tokens are another device's"))
	}
	t := tokens{claims: c, entitlement: e}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.forbidsLocked(t); p != nil {
		return tokens{}, p
	}
	return t, nil
}

// forbidsLocked says why tokens are no longer good, though they are genuine.
func (r *registry) forbidsLocked(t tokens) *wire.Problem {
	sid := t.claims.Session
	if why, ok := r.revoked[sid]; ok {
		return endedProblem(why.why)
	}
	if t.revision() < r.renew[sid].Revision {
		return outdatedProblem()
	}
	return nil
}

// endedProblem tells that the controller ended a session: because the user
// signed out, or because an administrator revoked it.
func endedProblem(why wire.Code) *wire.Problem {
	if why == wire.CodeSignedOut {
		return &wire.Problem{Code: why, Status: http.StatusForbidden, Title: "The user has signed out", Detail: "Sign in again."}
	}
	return &wire.Problem{Code: wire.CodeRevoked, Status: http.StatusForbidden, Title: "The session has been ended", Detail: "Sign in again."}
}

// outdatedProblem tells that the policies have changed since the tokens were made.
func outdatedProblem() *wire.Problem {
	return &wire.Problem{Code: wire.CodeToken, Status: http.StatusForbidden, Title: "The policies have changed",
		Detail: "The tokens are older than that; the controller has new ones."}
}

// add registers s, ending and awaiting an older session of the same id, or says
// why it may not be: its tokens have become void since they were verified.
func (r *registry) add(s *session) *wire.Problem {
	for {
		r.mu.Lock()
		if p := r.forbidsLocked(s.tokens); p != nil {
			r.mu.Unlock()
			return p
		}
		old := r.sessions[s.id]
		if old == nil {
			excess, problem := r.roomLocked()
			if problem == nil {
				r.sessions[s.id] = s
			}
			r.mu.Unlock()
			if excess != nil {
				excess.end(ending{trigger: "parking-limit"})
			}
			return problem
		}
		r.mu.Unlock()
		old.end(ending{trigger: "replaced"})
		<-old.done
		r.remove(old) // its request may still be writing
	}
}

// roomLocked says why there is no room for another session, or which one is to
// end for it; nil: none is.
func (r *registry) roomLocked() (excess *session, problem *wire.Problem) {
	if r.most == 0 || len(r.sessions) < r.most {
		return nil, nil
	}
	if r.suspended.Len() == 0 {
		return nil, &wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable, Title: "The gateway has too many sessions",
			Detail: "Another one of its site may serve you."}
	}
	excess = r.suspended.Front().Value.(*session)
	r.attendLocked(excess)
	return excess, nil
}

func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attendLocked(s)
	if r.sessions[s.id] == s {
		delete(r.sessions, s.id)
	}
}

// session is the one of that id; nil: there is none.
func (r *registry) session(sid wire.SessionID) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[sid]
}

// suspend notes that a session has no event stream, and returns the one to end
// for it: that has had none for longest, where there are too many. Nil: none is.
func (r *registry) suspend(s *session, most int) (excess *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parked == nil {
		r.parked = map[*session]*list.Element{}
	}
	r.parked[s] = r.suspended.PushBack(s)
	if r.suspended.Len() <= most {
		return nil
	}
	excess = r.suspended.Front().Value.(*session)
	r.attendLocked(excess)
	return excess
}

// attend notes that a session has an event stream again, or has ended.
func (r *registry) attend(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attendLocked(s)
}

func (r *registry) attendLocked(s *session) {
	if e := r.parked[s]; e != nil {
		r.suspended.Remove(e)
		delete(r.parked, s)
	}
}

// all are the sessions there are.
func (r *registry) all() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(r.everyLocked())
}

// host registers a foreign client's session: others of the same id go on. It says
// why it may not be.
func (r *registry) host(s *session, most int) *wire.Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.forbidsLocked(s.tokens); p != nil {
		return p
	}
	n := 0
	for g := range r.guests {
		if g.id == s.id {
			n++
		}
	}
	if n >= most {
		return &wire.Problem{Code: wire.CodeOverload, Status: http.StatusTooManyRequests, Title: "Too many connections", Detail: "Close some of this session's."}
	}
	r.guests[s] = struct{}{}
	return nil
}

func (r *registry) dismiss(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.guests, s)
}

// everyLocked are the sessions there are, ofLocked those of an id.
func (r *registry) everyLocked() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for _, s := range r.sessions {
			if !yield(s) {
				return
			}
		}
		for s := range r.guests {
			if !yield(s) {
				return
			}
		}
	}
}

func (r *registry) ofLocked(sid wire.SessionID) iter.Seq[*session] {
	return func(yield func(*session) bool) {
		if s := r.sessions[sid]; s != nil && !yield(s) {
			return
		}
		for s := range r.guests {
			if s.id == sid && !yield(s) {
				return
			}
		}
	}
}

// apply takes a policy: it ends the sessions that it revokes and has others
// wait for newer tokens. A revision lower than the last is refused.
func (r *registry) apply(token string, now time.Time) error {
	keys := r.trusted()
	p, err := keys.VerifyPolicy(token)
	if err != nil {
		return err
	}
	ended, gone, outdated, err := r.take(p, now)
	if err != nil {
		return err
	}
	for s, why := range ended {
		s.end(ending{trigger: rowOf(why), problem: endedProblem(why)})
	}
	for sid, why := range gone {
		r.left(sid, rowOf(why))
	}
	for s, revision := range outdated {
		s.call(func() { s.outdate(revision) })
	}
	for _, s := range r.endangered(now) {
		s.call(func() { s.exposed(r.riskOf(s.user, s.now())) })
	}
	return nil
}

// endangered are the sessions of the users whose risk is another than they have
// heard of.
func (r *registry) endangered(now time.Time) (out []*session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.everyLocked() {
		if heard := s.heard.Load(); heard == nil || *heard != r.riskLocked(s.user, now) {
			out = append(out, s)
		}
	}
	return out
}

// riskOf is a user's risk, as long as it has not lapsed; zero is RiskLow.
func (r *registry) riskOf(user string, now time.Time) wire.Risk {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.riskLocked(user, now)
}

func (r *registry) riskLocked(user string, now time.Time) wire.Risk {
	risk := r.risk[user]
	if !risk.Until.IsZero() && !now.Before(risk.Until) {
		return wire.Risk{}
	}
	return risk
}

// rowOf is the row of the table that the end of a session is.
func rowOf(why wire.Code) wire.Trigger {
	if why == wire.CodeSignedOut {
		return wire.TriggerSignOut
	}
	return wire.Trigger(why)
}

// take returns the sessions to end, those ended that are not here, and those
// with the least revision of their tokens. Both only accumulate until the tokens have expired, so that a policy
// that forgot one brings nobody back.
func (r *registry) take(p *wire.PolicyToken, now time.Time) (ended map[*session]wire.Code, gone map[wire.SessionID]wire.Code, outdated map[*session]uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Revision < r.revision {
		return nil, nil, nil, fmt.Errorf("policy revision %d is older than %d", p.Revision, r.revision)
	}
	r.revision, r.risk = p.Revision, p.Risk
	for sid, v := range r.revoked {
		if now.After(v.until.Add(wire.Leeway)) {
			delete(r.revoked, sid)
		}
	}
	for sid, v := range r.renew {
		if now.After(v.Until.Add(wire.Leeway)) {
			delete(r.renew, sid)
		}
	}
	ended, gone, outdated = map[*session]wire.Code{}, map[wire.SessionID]wire.Code{}, map[*session]uint64{}
	for sid, until := range p.Revoked {
		why := wire.CodeRevoked
		if p.Ended[sid] == wire.CodeSignedOut {
			why = wire.CodeSignedOut
		}
		_, known := r.revoked[sid]
		r.revoked[sid] = revocation{until: until, why: why}
		if r.sessions[sid] == nil && !known {
			gone[sid] = why
		}
		for s := range r.ofLocked(sid) {
			ended[s] = why
		}
	}
	for sid, v := range p.Renew {
		v.Revision = max(v.Revision, r.renew[sid].Revision)
		r.renew[sid] = v
		for s := range r.ofLocked(sid) {
			outdated[s] = v.Revision
		}
	}
	return ended, gone, outdated, nil
}
