package gateway

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// registry is what all sessions share: who there is, who may not be, and whose
// signatures count. Its lock is held for map accesses only.
type registry struct {
	site wire.SiteID

	mu       sync.Mutex
	keys     wire.Keys
	revision uint64                       // of the last policy
	revoked  map[wire.SessionID]time.Time // until their tokens have expired
	sessions map[wire.SessionID]*session
}

func newRegistry(site wire.SiteID) *registry {
	return &registry{site: site, revoked: map[wire.SessionID]time.Time{}, sessions: map[wire.SessionID]*session{}}
}

func (r *registry) setKeys(k wire.Keys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = k
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

// verify checks that both tokens are the controller's, for this site, unexpired,
// bound to the certificate, of one session, one user and that device, and not
// revoked.
func (r *registry) verify(req *wire.SessionRequest, device wire.DeviceID, leaf *x509.Certificate, now time.Time) (tokens, *wire.Problem) {
	r.mu.Lock()
	keys := r.keys
	r.mu.Unlock()
	if len(keys) == 0 {
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
	case r.isRevoked(c.Session):
		return tokens{}, revokedProblem()
	}
	return tokens{claims: c, entitlement: e}, nil
}

func revokedProblem() *wire.Problem {
	return &wire.Problem{Code: wire.CodeRevoked, Status: http.StatusForbidden, Title: "The session has been ended", Detail: "Sign in again."}
}

func (r *registry) isRevoked(sid wire.SessionID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.revoked[sid]
	return ok
}

// add registers s, ending and awaiting an older session of the same id. It says
// whether s may be: it may not once it has been revoked.
func (r *registry) add(s *session) bool {
	for {
		r.mu.Lock()
		if _, ok := r.revoked[s.id]; ok {
			r.mu.Unlock()
			return false
		}
		old := r.sessions[s.id]
		if old == nil {
			r.sessions[s.id] = s
			r.mu.Unlock()
			return true
		}
		r.mu.Unlock()
		old.end(ending{trigger: "replaced"})
		<-old.done
	}
}

func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.id] == s {
		delete(r.sessions, s.id)
	}
}

// all are the sessions there are.
func (r *registry) all() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*session, 0, len(r.sessions))
	for _, s := range r.sessions {
		out = append(out, s)
	}
	return out
}

// apply takes a policy: it ends the sessions that it revokes. A revision lower
// than the last is refused.
func (r *registry) apply(token string, now time.Time) error {
	r.mu.Lock()
	keys := r.keys
	r.mu.Unlock()
	p, err := keys.VerifyPolicy(token)
	if err != nil {
		return err
	}
	for _, s := range r.revoke(p, now) {
		s.end(ending{trigger: "revoked", problem: revokedProblem()})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Revision < r.revision {
		return fmt.Errorf("policy revision %d is older than %d", p.Revision, r.revision)
	}
	return nil
}

// revoke returns the sessions to end. Revocations only accumulate until their
// tokens have expired, so that a policy that forgot one brings nobody back.
func (r *registry) revoke(p *wire.PolicyToken, now time.Time) []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Revision < r.revision {
		return nil
	}
	r.revision = p.Revision
	for sid, until := range r.revoked {
		if now.After(until.Add(wire.Leeway)) {
			delete(r.revoked, sid)
		}
	}
	var out []*session
	for sid, until := range p.Revoked {
		r.revoked[sid] = until
		if s := r.sessions[sid]; s != nil {
			out = append(out, s)
		}
	}
	return out
}
