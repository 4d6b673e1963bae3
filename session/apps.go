package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// deriveApps says what each application is to the user now.
func deriveApps(f *facts, in *intent, allowed bool, w *wake) []App {
	apps := make([]App, len(f.catalog))
	for i, a := range f.catalog {
		fact := f.plane.Apps[a.ID]
		a.Listen, a.Flows, a.Up, a.Down, a.LastUsed = fact.Listen, fact.Flows, fact.Up, fact.Down, fact.LastUsed
		a.Cut = fact.Cut
		if a.Listen.IsValid() {
			a.Open, a.OpenWith = opening(&a, a.Listen)
		} else {
			a.Open = OpenCopy
		}
		a.judge(f, in, fact, allowed, w)
		apps[i] = a
	}
	return apps
}

func (a *App) judge(f *facts, in *intent, fact AppFact, allowed bool, w *wake) {
	a.State = AppReady
	if fact.Flows > 0 {
		a.State = AppInUse
	}
	v, known := verdict(f, in, a)
	if known {
		a.Decision = v.Decision
		end := v.NotAfter.Add(-f.plane.Sites[a.Site].Offset) // by our clock
		if v.NotAfter.IsZero() {
			end = time.Time{}
		}
		fresh := end.IsZero() || w.before(end)
		switch {
		case v.Allow && fresh:
			if v.Reason.Kind != wire.ReasonTokenEnd { // the tokens renew themselves
				a.Until = end
			}
			if v.Due {
				a.State, a.Cure = AppNeedsYou, kinds(v.Interactions)
				a.Why = explainDue(v.Reason, v.Interactions)
			}
		case !v.Allow && fresh:
			a.Until = end
			a.Cure = kinds(v.Interactions)
			a.Why = explainReason(v.Reason, v.Interactions)
			a.State = AppBlocked
			if len(a.Cure) > 0 {
				a.State = AppNeedsYou
			}
		}
	}
	switch {
	case !allowed && fact.Flows == 0:
		a.State, a.Why, a.Cure, a.Until = AppBlocked, closedReason(f), nil, time.Time{}
	case a.State == AppReady && fact.Problem != nil:
		a.explainFailure(fact.Problem)
	}
}

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
	a.Why = Why{Title: x.Title, Detail: x.Detail, Fix: x.Fix}
}

// verdict is the gateway's word on an application, if it still counts. Where
// none stands, because its lease has ended or the channel is closed, the one
// that refused or cut the last flow does.
func verdict(f *facts, in *intent, a *App) (wire.Verdict, bool) {
	if in.cured[a.Entitlement] {
		return wire.Verdict{}, false
	}
	if v, ok := f.plane.Sites[a.Site].Verdicts[a.Entitlement]; ok {
		return v, true
	}
	p := f.plane.Apps[a.ID].Problem
	if p == nil || p.Code != wire.CodeDenied || p.Verdict == nil || p.Verdict.Entitlement != a.Entitlement {
		return wire.Verdict{}, false
	}
	v := *p.Verdict
	v.Allow, v.Due, v.NotAfter = false, false, time.Time{}
	return v, true
}

func kinds(is []wire.Interaction) []wire.InteractionKind {
	var ks []wire.InteractionKind
	for _, i := range is {
		ks = append(ks, i.Kind)
	}
	return ks
}
