package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// answers serves wire.PathAnswers: all answers of a request count, or none.
func (c *Controller) answers(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	s, key, p := c.session(r, d)
	if p != nil {
		return p
	}
	var q wire.AnswerRequest
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	answers := map[wire.InteractionKind]string{}
	for _, a := range q.Answers {
		if _, twice := answers[a.Kind]; twice || !a.Kind.Known() || len(a.Value) > wire.MaxSecret {
			return badRequest(fmt.Errorf("the answer %q is unknown, there twice, or too long", a.Kind))
		}
		answers[a.Kind] = a.Value
	}
	if len(answers) == 0 {
		return badRequest(errors.New("there is no answer"))
	}
	if reason, asked := answers[wire.InteractionReason]; asked && strings.TrimSpace(reason) == "" {
		p := refuse(wire.CodeAnswer)
		p.Detail = "write a reason"
		return p
	}
	_, mfa := answers[wire.InteractionMFA]
	_, password := answers[wire.InteractionPassword]
	if mfa || password {
		p = c.attempt(r.Context(), d, wire.CodeAnswer, mfa, func() (bool, error) { return c.judgeAnswers(r.Context(), s.User, answers) })
		if p != nil {
			return p
		}
	}
	if p := c.stamp(r.Context(), key, answers); p != nil {
		return p
	}
	for kind := range answers {
		rec := record{kind: "answered", session: s.ID, user: s.User, target: string(kind), trigger: wire.TriggerAccess, allow: true}
		if kind == wire.InteractionReason {
			rec.reason = wire.Reason{Kind: wire.ReasonUserReason, Detail: answers[kind]}
		}
		c.audit(rec)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// judgeAnswers says whether the secrets among the answers are right. A one-time
// code is used up only when the rest is right.
func (c *Controller) judgeAnswers(ctx context.Context, name string, answers map[wire.InteractionKind]string) (bool, error) {
	u, err := c.user(ctx, name)
	if err != nil {
		return false, err
	}
	if typed, asked := answers[wire.InteractionPassword]; asked {
		if good, err := c.passwords.verify(ctx, u, typed); err != nil || !good {
			return false, err
		}
	}
	code, asked := answers[wire.InteractionMFA]
	if u == nil || !asked {
		return u != nil, nil
	}
	at := codeStep(u.TOTP, code, time.Now())
	if at == 0 {
		return false, nil
	}
	err = c.useStep(ctx, name, at)
	if errors.Is(err, errReplayed) {
		return false, nil
	}
	return err == nil, err
}

// stamp writes the user response claims of answers into a session, with a new
// claims token; its event stream sees it in the store.
func (c *Controller) stamp(ctx context.Context, key string, answers map[wire.InteractionKind]string) *wire.Problem {
	at := policy.Stamp(time.Now(), c.config().Settings.StampRounding.D()).UTC().Round(0)
	s, err := c.renew(ctx, key, func(v *sessionRecord, _ *configured) (need, error) {
		if v.Responses == nil {
			v.Responses = map[wire.InteractionKind]time.Time{}
		}
		for kind := range answers {
			v.Responses[kind] = at
		}
		// A session of an older version has no tokens yet; its stream makes them all.
		return need{trigger: wire.TriggerAccess, claims: v.Tokens.Certificate != ""}, nil
	})
	if err != nil {
		return c.internal("store answers", err)
	}
	if s.ID == "" || s.Ended != "" {
		return refuse(wire.CodeNoSession)
	}
	return nil
}
