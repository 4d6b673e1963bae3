package config

import (
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

func (l *loader) site(d *resource.Document) {
	s := siteSpec{Title: d.Name}
	l.errs.Add(d.Decode(&s))
	id := wire.SiteID(d.Name)
	l.conf.Sites[id] = &Site{ID: id, Title: s.Title}
}

// minCode is the length of the shortest enrolment code that may be configured:
// 80 bits in base32, which is what wire.NewID gives.
const minCode = 16

func (l *loader) gateway(d *resource.Document) {
	var s gatewaySpec
	l.errs.Add(d.Decode(&s))
	l.refer(d, "Site", s.Site, "site")
	if host, _, wrong := SplitAddress(s.Address, false); wrong != "" || host == "" {
		if wrong == "" {
			wrong = "the host is missing"
		}
		l.errs.Add(d.At("address").Errorf("address: %s; write host:port as clients reach the gateway, for example gw1.example.com:8444", wrong))
	}
	if d.Has("enrolment") && len(s.Enrolment) < minCode {
		l.errs.Add(d.At("enrolment").Errorf("the enrolment code is shorter than %d characters and could be guessed; write a random one, or none and make one with `tidegate-server controller enrol-gateway`", minCode))
	}
	l.conf.Gateways[d.Name] = &Gateway{Name: d.Name, Site: wire.SiteID(s.Site), Address: s.Address, Enrolment: s.Enrolment}
}

func (l *loader) condition(d *resource.Document) {
	var s conditionSpec
	l.errs.Add(d.Decode(&s))
	c := &Condition{Condition: wire.Condition{ID: wire.ConditionID(d.Name), Criteria: s.Criteria, Interactions: s.Interactions, Denied: s.Denied}}
	l.conf.Conditions[c.ID] = c
	l.reevaluate(d, s, c)
	if s.Criteria == "" {
		l.errs.Add(d.At("criteria").Errorf("criteria is missing; write an expression, for example criteria: within(responses.mfa, duration(\"60m\"))"))
		return
	}
	criteria, err := policy.Compile(s.Criteria)
	if err != nil {
		p := d.At("criteria")
		var pe *policy.Error
		if errors.As(err, &pe) {
			p = p.Inside(pe.Line, pe.Column)
			l.errs.Add(p.Errorf("%s", pe.Msg))
		} else {
			l.errs.Add(p.Errorf("%v", err))
		}
		return
	}
	for _, t := range criteria.Lifetimes() {
		if least := l.conf.MinInteractionLifetime; t < least {
			l.errs.Add(d.At("criteria").Errorf("the lifetime %v of an interaction is under %v, and the user would be asked all the time; write a longer one, or lower minInteractionLifetime", t, least))
		}
	}
	reads := criteria.Reads()
	for i, in := range s.Interactions {
		switch {
		case !in.Kind.Known():
			l.errs.Add(d.At("interactions", i, "kind").Errorf("unknown interaction %q; write mfa, password, reason or message", in.Kind))
		case !slices.Contains(reads, in.Kind):
			l.errs.Add(d.At("interactions", i, "kind").Errorf("the criteria never read responses.%s, so asking for it would not help; read it, or remove the interaction", in.Kind))
		case slices.ContainsFunc(s.Interactions[:i], func(o wire.Interaction) bool { return o.Kind == in.Kind }):
			l.errs.Add(d.At("interactions", i, "kind").Errorf("%s is asked for twice; remove one", in.Kind))
		}
	}
}

func (l *loader) reevaluate(d *resource.Document, s conditionSpec, c *Condition) {
	c.Reevaluate.Every = s.Reevaluate.Every
	for i, at := range s.Reevaluate.At {
		if t, err := time.Parse("15:04", at); err == nil {
			c.Reevaluate.At = append(c.Reevaluate.At, t.Hour()*60+t.Minute())
		} else {
			l.errs.Add(d.At("reevaluate", "at", i).Errorf("%q is not a time of day; write HH:MM in UTC, for example 17:01", at))
		}
	}
	if every := c.Reevaluate.Every.D(); d.Has("reevaluate", "every") && every != 5*time.Minute && every != 15*time.Minute && every != time.Hour {
		l.errs.Add(d.At("reevaluate", "every").Errorf("reevaluation every %v is not offered; write 5m, 15m or 1h, or remove it", every))
	}
}
