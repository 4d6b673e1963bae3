package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/controller/secevent"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// signal serves wire.PathSignals (RFC 8935): 202, or 400 with the reason.
func (c *Controller) signal(w http.ResponseWriter, r *http.Request) *wire.Problem {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != secevent.MediaType {
		return c.refuseSignal(w, r, secevent.Refuse(secevent.InvalidRequest, "the content type is not %s", secevent.MediaType))
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a recorder in a test cannot
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, secevent.MaxToken))
	if err != nil {
		return c.refuseSignal(w, r, secevent.Refuse(secevent.InvalidRequest, "the body is larger than %d bytes, or did not come whole", secevent.MaxToken))
	}
	select {
	case c.enrolling <- struct{}{}:
		defer func() { <-c.enrolling }()
	default:
		return refuse(wire.CodeOverload)
	}
	e, err := c.receiver().Read(b, time.Now())
	if err == nil {
		err = c.take(context.WithoutCancel(r.Context()), e) // all of it, whoever waits for the answer
	}
	var refusal *secevent.Error
	switch {
	case errors.As(err, &refusal):
		refusal.Signed = refusal.Signed || e != nil
		return c.refuseSignal(w, r, refusal)
	case err != nil:
		return c.internal("take signal", err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// strangers is how often a record is made of signals that no transmitter signed:
// anybody can send them, and they are not to drive out the others.
const strangers = 10 * time.Second

func (c *Controller) refuseSignal(w http.ResponseWriter, r *http.Request, e *secevent.Error) *wire.Problem {
	now, last := time.Now(), c.stranger.Load()
	if since := now.Sub(time.Unix(0, last)); e.Signed || (since < 0 || since >= strangers) && c.stranger.CompareAndSwap(last, now.UnixNano()) {
		c.audit(record{kind: "signal-refused", target: remoteHost(r), detail: e.Error()})
	}
	w.Header().Set("Content-Language", "en")
	wire.WriteJSON(w, http.StatusBadRequest, e)
	return nil
}

func (c *Controller) receiver() secevent.Receiver {
	conf := c.config()
	r := secevent.Receiver{Audience: conf.Name}
	for _, t := range conf.Transmitters {
		r.Transmitters = append(r.Transmitters, secevent.Transmitter{Issuer: t.Issuer, Keys: t.Keys})
	}
	return r
}

// take does what an event says, once. It is remembered when it has been done: a
// controller that is killed amid it does it again when the transmitter tries
// again, and doing it twice makes no difference.
func (c *Controller) take(ctx context.Context, e *secevent.Event) error {
	sum := sha256.Sum256([]byte(e.Issuer + "\x00" + e.ID))
	key := recordKey(kindSignal, hex.EncodeToString(sum[:]))
	came := records[signalRecord]{c.store}
	replayed := secevent.Refuse(secevent.InvalidRequest, "the token came before")
	switch _, err := came.get(ctx, key); {
	case err == nil:
		return replayed
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("read signal: %w", err)
	}
	if c.config().Users[e.User] == nil {
		return secevent.Refuse(secevent.InvalidRequest, "the subject is no user here")
	}
	if err := c.apply(ctx, e); err != nil {
		return err
	}
	ttl := func(signalRecord) time.Duration { return 2*secevent.MaxAge + time.Minute }
	_, err := came.change(ctx, key, ttl, func(v *signalRecord) error {
		if !v.At.IsZero() {
			return replayed
		}
		v.At = time.Now()
		return nil
	})
	if err != nil {
		return err
	}
	c.audit(record{kind: "signal", user: e.User, target: string(e.Kind), trigger: wire.TriggerAlert, detail: "from " + e.Issuer + ": " + e.Why, allow: true})
	return nil
}

func (c *Controller) apply(ctx context.Context, e *secevent.Event) error {
	switch e.Kind {
	case secevent.RiskChanged:
		why := e.Why
		if why == "" {
			why = "said by " + e.Issuer
		}
		return c.sayRisk(ctx, e.User, fromSignal+e.Issuer, riskSaid{Risk: wire.Risk{Level: e.Level, Why: clip(why)}, At: e.At.UTC().Round(0)})
	case secevent.SessionRevoked:
		_, err := c.endSessions(ctx, func(s sessionRecord) bool { return s.User == e.User })
		return err
	case secevent.CredentialChanged:
		return c.clearResponses(ctx, e.User, e.Cleared)
	}
	return nil
}

// clearResponses takes back what a user answered with a credential that is no
// good any more. Tokens that say otherwise are void from now on.
func (c *Controller) clearResponses(ctx context.Context, user string, kinds []wire.InteractionKind) error {
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return fmt.Errorf("clear answers: %w", err)
	}
	var errs []error
	cleared := false
	for key, s := range all {
		if s.User != user || s.Ended != "" || !s.answered(kinds) {
			continue
		}
		revision, err := c.raisePolicy(ctx)
		if err != nil {
			return fmt.Errorf("clear answers: %w", err)
		}
		_, err = c.renew(ctx, key, func(v *sessionRecord, _ *configured) (need, error) {
			if !v.answered(kinds) {
				return need{}, errKeep
			}
			for _, k := range kinds {
				delete(v.Responses, k)
			}
			v.Renew = max(v.Renew, inTokens(revision))
			made := v.Tokens.Certificate != ""
			return need{trigger: wire.TriggerRenewal, policies: true, claims: made, entitlements: made}, nil
		})
		cleared = true
		errs = append(errs, err)
	}
	if cleared {
		_, err := c.raisePolicy(ctx)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// answered says whether any of these has been.
func (s *sessionRecord) answered(kinds []wire.InteractionKind) bool {
	for _, k := range kinds {
		if !s.Responses[k].IsZero() {
			return true
		}
	}
	return false
}
