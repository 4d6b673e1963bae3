package gateway

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// equip finds the scripts that the entitlements need. Those that criteria read
// are run where they are new. It returns what differs of what is judged on.
func (s *session) equip(trigger wire.Trigger) policy.Inputs {
	old := s.tasks
	s.tasks = map[string]*task{}
	need := func(k string, kind wire.ScriptKind, name string) {
		if s.tasks[k] != nil {
			return
		}
		p := s.g.library.get(kind, name)
		t := old[k]
		if t == nil || t.program != p {
			t = &task{key: k, program: p, tried: p == nil}
			if kind == wire.ScriptCriteria {
				t.variable = name
			} else if was := old[k]; was != nil && p != nil { // its hosts stand until the other script has been run
				t.tried, t.known, t.hosts, t.got, t.failing = was.tried, was.known, was.hosts, was.got, was.failing
			}
		}
		s.tasks[k] = t
	}
	for _, e := range s.entitlements {
		for _, k := range e.criteria {
			need(k, wire.ScriptCriteria, strings.TrimPrefix(k, key(wire.ScriptCriteria, "")))
		}
		for _, a := range e.actions {
			if a.Script != "" {
				need(key(wire.ScriptEntitlement, a.Script), wire.ScriptEntitlement, a.Script)
			}
		}
	}
	for _, t := range s.tasks {
		if t.variable != "" && !t.tried {
			s.want(t, trigger)
		}
	}
	return s.subject.SetClaims(s.assess(s.now())) // some values may be gone
}

// reequip takes scripts that the controller has changed.
func (s *session) reequip() {
	before := s.tasks
	changes := s.equip(wire.TriggerRenewal)
	var in []*entitlement
	for _, e := range s.entitlements {
		changed := func(k string) bool { return s.tasks[k] != before[k] }
		if slices.ContainsFunc(e.criteria, changed) || slices.ContainsFunc(e.actions, func(a wire.Action) bool {
			return a.Script != "" && changed(key(wire.ScriptEntitlement, a.Script))
		}) {
			in = append(in, e)
			s.recompile(e, wire.TriggerRenewal, "")
		}
	}
	s.withdraw(wire.TriggerRenewal)
	s.judge(in, changes, wire.TriggerRenewal, true)
	s.announce()
}

// runCriteria runs the scripts that the entitlement's conditions read.
func (s *session) runCriteria(e *entitlement, trigger wire.Trigger) {
	for _, k := range e.criteria {
		s.want(s.tasks[k], trigger)
	}
}

// serves says whether anything would come of a run: the hosts of what is denied
// are not asked for.
func (s *session) serves(t *task) bool {
	return t.variable != "" || slices.ContainsFunc(s.entitlements, func(e *entitlement) bool {
		return e.verdict.Allow && slices.ContainsFunc(e.rules.scripts(), func(name string) bool { return key(wire.ScriptEntitlement, name) == t.key })
	})
}

// runHosts runs the scripts that yield the entitlement's hosts.
func (s *session) runHosts(e *entitlement, trigger wire.Trigger) {
	for _, name := range e.rules.scripts() {
		s.want(s.tasks[key(wire.ScriptEntitlement, name)], trigger)
	}
}

// doubtHosts has flows wait for the next run of the scripts that nobody has asked
// while e was denied: what they named before may have gone since.
func (s *session) doubtHosts(e *entitlement) {
	for _, name := range e.rules.scripts() {
		t := s.tasks[key(wire.ScriptEntitlement, name)]
		if !slices.ContainsFunc(s.entitlements, func(o *entitlement) bool {
			return o != e && o.verdict.Allow && slices.Contains(o.rules.scripts(), name)
		}) && t.program != nil {
			t.tried = false
		}
	}
}

