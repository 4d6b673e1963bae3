package resolver

import (
	"encoding/binary"
	"net"
	"time"
)

const (
	patience    = 2 * time.Second // with a server, before the next is asked
	mostFlights = 4096            // of all lookups under way; beyond, they fail
	mostWaiters = 64              // for the answer of one lookup
)

// asker is who is told an answer.
type asker struct {
	udp net.PacketConn
	to  net.Addr
	tcp *stream // where it is not nil
}

// send tells a whole answer, of which it keeps nothing.
func (a asker) send(b []byte) {
	if a.tcp != nil {
		a.tcp.send(b)
		return
	}
	a.udp.WriteTo(b, a.to) // who is gone, or does not read, asks again
}

// flight is a lookup under way. Whoever takes it out of its socket's table owns
// it; while it is there, the forwarder's lock guards it.
//
//	launch ──► in a socket's table ──► answered ──► landed
//	  ▲                │ no answer, or none that helps
//	  └── next server ◄┘              (no server left: landed with an error)
type flight struct {
	query  query // of a message that is its own
	asker  asker
	hash   uint64
	routes *routes // that group is of
	group  *group
	epoch  uint64 // of the cache, as it was launched

	waiters []waiter // for the same answer
	tries   int
	start   int // which of the group's targets was the first
	bad     []byte

	socket        *socket
	sent          uint16 // the ID
	deadline      time.Time
	before, after *flight // by deadline
}

// waiter asked the same while it was under way.
type waiter struct {
	asker    asker
	id       uint16
	question []byte // in other letters, perhaps
}

// target is who is asked at this try.
func (f *flight) target() *target {
	return f.group.targets[(f.start+f.tries)%len(f.group.targets)]
}

// exhausted says that no further try is made: after three servers, and with one
// server after a second try if it said nothing.
func (f *flight) exhausted(silent bool) bool {
	n := min(len(f.group.targets), 3)
	if silent {
		n = max(n, 2)
	}
	return f.tries >= n
}

// land tells everybody the answer, which is changed for each of them.
func (f *flight) land(answer []byte) {
	for _, w := range f.waiters {
		b := append(make([]byte, 0, len(answer)), answer...)
		readdress(b, w.id, w.question)
		w.asker.send(fit(b, &f.query, w.asker))
	}
	binary.BigEndian.PutUint16(answer, f.query.id())
	f.asker.send(fit(answer, &f.query, f.asker))
}

// fail tells everybody that there is no answer: what the last server said that
// gave none, or that it failed.
func (f *flight) fail() {
	if f.bad != nil {
		f.land(f.bad)
		return
	}
	f.land(f.query.appendError(nil, servFail))
}

// fit is an answer that is no longer than its reader can take.
func fit(answer []byte, q *query, a asker) []byte {
	if a.tcp == nil && len(answer) > q.size {
		var f facts
		f.examine(answer, q.end)
		return truncate(answer, q.end, f.opt)
	}
	return answer
}
