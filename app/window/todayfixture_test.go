package window

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// ahead gives applications of signedIn days ahead of every kind.
func ahead() session.State {
	s := signedIn()
	s.User.Expires = noon.Add(90 * time.Hour)
	code := []wire.InteractionKind{wire.InteractionMFA}
	at := func(day, h, m int) time.Time { return time.Date(2026, 11, 20+day, h, m, 0, 0, time.UTC) }
	over := wire.ForecastSpan{From: s.User.Expires, To: noon.Add(wire.ForecastAhead), Reason: wire.ReasonTokenEnd}
	hours := func(allow func(from, to time.Time) wire.ForecastSpan) (spans []wire.ForecastSpan) {
		last := noon
		for day := range 4 {
			if wd := at(day, 12, 0).Weekday(); wd == time.Saturday || wd == time.Sunday {
				continue
			}
			from, to := at(day, 8, 30), at(day, 17, 0)
			if from.After(last) {
				spans = append(spans, wire.ForecastSpan{From: last, To: from, Reason: wire.ReasonTime})
			} else {
				from = last
			}
			spans = append(spans, allow(from, to))
			last = to
		}
		return append(spans, wire.ForecastSpan{From: last, To: over.From, Reason: wire.ReasonTime}, over)
	}
	a := &session.Ahead{At: noon, Until: noon.Add(wire.ForecastAhead), Expires: over.From, Lines: []wire.ForecastLine{
		{Entitlements: []wire.EntitlementID{"always"}, Spans: []wire.ForecastSpan{{From: noon, To: over.From, Allow: true, Reason: wire.ReasonTokenEnd}, over}},
		{Entitlements: []wire.EntitlementID{"hours"}, MayChange: []wire.ReasonKind{wire.ReasonDevice}, Spans: hours(func(from, to time.Time) wire.ForecastSpan {
			return wire.ForecastSpan{From: from, To: to, Allow: true, Reason: wire.ReasonTime}
		})},
		{Entitlements: []wire.EntitlementID{"asks"}, Spans: hours(func(from, to time.Time) wire.ForecastSpan {
			return wire.ForecastSpan{From: from, To: to, Cure: code, Reason: wire.ReasonMFA}
		})},
		{Entitlements: []wire.EntitlementID{"hourly"}, Spans: []wire.ForecastSpan{
			{From: noon, To: noon.Add(3*time.Hour + 9*time.Minute + 30*time.Second), Allow: true, Warn: noon.Add(3*time.Hour + 4*time.Minute + 30*time.Second), Cure: code, Reason: wire.ReasonMFA},
			{From: noon.Add(3*time.Hour + 9*time.Minute + 30*time.Second), To: over.From, Cure: code, Reason: wire.ReasonMFA}, over}},
		{Entitlements: []wire.EntitlementID{"check"}, MayChange: []wire.ReasonKind{wire.ReasonScript}, Spans: hours(func(from, to time.Time) wire.ForecastSpan {
			return wire.ForecastSpan{From: from, To: to, Allow: true, Script: true, Reason: wire.ReasonTime}
		})},
		{Entitlements: []wire.EntitlementID{"shut"}, MayChange: []wire.ReasonKind{wire.ReasonRisk}, Spans: []wire.ForecastSpan{{From: noon, To: over.From, Reason: wire.ReasonRisk}, over}},
	}}
	lived := func(o session.Outlook, from, to time.Duration) session.Lived {
		return session.Lived{From: noon.Add(-from), To: noon.Add(-to), Outlook: o}
	}
	a.Past = map[wire.EntitlementID][]session.Lived{
		"always": {lived(session.OutlookOpen, 5*time.Hour+20*time.Second, 0)},
		"hours":  {lived(session.OutlookClosed, 7*time.Hour, 6*time.Hour+6*time.Minute), lived(session.OutlookOpen, 6*time.Hour+6*time.Minute, 4*time.Hour), lived(session.OutlookOpen, time.Hour, 0)},
		"hourly": {lived(session.OutlookAsks, 2*time.Hour, 50*time.Minute), lived(session.OutlookOpen, 50*time.Minute, 0)},
	}
	for i, e := range []wire.EntitlementID{"always", "hours", "shut", "asks", "hourly", "check", "always", "hours", "nothing"} {
		s.Apps[i].Entitlement = e
	}
	s.Ahead = a
	return s
}

func toToday(b *bench) { b.pages.show(session.PageToday) }

func todayScenes() []scene {
	wait, failed := signedIn(), signedIn()
	wait.Ahead = &session.Ahead{Working: true}
	failed.Ahead = &session.Ahead{Problem: &session.Problem{Title: "zta.tidewater.example:8443 was not reached", Fix: "Check your network and the address, then try again."}}
	long := ahead()
	for range 3 {
		long.Apps = append(long.Apps, long.Apps...)
	}
	return []scene{
		{"today", ahead(), toToday},
		{"today-week", ahead(), func(b *bench) { toToday(b); b.press("Show the week") }},
		{"today-looked", ahead(), func(b *bench) {
			toToday(b)
			b.canvas().Focus(b.pages.today.list)
			for range 4 {
				b.key("Down")
			}
		}},
		{"today-week-looked", ahead(), func(b *bench) {
			toToday(b)
			b.press("Show the week")
			b.canvas().Focus(b.pages.today.list)
			b.key("Down")
			b.key("Right")
		}},
		{"today-wait", wait, toToday},
		{"today-failed", failed, toToday},
		{"today-long", long, toToday},
		{"small-today", ahead(), func(b *bench) { small(b); toToday(b) }},
		{"small-today-week", ahead(), func(b *bench) { small(b); toToday(b); b.press("Show the week") }},
	}
}
