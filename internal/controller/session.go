package controller

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// hello serves wire.PathHello.
func (c *Controller) hello(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	conf := c.config()
	h := wire.Hello{Controller: conf.Title, User: d.User, At: time.Now().UTC()}
	if u := conf.Users[d.User]; u != nil {
		h.Code = conf.RequiresCodeAt(u, remoteHost(r))
	}
	wire.WriteJSON(w, http.StatusOK, h)
	return nil
}

// signIn serves POST wire.PathSession.
func (c *Controller) signIn(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	var q wire.SignInRequest
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	if err := checkDeviceClaims(q.Device); err != nil {
		return badRequest(err)
	}
	if len(q.Password) > wire.MaxSecret || len(q.Code) > wire.MaxSecret {
		return badRequest(errors.New("a secret is too long"))
	}
	if q.User != d.User { // before the password is looked at: nothing is told of it
		c.audit(record{kind: "sign-in-other-user", user: d.User, target: string(d.ID)})
		return refuse(wire.CodeOtherUser)
	}
	conf := c.config()
	u := conf.Users[q.User]
	coded := u != nil && conf.RequiresCodeAt(u, remoteHost(r))
	p = c.attempt(r.Context(), d, wire.CodeSignIn, coded, func() (bool, error) { return c.judge(r.Context(), q, coded) })
	if p != nil {
		return p
	}
	cookie, s, err := c.openSession(r.Context(), d, q.Device, remoteHost(r), coded)
	if err != nil {
		return c.internal("open session", err)
	}
	if s.Ended != "" {
		return refuse(wire.CodeDevice)
	}
	setCookie(w, cookie, s.Expires)
	wire.WriteJSON(w, http.StatusOK, wire.SignInReply{Session: s.ID, Expires: s.Expires})
	return nil
}

// judge says whether user, password and, where one is asked for, one-time code
// are right. It works as long whatever is wrong.
func (c *Controller) judge(ctx context.Context, q wire.SignInRequest, coded bool) (bool, error) {
	u, err := c.user(ctx, q.User)
	if err != nil {
		return false, err
	}
	good, err := c.passwords.verify(ctx, u, q.Password)
	if err != nil {
		return false, err
	}
	if u == nil || !coded {
		return good, nil
	}
	at := codeStep(u.TOTP, q.Code, time.Now())
	if !good || at == 0 {
		return false, nil
	}
	err = c.useStep(ctx, u.Name, at)
	if errors.Is(err, errReplayed) {
		return false, nil
	}
	return err == nil, err
}

// openSession makes a session with its tokens and ends the device's previous
// one. It comes back ended where the device was revoked meanwhile.
func (c *Controller) openSession(ctx context.Context, d *device, claims wire.DeviceClaims, address string, coded bool) (string, sessionRecord, error) {
	now := time.Now().UTC().Round(0)
	conf := c.conf.Load()
	s := sessionRecord{ID: wire.SessionID(wire.NewID()), User: d.User, Device: d.ID, Key: d.Key, Created: now,
		Expires: now.Add(conf.CookieLifetime).Truncate(time.Second), Address: address, Coded: coded, Claims: claims,
		Tokens: tokenSet{Certificate: wire.Thumbprint(d.cert.Raw)}}
	m := &minting{c: c, conf: conf, did: []record{{kind: "sign-in", session: s.ID, user: s.User, target: string(d.ID), trigger: wire.TriggerSignIn, allow: true}}}
	if u := conf.Users[d.User]; u != nil {
		if err := m.meet(ctx, &s, u, need{trigger: wire.TriggerSignIn, policies: true, claims: true, entitlements: true}); err != nil {
			return "", s, err
		}
	}
	cookie := newCookie()
	key := sessionKey(cookie)
	if _, err := c.sessions().change(ctx, key, sessionTTL, func(v *sessionRecord) error { *v = s; return nil }); err != nil {
		return "", s, err
	}
	var before string
	rec, err := c.devices().change(ctx, recordKey(kindDevice, string(d.ID)), nil, func(v *deviceRecord) error {
		if v.Revoked {
			return errKeep
		}
		before, v.Session = v.Session, key
		return nil
	})
	if err != nil {
		return "", s, err
	}
	u, err := c.user(ctx, d.User)
	if err != nil {
		return "", s, err
	}
	if rec.Revoked || u == nil {
		s.Ended = wire.CodeRevoked
		return "", s, c.endSession(ctx, key, s.Ended)
	}
	if before != "" {
		err = c.endSession(ctx, before, wire.CodeSignedOut)
	}
	for _, r := range m.did {
		c.audit(r)
	}
	return cookie, s, err
}

