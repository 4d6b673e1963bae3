package dayload

import (
	"fmt"
	"runtime"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/policy/policytest"
	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// session is what a gateway keeps of one for reevaluation.
type session struct {
	subject reevaluate.Subject
	handle  reevaluate.Handle[*session]
}

// engine is the day with what is measured.
type engine struct {
	dice     dice
	pairs    []policytest.Pair
	answers  answers
	sessions []session
	claims   []*policy.Claims // of each session, as they will be after the minute
	calendar reevaluate.Calendar[*session]
	result   *Result
}

func newEngine(d dice, n int, result *Result) (*engine, error) {
	e := &engine{dice: d, pairs: conditions(), answers: answers{}, result: result}
	var known reevaluate.Grants
	all := make([]*reevaluate.Grant, len(e.pairs))
	asks := []wire.Interaction{{Kind: wire.InteractionMFA}, {Kind: wire.InteractionPassword}}
	for i, p := range e.pairs {
		var err error
		if all[i], err = known.Of([]wire.Condition{{ID: wire.ConditionID(fmt.Sprint(i)), Criteria: p.Ours, Interactions: asks}}); err != nil {
			return nil, fmt.Errorf("compile %s: %w", p.Ours, err)
		}
	}
	e.claims = make([]*policy.Claims, n)
	for i := range e.claims {
		e.claims[i] = d.first(i, e.answers)
	}
	before := heapInUse()
	e.sessions = make([]session, n)
	err := result.measure(&result.FirstCPU, func() {
		own := make([]*reevaluate.Grant, grantsEach)
		for i := range e.sessions {
			s := &e.sessions[i]
			for j, g := range d.grants(i, len(all)) {
				own[j] = all[g]
			}
			s.handle.Owner = s
			s.subject.SetOptions(options)
			s.subject.SetGrants(own)
			for j := range 3 { // the rest is not in use
				s.subject.Use(j, true)
			}
			e.judge(s, midnight, s.subject.SetClaims(e.claims[i]))
		}
	})
	result.Bytes = float64(heapInUse()-before) / float64(n)
	return e, err
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (e *engine) judge(s *session, at time.Time, changed policy.Inputs) {
	e.calendar.Set(&s.handle, s.subject.Judge(at, changed, func(int) { e.result.Told++ }))
}

// wake judges whoever's instant has come up to and including at.
func (e *engine) wake(at time.Time) {
	for {
		next, ok := e.calendar.Next()
		if !ok || next.After(at) {
			return
		}
		for _, h := range e.calendar.Due(next) {
			e.result.Wakes++
			e.judge(h.Owner, next, 0)
		}
	}
}

// probed is how many sessions are compared with cel-go each minute.
const probed = 10

// run goes through the day. Each minute some sessions are compared with cel-go
// twice: before the engine has done that minute's work, when a lease that is
// still good would be a verdict that is late, and after it.
func (e *engine) run() error {
	oracles := make([]policytest.Oracle, len(e.pairs))
	for i, p := range e.pairs {
		var err error
		if oracles[i], err = policytest.NewOracle(p.CEL); err != nil {
			return fmt.Errorf("compile the oracle: %w", err)
		}
	}
	changes := e.dice.schedule(len(e.sessions))
	var fresh []*policy.Claims // of a minute, as its tokens bring them
	for m := 1; m < minutes; m++ {
		at := midnight.Add(time.Duration(m) * time.Minute)
		e.compare(oracles, m, at, func(permits, allow bool) {
			if permits && !allow {
				e.result.Late++
			}
		})
		if err := e.result.measure(&e.result.WakeCPU, func() { e.wake(at) }); err != nil {
			return err
		}
		fresh = fresh[:0]
		for _, c := range changes[m] {
			i := int(c / changesEach)
			e.claims[i] = e.dice.change(e.claims[i], i, int(c%changesEach), at, e.answers)
			fresh = append(fresh, e.claims[i])
		}
		err := e.result.measure(&e.result.ChangeCPU, func() {
			for k, c := range changes[m] {
				s := &e.sessions[c/changesEach]
				e.judge(s, at, s.subject.SetClaims(fresh[k]))
			}
		})
		if err != nil {
			return err
		}
		e.result.Changes += len(fresh)
		e.compare(oracles, m, at, func(permits, allow bool) {
			if permits != allow {
				e.result.Wrong++
			}
		})
	}
	return nil
}

func (e *engine) compare(oracles []policytest.Oracle, minute int, at time.Time, check func(permits, allow bool)) {
	for i := range probed {
		n := int(e.dice.roll(minute, whichProbe+i) % uint64(len(e.sessions)))
		s := &e.sessions[n]
		vars := policytest.Vars((*policytest.Claims)(s.subject.Claims()))
		for j, g := range e.dice.grants(n, len(oracles)) {
			allow, _ := oracles[g].Judge(vars, at)
			check(at.UnixNano() < s.subject.Lease(j), allow)
			e.result.Compared++
		}
	}
}
