package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// The sources of risk. What an administrator says silences the others until
// they speak again; a transmitter's name follows fromSignal.
const (
	fromAdministrator = "administrator"
	fromAlert         = "alert"
	fromSignal        = "signal "
)

// riskSaid is what one source has said last.
type riskSaid struct {
	wire.Risk
	At time.Time // an older word of the same transmitter is too late
}

func (s riskSaid) lapsed(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// risk is the highest that stands, and RiskLow where nothing does.
func (v riskRecord) risk(now time.Time) wire.Risk {
	out := wire.Risk{Level: -1}
	for _, source := range slices.Sorted(maps.Keys(v.Said)) {
		s := v.Said[source]
		if s.lapsed(now) || s.Level < out.Level {
			continue
		}
		if s.Level > out.Level || !out.Until.IsZero() && (s.Until.IsZero() || s.Until.After(out.Until)) {
			out = s.Risk
		}
	}
	if out.Level < 0 {
		return wire.Risk{Level: wire.RiskLow}
	}
	return out
}

// next is the first instant after now at which something lapses, or zero.
func (v riskRecord) next() time.Time {
	var first time.Time
	for _, s := range v.Said {
		if !s.Until.IsZero() && (first.IsZero() || s.Until.Before(first)) {
			first = s.Until
		}
	}
	return first
}

// signalMemory is how long a source's last word is kept although it says
// nothing any more: an older one may be on its way.
const signalMemory = 15 * time.Minute

func riskTTL(v riskRecord) time.Duration {
	last := time.Now()
	for _, s := range v.Said {
		switch {
		case s.Level == wire.RiskLow:
		case s.Until.IsZero():
			return 0
		case s.Until.After(last):
			last = s.Until
		}
	}
	return max(time.Until(last), 0) + signalMemory
}

func (c *Controller) risks() records[riskRecord] { return records[riskRecord]{c.store} }

// SetRisk says how risky a user's situation is, by a level from 0 to 100, until
// an instant (zero: until it is said anew). It overrides what alerts and signals
// said before. Gateways hear at once; no token is renewed.
func (c *Controller) SetRisk(ctx context.Context, user string, level int64, until time.Time, why string) error {
	switch {
	case c.config().Users[user] == nil:
		return fmt.Errorf("user %q %w; see the User resources of the configuration", user, ErrUnknown)
	case level < 0 || level > 100:
		return fmt.Errorf("the risk %d is not from 0 to 100; write for example %d for low, %d for medium, %d for high", level, wire.RiskLow, wire.RiskMedium, wire.RiskHigh)
	case !until.IsZero() && !until.After(time.Now()):
		return fmt.Errorf("%s is past; write an instant to come, or none", until.Format(time.RFC3339))
	case !shortText(why):
		return errors.New("the reason is too long; write at most 256 bytes")
	}
	return c.sayRisk(ctx, user, fromAdministrator, riskSaid{Risk: wire.Risk{Level: level, Until: until.UTC().Round(0), Why: why}, At: time.Now().UTC().Round(0)})
}

// sayRisk keeps what a source says of a user and tells the gateways where that
// changes anything.
func (c *Controller) sayRisk(ctx context.Context, user, source string, said riskSaid) error {
	ctx = context.WithoutCancel(ctx) // gateways are told of what was kept
	now := time.Now()
	var was, is wire.Risk
	v, err := c.risks().change(ctx, recordKey(kindRisk, user), riskTTL, func(v *riskRecord) error {
		was = v.risk(now)
		is = was
		old, known := v.Said[source]
		if known && said.At.Before(old.At) && strings.HasPrefix(source, fromSignal) { // the others come in order, whatever the clock says
			return errKeep
		}
		if source == fromAlert && known && !old.lapsed(now) && (old.Level > said.Level || old.Level == said.Level && said.Until.Sub(old.Until) < time.Minute) {
			return errKeep // one alert after the other costs no write each
		}
		if v.Said == nil || source == fromAdministrator {
			v.Said = map[string]riskSaid{}
		}
		v.User = user
		v.Said[source] = said
		is = v.risk(now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("set risk: %w", err)
	}
	if is == was {
		return nil
	}
	c.auditRisk(v.User, is)
	_, err = c.raisePolicy(ctx)
	return err
}

func (c *Controller) auditRisk(user string, r wire.Risk) {
	rec := record{kind: "risk", user: user, target: strconv.FormatInt(r.Level, 10), trigger: wire.TriggerAlert, detail: r.Why}
	if !r.Until.IsZero() {
		rec.lease = r.Until
	}
	c.audit(rec)
}

// riskOf is a user's present risk.
func (c *Controller) riskOf(ctx context.Context, user string) (wire.Risk, error) {
	v, err := c.risks().get(ctx, recordKey(kindRisk, user))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return wire.Risk{}, fmt.Errorf("read risk: %w", err)
	}
	return v.risk(time.Now()), nil
}

// presentRisks are the users' whose risk is not low, and when the first of them
// lapses: zero for never.
func (c *Controller) presentRisks(ctx context.Context) (map[string]wire.Risk, time.Time, error) {
	all, err := c.risks().list(ctx, kindRisk)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read risks: %w", err)
	}
	now := time.Now()
	out := map[string]wire.Risk{}
	var first time.Time
	for _, v := range all {
		if r := v.risk(now); r.Level != wire.RiskLow {
			out[v.User] = r
		}
		if t := v.next(); !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return out, first, nil
}

// lapse takes back the risks whose time is over and tells the gateways. Of any
// number of callers at once one does it for each.
func (c *Controller) lapse(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	all, err := c.risks().list(ctx, kindRisk)
	if err != nil {
		return fmt.Errorf("read risks: %w", err)
	}
	taken := false
	for key := range all {
		lapsed := false
		v, err := c.risks().change(ctx, key, riskTTL, func(v *riskRecord) error {
			now := time.Now()
			before := len(v.Said)
			maps.DeleteFunc(v.Said, func(_ string, s riskSaid) bool { return s.lapsed(now) })
			if lapsed = len(v.Said) < before; !lapsed {
				return errKeep
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("lapse risk: %w", err)
		}
		if lapsed {
			taken = true
			c.auditRisk(v.User, v.risk(time.Now()))
		}
	}
	if !taken {
		return nil
	}
	_, err = c.raisePolicy(ctx)
	return err
}