// sessionTTL keeps a session's record while any of its tokens may live.
func sessionTTL(v sessionRecord) time.Duration {
	return max(time.Until(v.Expires.Add(wire.Leeway)), 0) + time.Minute
}

// endSession voids a session's cookie, tells its event stream and the
// gateways. An ended or unknown one stays as it is. Once begun, it goes on
// though whoever asked for it is gone: half of it would leave gateways untold.
func (c *Controller) endSession(ctx context.Context, key string, code wire.Code) error {
	ctx = context.WithoutCancel(ctx)
	ended := false
	s, err := c.sessions().change(ctx, key, sessionTTL, func(v *sessionRecord) error {
		if ended = v.ID != "" && v.Ended == ""; !ended {
			return errKeep
		}
		v.Ended, v.EndedAt = code, time.Now()
		return nil
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	if !ended {
		return nil
	}
	rec := record{kind: string(code), session: s.ID, user: s.User, target: string(s.Device)}
	if code == wire.CodeSignedOut {
		rec.trigger = wire.TriggerSignOut
	}
	c.audit(rec)
	c.verdicts.drop(s.ID)
	_, err = c.raisePolicy(ctx)
	c.forget(ctx, s.Tokens.ids())
	return err
}

// signOut serves DELETE wire.PathSession.
func (c *Controller) signOut(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	_, key, p := c.session(r, d)
	if p != nil {
		return p
	}
	if err := c.endSession(r.Context(), key, wire.CodeSignedOut); err != nil {
		return c.internal("sign out", err)
	}
	setCookie(w, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// session returns the live session of a request's cookie.
func (c *Controller) session(r *http.Request, d *device) (sessionRecord, string, *wire.Problem) {
	ck, err := r.Cookie(wire.CookieName)
	if err != nil || ck.Value == "" || len(ck.Value) > 128 {
		return sessionRecord{}, "", refuse(wire.CodeNoSession)
	}
	key := sessionKey(ck.Value)
	s, p := c.sessionState(r.Context(), key, d)
	if p != nil && p.Code != wire.CodeInternal { // the cookie is void, however it became so
		why := refuse(wire.CodeNoSession)
		if p.Code != wire.CodeNoSession {
			why.Detail = p.Title
		}
		p = why
	}
	return s, key, p
}

// sessionState reads a session and says whether it lives and is this device's.
func (c *Controller) sessionState(ctx context.Context, key string, d *device) (sessionRecord, *wire.Problem) {
	s, err := c.sessions().get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return s, refuse(wire.CodeNoSession)
	}
	if err != nil {
		return s, c.internal("read session", err)
	}
	if s.Device != d.ID || subtle.ConstantTimeCompare([]byte(s.Key), []byte(d.Key)) != 1 {
		c.audit(record{kind: "cookie-other-device", session: s.ID, user: s.User, target: string(d.ID)})
		return sessionRecord{}, refuse(wire.CodeNoSession)
	}
	if s.Ended != "" {
		return s, refuse(s.Ended)
	}
	u, err := c.user(ctx, s.User)
	switch {
	case err != nil:
		return s, c.internal("read user", err)
	case u == nil:
		return s, refuse(wire.CodeRevoked)
	case !time.Now().Before(s.Expires):
		return s, refuse(wire.CodeNoSession)
	}
	return s, nil
}
