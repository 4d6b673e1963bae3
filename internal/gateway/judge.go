package gateway

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// firstVerdicts is how long a session's first verdicts wait for those that need
// a script's first value.
const firstVerdicts = 2 * time.Second

// judge judges the listed entitlements, those whose conditions read what has
// changed, and those whose instant has come: denials take effect first, then the
// client is told if anything is another. The former two are recorded where a row
// of the table is the trigger, otherwise what turned.
func (s *session) judge(listed []*entitlement, changed policy.Inputs, trigger wire.Trigger, row bool) {
	if s.held != nil {
		s.holdOn()
		return
	}
	now := s.now()
	for _, e := range listed {
		s.subject.Review(e.index)
		e.asked = true
	}
	for _, e := range s.entitlements {
		e.asked = e.asked || e.grant.Inputs()&changed != 0
	}
	s.next = s.subject.Judge(now, changed, func(i int) { s.entitlements[i].visited = true })
	for _, e := range s.entitlements {
		record, visited := row && e.asked, e.asked || e.visited
		e.asked, e.visited = false, false
		if visited {
			s.enact(e, now, trigger, record)
		}
	}
	s.rearm()
	s.publish(now)
}

// enact takes over what the subject has found of the entitlement.
func (s *session) enact(e *entitlement, now time.Time, trigger wire.Trigger, record bool) {
	if s.awaits(e, now) {
		e.lease.Store(0) // nothing passes, nothing is cut
		return
	}
	was := e.verdict
	if e.enact(&s.subject, now, s.tokens.entitlement.Settings.HideValues) {
		s.unpublished = true
	}
	turned := was.Allow != e.verdict.Allow || was.Decision == ""
	if record || turned {
		s.record(e.recordVerdict(trigger))
	}
	if !e.verdict.Allow {
		s.cut(e, trigger)
	} else if record || turned {
		if turned {
			s.doubtHosts(e)
		}
		s.runHosts(e, trigger)
	}
}

// awaits says whether the verdict waits for a script's first value. A session's
// first verdicts do so for a while only.
func (s *session) awaits(e *entitlement, now time.Time) bool {
	return s.valuesPending(e) && (e.verdict.Decision != "" || now.Before(s.publishBy))
}

func (s *session) valuesPending(e *entitlement) bool {
	return slices.ContainsFunc(e.criteria, func(k string) bool { return s.tasks[k].pending() })
}

// due does what the session's one wake-up is for.
func (s *session) due() {
	if s.held != nil {
		s.holdOn()
		return
	}
	now := s.now()
	due := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	s.tend()
	if due(s.risk.Until) {
		s.exposed(s.g.registry.riskOf(s.user, now))
	}
	for _, t := range s.tasks {
		if due(t.expires()) {
			s.forget(t)
		}
		if due(t.due) {
			why := t.why
			t.due = time.Time{}
			if s.serves(t) {
				s.want(t, why)
			} else {
				s.announce() // nothing more is to come of it
			}
		}
	}
	for _, row := range []wire.Trigger{wire.TriggerAtTime, wire.TriggerPeriodic} {
		var in []*entitlement
		for _, e := range s.entitlements {
			if due(e.scheduled) && e.row == row {
				in = append(in, e)
				s.runCriteria(e, row)
			}
		}
		for _, e := range in {
			e.schedule(now)
		}
		if in != nil {
			s.judge(in, 0, row, true)
		}
	}
	s.judge(s.overdue(now), 0, wire.TriggerInstant, false)
}

// overdue are the entitlements whose first verdict has been awaited for long enough.
func (s *session) overdue(now time.Time) (in []*entitlement) {
	for _, e := range s.entitlements {
		if e.verdict.Decision == "" && !now.Before(s.publishBy) {
			in = append(in, e)
		}
	}
	return in
}

// rearm sets the session's one wake-up.
func (s *session) rearm() {
	if s.held != nil {
		return
	}
	wake := earlier(earlier(s.next, s.risk.Until), s.tended())
	if s.unpublished && s.unjudged() {
		wake = earlier(wake, s.publishBy)
	}
	for _, e := range s.entitlements {
		wake = earlier(wake, e.scheduled)
	}
	for _, t := range s.tasks {
		wake = earlier(wake, t.wake())
	}
	s.wakeAt(wake)
}

// replan sets everything by the wall clock anew, which has been set.
func (s *session) replan() {
	now := s.now()
	for _, e := range s.entitlements {
		e.schedule(now)
	}
	for _, t := range s.tasks {
		if !t.due.IsZero() {
			t.plan(now)
		}
		for _, at := range []*time.Time{&t.got, &t.began, &t.served} {
			if at.After(now) {
				*at = now
			}
		}
	}
	s.publishBy = earlier(s.publishBy, now.Add(firstVerdicts))
	s.risk = s.g.registry.riskOf(s.user, now)
	s.subject.SetClaims(s.assess(now))
	s.judge(s.entitlements, 0, wire.TriggerClock, false)
	s.announce()
}

func (s *session) unjudged() bool {
	return slices.ContainsFunc(s.entitlements, func(e *entitlement) bool { return e.verdict.Decision == "" })
}

// publish replaces what the event stream has not written yet, if there is news.
func (s *session) publish(now time.Time) {
	if s.feed == nil || !s.unpublished || s.unjudged() && now.Before(s.publishBy) {
		return
	}
	s.unpublished = false
	s.revision++
	v := wire.Verdicts{Revision: s.revision, At: now.UTC(), Since: s.since, Run: s.g.run, Verdicts: make([]wire.Verdict, 0, len(s.entitlements))}
	for _, e := range s.entitlements {
		v.Verdicts = append(v.Verdicts, e.verdict)
	}
	s.feed.put(v)
}
