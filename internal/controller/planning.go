package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/plan"
)

// ErrMoved is wrapped where a plan no longer fits: its base is not what runs, or
// what it wants is not what was planned.
var ErrMoved = errors.New("the configuration has moved since the plan was made; plan again")

// Plan says what a configuration would do to this controller: the difference,
// and its effect on the live sessions. It changes nothing. progress, where not
// nil, is called after each session.
func (c *Controller) Plan(ctx context.Context, src config.Source, progress func(done, total int)) (*plan.Plan, error) {
	next, err := src.Load()
	if err != nil {
		return nil, err
	}
	return c.plan(ctx, next, progress)
}

func (c *Controller) plan(ctx context.Context, next *config.Config, progress func(done, total int)) (*plan.Plan, error) {
	now := time.Now()
	live, err := c.liveSessions(ctx, now)
	if err != nil {
		return nil, err
	}
	p, err := plan.Make(ctx, c.config(), next, live, now, progress)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if now := c.config(); next.Listen != now.Listen || next.PublicAddress != now.PublicAddress {
		p.Warnings = append(p.Warnings, "listen and publicAddress stay what they are until the controller is started again")
	}
	for _, w := range next.Lint(now) {
		w.File = filepath.Base(w.File) // it lies where it was checked
		p.Warnings = append(p.Warnings, w.String())
	}
	return p, nil
}

// liveSessions are what the controller knows of them, oldest first.
func (c *Controller) liveSessions(ctx context.Context, now time.Time) ([]plan.Session, error) {
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	risks, err := c.risks().list(ctx, kindRisk)
	if err != nil {
		return nil, fmt.Errorf("list risks: %w", err)
	}
	records := slices.SortedFunc(maps.Values(all), func(a, b sessionRecord) int { return a.Created.Compare(b.Created) })
	var live []plan.Session
	for _, s := range records {
		if s.Ended == "" && now.Before(s.Expires) {
			live = append(live, plan.Session{ID: s.ID, User: s.User, Address: s.Address, Coded: s.Coded, Expires: s.Expires, Device: s.Claims,
				Responses: s.Responses, Risk: risks[recordKey(kindRisk, s.User)].risk(now).Level})
		}
	}
	return live, nil
}

// Apply puts a configuration in the place of the controller's own and in force,
// in one step: on an error before that nothing has changed. With a plan's id it
// is refused if that is not the plan that would be made now, and always if the
// configuration on disk is not the one in force.
func (c *Controller) Apply(ctx context.Context, src config.Source, id string) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	if c.source == "" {
		return errors.New("this controller was not started from a file, so there is nothing to replace")
	}
	next, err := src.Load()
	if err != nil {
		return err
	}
	base, err := config.Load(c.source)
	if err != nil {
		return fmt.Errorf("the configuration on disk is not in force, and has a mistake; mend it and send SIGHUP first: %w", err)
	}
	if base.Digest != c.config().Digest {
		return fmt.Errorf("%w (%s was edited, and not reloaded: send SIGHUP first)", ErrMoved, c.source)
	}
	if now := plan.ID(base.Digest, next.Digest); id != "" && id != now {
		return fmt.Errorf("%w (it would be %s)", ErrMoved, now)
	}
	if err := src.Replace(c.source); err != nil {
		return err
	}
	conf, err := config.Load(c.source) // what a restart would find
	if err == nil {
		err = c.Reload(context.WithoutCancel(ctx), conf)
	}
	if err != nil {
		return fmt.Errorf("the configuration is written to %s and not wholly in force; send SIGHUP: %w", c.source, err)
	}
	c.audit(record{kind: "policy-applied", target: conf.Digest, allow: true})
	return nil
}
