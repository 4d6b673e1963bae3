package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// deriveApps says what each application is to the user now.
func deriveApps(f *facts, in *intent, allowed bool, w *wake) []App {
	apps := make([]App, len(f.catalog))
	foreseen := f.foreseen.spans(w)
	for i, a := range f.catalog {
		fact := f.plane.Apps[a.ID]
		a.Listen, a.Flows, a.Up, a.Down, a.LastUsed = fact.Listen, fact.Flows, fact.Up, fact.Down, fact.LastUsed
		a.Cut, a.Parked, a.Connections = fact.Cut, fact.Parked, fact.Connections
		for _, s := range fact.Synthetic {
			if s.IsValid() && f.plane.TUN {
				a.Addresses = append(a.Addresses, s)
			}
		}
		switch {
		case f.plane.named(a.Host):
			a.Open, a.OpenWith = openingByName(&a)
		case a.Listen.IsValid():
			a.Open, a.OpenWith = opening(&a, a.Listen)
		default:
			a.Open = OpenCopy
		}
		judged := a.judge(f, in, fact, allowed, w)
		if span, ok := foreseen[a.Entitlement]; ok && !judged && !in.cured[a.Entitlement] {
			a.foresee(span)
		}
		apps[i] = a
	}
	return apps
}

// judge says whether there was anything to judge by: else it is ready, as far as is known.
func (a *App) judge(f *facts, in *intent, fact AppFact, allowed bool, w *wake) (judged bool) {
	a.State = AppReady
	if fact.Flows > 0 {
		a.State = AppInUse
	}
	if v, end, known := verdict(f, in, a, w); known {
		judged = true
		a.told(v, end, f)
		switch {
		case !v.Allow:
			a.State = AppBlocked
			if len(v.Interactions) > 0 {
				a.State = AppNeedsYou
			}
			a.Cure, a.AnyOf, a.Why = kinds(v.Interactions), v.AnyOf, explainReason(v)
		case v.Due && fact.used():
			a.State = AppNeedsYou
			a.Cure, a.AnyOf, a.Why = kinds(v.Interactions), v.AnyOf, explainDue(v)
		}
	}
	switch {
	case !allowed && fact.Flows == 0:
		a.State, a.Why, a.Cure, a.Until = AppBlocked, closedReason(f), nil, time.Time{}
		a.Allowed, a.AnyOf, a.Since, a.Failing, a.Hidden = false, false, time.Time{}, nil, false
	case a.State == AppReady && fact.Problem != nil:
		a.explainFailure(fact.Problem)
	}
	return judged || a.State != AppReady || a.Why.Title != ""
}

// foresee takes what the controller foresaw of an application that no gateway has
// judged: else "ready" would promise what the next use takes back.
func (a *App) foresee(s wire.ForecastSpan) {
	a.Foreseen = outlookOf(s)
	if s.Allow {
		return
	}
	v := wire.Verdict{Reason: wire.Reason{Kind: s.Reason}, AnyOf: s.AnyOf}
	for _, k := range s.Cure {
		v.Interactions = append(v.Interactions, wire.Interaction{Kind: k})
	}
	a.Why = explainReason(v)
}

// told takes what a verdict says that ends at end by our clock.
func (a *App) told(v wire.Verdict, end time.Time, f *facts) {
	a.Decision, a.Allowed = v.Decision, v.Allow
	if !v.Allow || v.Reason.Kind != wire.ReasonTokenEnd { // the tokens renew themselves
		a.Until = end
	}
	a.Since = f.plane.Sites[a.Site].ours(v.Since)
	a.Failing = failing(v.Failing, hides(f))
	a.Hidden = len(a.Failing) > 0 && hides(f)
}

// hides says whether the administrator withholds what criteria compare.
func hides(f *facts) bool { return f.snapshot != nil && f.snapshot.Settings.HideValues }

// explainFailure says why the last use of a ready application did not work. A
// fault of the application's own leaves it ready: the next use may work.
func (a *App) explainFailure(p *wire.Problem) {
	switch p.Code {
	case wire.CodeNotEntitled, wire.CodeToken, wire.CodeDevice:
		a.State = AppBlocked
	case wire.CodeDenied, wire.CodeNoSession:
		return // the verdict in force or the control channel's state says it better
	}
	x := explain(p, "")
	a.Why = Why{Title: x.Title, Brief: lang.T(refused[p.Code]), Detail: x.Detail, Fix: x.Fix}
}

// verdict is the gateway's word on an application, if it still counts, and when
// that ends by our clock; zero: never. Where none stands, because its lease has
// ended or the channel is closed, the one counts that refused or cut the last
// flow, or else the warning that was not answered.
func verdict(f *facts, in *intent, a *App, w *wake) (v wire.Verdict, end time.Time, known bool) {
	if in.cured[a.Entitlement] {
		return wire.Verdict{}, time.Time{}, false
	}
	site := f.plane.Sites[a.Site]
	if v, ok := site.Verdicts[a.Entitlement]; ok {
		if end := site.ours(v.NotAfter); end.IsZero() || w.before(end) {
			return v, end, true
		}
	}
	p := f.plane.Apps[a.ID].Problem
	d, warned := in.due[a.Entitlement]
	switch {
	case p != nil && p.Code == wire.CodeDenied && p.Verdict != nil && p.Verdict.Entitlement == a.Entitlement:
		v = *p.Verdict
	case warned && !w.before(d.end):
		v = d.verdict
	default:
		return wire.Verdict{}, time.Time{}, false
	}
	v.Allow, v.Due, v.NotAfter = false, false, time.Time{}
	return v, time.Time{}, true
}

func kinds(is []wire.Interaction) []wire.InteractionKind {
	var ks []wire.InteractionKind
	for _, i := range is {
		ks = append(ks, i.Kind)
	}
	return ks
}
