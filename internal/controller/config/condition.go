package config

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	conditionSpec struct {
		Criteria     string            `yaml:"criteria" jsonschema:"required" jsonschema_description:"CEL that is true while access is granted, for example within(responses.mfa, duration(\"60m\"))."`
		Interactions []interactionSpec `yaml:"interactions" jsonschema_description:"What the user may be asked where the criteria fail."`
		Require      string            `yaml:"require" jsonschema:"enum=all,enum=one" jsonschema_description:"Whether all interactions that help are asked, or one of the user's choice; all by default."`
		Denied       string            `yaml:"denied" jsonschema_description:"What the user is told on failure."`
		Reevaluate   reevaluateSpec    `yaml:"reevaluate" jsonschema_description:"When to judge again and to run the scripts that the criteria read. What depends on time and claims alone is judged at its instant without."`
	}
	interactionSpec struct {
		Kind    wire.InteractionKind `yaml:"kind" jsonschema:"required,enum=mfa,enum=password,enum=reason,enum=message" jsonschema_description:"What is asked: a one-time code, the password, a reason, or to acknowledge a message."`
		Message string               `yaml:"message" jsonschema_description:"What the user reads with it."`
	}
	reevaluateSpec struct {
		At    []string `yaml:"at" jsonschema:"pattern=^([01][0-9]|2[0-3]):[0-5][0-9]$" jsonschema_description:"Times of day in UTC, HH:MM."`
		Every period   `yaml:"every" jsonschema_description:"12 times per hour (5m), on the quarters (15m) or on the hour (1h), by the UTC clock; 0 means none, which is the default unless the criteria read risk (15m)."`
	}
)

// period is a wire.Duration of which only some are offered.
type period struct{ wire.Duration }

func (l *loader) condition(d *resource.Document) {
	var s conditionSpec
	l.errs.Add(d.Decode(&s))
	c := &Condition{Condition: wire.Condition{ID: wire.ConditionID(d.Name), Criteria: s.Criteria, Denied: s.Denied, Any: s.Require == "one"}}
	for _, in := range s.Interactions {
		c.Interactions = append(c.Interactions, wire.Interaction{Kind: in.Kind, Message: in.Message})
	}
	l.conf.Conditions[c.ID] = c
	l.reevaluate(d, s.Reevaluate, c)
	if d.Has("require") && s.Require != "all" && s.Require != "one" {
		l.errs.Add(d.At("require").Errorf("require %q is not offered; write all or one", s.Require))
	}
	if s.Criteria == "" {
		l.errs.Add(d.At("criteria").Errorf("criteria is missing; write an expression, for example criteria: within(responses.mfa, duration(\"60m\"))"))
		return
	}
	criteria, err := policy.CompileWith(s.Criteria, l.vars)
	if err != nil {
		l.errs.Add(inside(d.At("criteria"), err))
		return
	}
	c.Compiled = criteria
	l.reads(d, c)
	for _, t := range criteria.Lifetimes() {
		if least := l.conf.MinInteractionLifetime; t < least {
			l.errs.Add(d.At("criteria").Errorf("the lifetime %v of an interaction is under %v, and the user would be asked all the time; write a longer one, or lower minInteractionLifetime", t, least))
		}
	}
	l.interactions(d, c)
}

// reads notes what the criteria read of scripts and declared claims; those that
// read risk are judged on the quarters, unless something else is written.
func (l *loader) reads(d *resource.Document, c *Condition) {
	names := c.Compiled.Names()
	for _, v := range l.vars {
		if slices.Contains(names, v.Name) {
			if c.Variables == nil {
				c.Variables = map[string]string{}
			}
			c.Variables[v.Name] = string(v.Type)
		}
	}
	if slices.Contains(names, "risk") && !d.Has("reevaluate", "every") {
		c.Reevaluate.Every = wire.Duration(15 * time.Minute)
	}
}

func (l *loader) interactions(d *resource.Document, c *Condition) {
	reads := c.Compiled.Reads()
	for i, in := range c.Interactions {
		switch {
		case !in.Kind.Known():
			l.errs.Add(d.At("interactions", i, "kind").Errorf("unknown interaction %q; write mfa, password, reason or message", in.Kind))
		case !slices.Contains(reads, in.Kind):
			l.errs.Add(d.At("interactions", i, "kind").Errorf("the criteria never read responses.%s, so asking for it would not help; read it, or remove the interaction", in.Kind))
		case slices.ContainsFunc(c.Interactions[:i], func(o wire.Interaction) bool { return o.Kind == in.Kind }):
			l.errs.Add(d.At("interactions", i, "kind").Errorf("%s is asked for twice; remove one", in.Kind))
		}
	}
}

func (l *loader) reevaluate(d *resource.Document, s reevaluateSpec, c *Condition) {
	c.Reevaluate.Every = s.Every.Duration
	for i, at := range s.At {
		t, err := time.Parse("15:04", at)
		minute := t.Hour()*60 + t.Minute()
		switch {
		case err != nil || len(at) != len("15:04"):
			l.errs.Add(d.At("reevaluate", "at", i).Errorf("%q is not a time of day; write HH:MM in UTC, for example 17:01", at))
		case slices.Contains(c.Reevaluate.At, minute):
			l.errs.Add(d.At("reevaluate", "at", i).Errorf("%s is there twice; remove one", at))
		default:
			c.Reevaluate.At = append(c.Reevaluate.At, minute)
		}
	}
	switch every := s.Every.D(); every {
	case 0, 5 * time.Minute, 15 * time.Minute, time.Hour:
	default:
		l.errs.Add(d.At("reevaluate", "every").Errorf("reevaluation every %v is not offered; write 5m, 15m or 1h, or 0 for none", every))
	}
}