// want runs a script now or, where it is running, when that run has ended: what
// it was given is no longer what counts. What the client does, be it ever so
// often, causes a run a second.
func (s *session) want(t *task, trigger wire.Trigger) {
	if t.program == nil || t.turn == s.turn && t.running {
		return
	}
	now := s.now()
	if pause := t.began.Add(accessPause); byClient(trigger) && !t.began.IsZero() && !t.running && now.Before(pause) {
		if t.due.IsZero() || pause.Before(t.due) {
			t.due, t.why = pause, trigger
		}
		return
	}
	t.turn = s.turn
	if t.running {
		t.again = trigger
		return
	}
	t.running, t.began, t.due, t.again = true, now, time.Time{}, ""
	s.launch(t.program, func(r result) {
		s.call(func() { s.ran(t, trigger, r) })
	})
}

// byClient says whether a client can bring that row about as often as it likes.
func byClient(trigger wire.Trigger) bool {
	return trigger == wire.TriggerAccess || trigger == wire.TriggerDeviceClaims || trigger == wire.TriggerReconnect
}

// ran takes what a run has yielded: the claims or the rules that change by it
// are judged at once.
func (s *session) ran(t *task, trigger wire.Trigger, r result) {
	record := wire.AuditRecord{Kind: "script-run", Target: t.program.Name, Trigger: trigger, Allow: r.err == nil}
	if r.err != nil {
		record.Detail = r.err.Error()
	}
	s.record(record)
	t.running, t.served = false, t.began
	if s.tasks[t.key] != t {
		return // it has been replaced
	}
	now, first := s.now(), !t.tried
	t.tried, t.failing = true, r.err != nil
	same := t.known && t.value == r.value && slices.Equal(t.hosts, r.hosts)
	switch {
	case r.err == nil:
		t.known, t.value, t.hosts, t.got = true, r.value, r.hosts, now
	case t.known && now.Before(t.expires()):
		same = true
	default:
		same = !t.known
		t.known, t.value, t.hosts = false, nil, nil
	}
	t.plan(now)
	if first || !same {
		s.took(t, trigger, first)
	}
	again := t.again
	t.again = ""
	if again != "" && s.serves(t) {
		s.want(t, again)
	}
	s.rearm()
	s.announce()
}

// forget drops a value that has not been renewed for too long.
func (s *session) forget(t *task) {
	t.known, t.value, t.hosts = false, nil, nil
	s.took(t, wire.TriggerScript, false)
}

// took lets a task's new value, or that it has none, take effect.
func (s *session) took(t *task, trigger wire.Trigger, first bool) {
	if t.variable != "" {
		var in []*entitlement
		for _, e := range s.entitlements {
			if first && slices.Contains(e.criteria, t.key) {
				in = append(in, e) // its verdict has been waiting
			}
		}
		s.reassess(in, trigger, false)
		return
	}
	for _, e := range s.entitlements {
		if slices.ContainsFunc(e.actions, func(a wire.Action) bool { return key(wire.ScriptEntitlement, a.Script) == t.key }) {
			s.recompile(e, trigger, t.program.Name)
		}
	}
	s.withdraw(trigger)
}

// announce wakes the flows that wait for something to be found out.
func (s *session) announce() {
	close(s.news)
	s.news = make(chan struct{})
}

// sources are where the rules' hosts come from.
func (s *session) sources() sources {
	return sources{
		script: func(name string) ([]string, bool) {
			t := s.tasks[key(wire.ScriptEntitlement, name)]
			return t.hosts, t.known || !t.tried // it is run once the conditions hold
		},
		find: s.g.resolver.find,
	}
}

// compile makes the entitlement's rules.
func (s *session) compile(e *entitlement) {
	e.rules = compileRules(e.actions, s.sources())
	s.matcher.change(e)
}

// recompile is compile after what the rules' hosts come from has changed; cause
// says what did.
func (s *session) recompile(e *entitlement, trigger wire.Trigger, cause string) {
	was := e.rules
	s.watch()
	s.compile(e)
	if now := e.rules.list(); !slices.Equal(was.list(), now) {
		s.record(wire.AuditRecord{Kind: "rules-changed", Entitlement: e.id, Target: cause, Trigger: trigger, Allow: e.verdict.Allow,
			Detail: clipTo(strings.Join(now, "; "), maxDetail)})
	}
}

// maxDetail bounds what a record tells of a rule's hosts.
const maxDetail = 500
