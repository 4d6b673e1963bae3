package session

import (
	"slices"
	"strings"
	"time"
)

// Journal keeps what happened across restarts. Implemented by app/journal. Its
// methods wait for no disk.
type Journal interface {
	// Recent are the newest events that are kept, at most n, the oldest first.
	Recent(n int) []Event
	// Add takes what has happened since, the oldest first.
	Add([]Event)
}

// MaxHistory bounds the events of one History.
const MaxHistory = 500

// HistoryQuery asks for events that are kept; the zero one asks for the newest.
type HistoryQuery struct {
	// Before and After are Seqs: what is older than the one and newer than the
	// other; zero: whatever is kept.
	Before, After uint64
	Since         time.Time // not what happened earlier; zero: whenever it was
	// Limit is how many at most, up to MaxHistory; 0 means that.
	Limit int
	EventFilter
}

// EventFilter says which events; the zero one: all.
type EventFilter struct {
	// Search are words that all occur in an event's text, or in whose controller it is
	// of, in any order and case.
	Search string
	Topic  Topic
}

// History are events that are kept.
type History struct {
	// Events that were asked for, the newest first.
	Events []Event `json:"events"`
	// More: there are older ones that were asked for.
	More bool `json:"more,omitempty"`
	// Problem says in the user's words why what happens now will be gone after a
	// restart; empty: it will not.
	Problem string `json:"problem,omitempty"`
}

// Topic is what an event is about.
type Topic string

// The topics. Events have one of them, or none.
const (
	TopicAccess   Topic = "access"   // who is signed in, and what was asked of them
	TopicApps     Topic = "apps"     // the applications
	TopicChannels Topic = "channels" // the controller and the data channels
	TopicNames    Topic = "names"    // how names are looked up
	TopicVPN      Topic = "vpn"      // classic VPNs
)

// Topics are all, in the order to offer them.
var Topics = []Topic{TopicAccess, TopicApps, TopicChannels, TopicNames, TopicVPN}

// topics are those of the first word of a kind.
var topics = map[string]Topic{
	"signed": TopicAccess, "enrolled": TopicAccess, "switched": TopicAccess, "forgotten": TopicAccess, "prompted": TopicAccess, "missed": TopicAccess, "answered": TopicAccess, "session": TopicAccess,
	"app": TopicApps, "channel": TopicChannels, "control": TopicChannels, "dns": TopicNames, "vpn": TopicVPN,
}

// Topic is what e is about; empty: Tidegate itself.
func (e *Event) Topic() Topic {
	first, _, _ := strings.Cut(e.Kind, "-")
	return topics[first]
}

// Has says whether f asks for e.
func (f EventFilter) Has(e *Event) bool { return f.Matcher()(e) }

// Matcher is Has for many events.
func (f EventFilter) Matcher() func(*Event) bool {
	terms := strings.Fields(strings.ToLower(f.Search))
	return func(e *Event) bool {
		if f.Topic != "" && e.Topic() != f.Topic {
			return false
		}
		if len(terms) == 0 {
			return true
		}
		text := strings.ToLower(e.Text + " " + e.Of + " " + e.User)
		for _, t := range terms {
			if !strings.Contains(text, t) {
				return false
			}
		}
		return true
	}
}

// Select are those of events, which are the oldest first, that q asks for.
func (q HistoryQuery) Select(events []Event) History {
	most := q.Limit
	if most <= 0 || most > MaxHistory {
		most = MaxHistory
	}
	h := History{Events: []Event{}}
	has := q.Matcher()
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.Seq <= q.After {
			break
		}
		if q.Before != 0 && e.Seq >= q.Before || e.At.Before(q.Since) || !has(e) {
			continue // clocks are set back: an older one may be of later
		}
		if len(h.Events) == most {
			h.More = true
			break
		}
		h.Events = append(h.Events, *e)
	}
	return h
}

// recall takes what is kept of earlier.
func (c *core) recall() {
	if c.o.Journal == nil {
		return
	}
	c.events = c.o.Journal.Recent(MaxEvents)
	if n := len(c.events); n > 0 {
		c.eventSeq = c.events[n-1].Seq
	}
}

// record numbers what happened, and has it kept.
func (c *core) record(es []Event, now time.Time) {
	es = slices.DeleteFunc(es, func(e Event) bool { return c.repeats(e, now) })
	if len(es) == 0 {
		return
	}
	for i := range es {
		c.eventSeq++
		es[i].Seq, es[i].At = c.eventSeq, now
	}
	if c.o.Journal != nil {
		c.o.Journal.Add(es)
	}
	c.events = append(c.events, es...)
	if extra := len(c.events) - MaxEvents; extra > 0 {
		c.events = append([]Event(nil), c.events[extra:]...)
	}
}

// repeatTime is how long a gateway's silence is told once: programs try again.
const repeatTime = 10 * time.Minute

// repeats says whether e says again what has been said just now.
func (c *core) repeats(e Event, now time.Time) bool {
	return e.Kind == kindFailed && slices.ContainsFunc(c.events, func(x Event) bool {
		return x.Kind == e.Kind && x.Text == e.Text && passed(x.At, now) < repeatTime
	})
}
