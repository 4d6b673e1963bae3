package window

import "github.com/tidegate/tidegate/session"

// past is what the page of activity knows: what the states have told, without gaps,
// and behind it what was asked for.
type past struct {
	filter session.EventFilter
	recent []session.Event // all, the oldest first
	older  []session.Event // of filter, the newest first; all older than recent
	more   bool            // there may be still older ones of filter
	trust  string          // why what happens now will be gone after a restart
	failed error           // why older ones are not known
	asked  int             // counts the questions; only the last one's answer is taken
	asking bool            // one question is under way
}

// The sizes of what is held of the states, and of a page that is asked for.
const (
	pastMost = 1000
	pastPage = 100
)

// take takes the events of a state, and says whether they are others.
func (p *past) take(events []session.Event) bool {
	if len(events) == 0 {
		changed := len(p.recent)+len(p.older) > 0
		*p = past{filter: p.filter, asked: p.asked + 1, asking: p.asking}
		return changed
	}
	if len(p.recent) == 0 || events[0].Seq > p.recent[len(p.recent)-1].Seq+1 || len(p.recent) > pastMost {
		changed := len(p.recent) == 0 || p.recent[len(p.recent)-1].Seq != events[len(events)-1].Seq
		p.recent = append([]session.Event(nil), events...)
		p.ask()
		return changed
	}
	last, n := p.recent[len(p.recent)-1].Seq, len(p.recent)
	for _, e := range events {
		if e.Seq > last {
			p.recent = append(p.recent, e)
		}
	}
	return len(p.recent) > n
}

// choose takes another filter.
func (p *past) choose(f session.EventFilter) {
	if p.filter != f {
		p.filter = f
		p.ask()
	}
}

// ask has what is older asked for anew.
func (p *past) ask() {
	p.older, p.failed = nil, nil
	p.more = len(p.recent) > 0 && p.recent[0].Seq > 1
	p.asked++
}

// query is what to ask next; answer takes what came of it.
func (p *past) query() (q session.HistoryQuery, number int) {
	p.asking = true
	q = session.HistoryQuery{Before: p.recent[0].Seq, Limit: pastPage, EventFilter: p.filter}
	if n := len(p.older); n > 0 {
		q.Before = p.older[n-1].Seq
	}
	return q, p.asked
}

// answer takes what came of a question.
func (p *past) answer(number int, h session.History, err error) {
	p.asking = false
	if number != p.asked {
		return
	}
	p.failed = err
	p.more = err == nil && h.More
	if err == nil {
		p.trust = h.Problem
		p.older = append(p.older, h.Events...)
	}
}

// wants says whether there is something to ask for.
func (p *past) wants() bool { return p.more && !p.asking && len(p.recent) > 0 }

// shown are the events of the filter, the newest first.
func (p *past) shown() []session.Event {
	has := p.filter.Matcher()
	found := make([]session.Event, 0, len(p.recent)+len(p.older))
	for i := len(p.recent) - 1; i >= 0; i-- {
		if has(&p.recent[i]) {
			found = append(found, p.recent[i])
		}
	}
	return append(found, p.older...)
}
