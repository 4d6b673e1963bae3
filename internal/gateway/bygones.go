package gateway

import (
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// bygones are the flows of a session that are over, and those of which its client was
// told that there are none. A first CONNECT of such a one, held up on a path that was
// thought dead, opens nothing: nobody would come for what it opened, and the client's
// program has been told otherwise. They are the session's.
type bygones struct {
	at     map[flows.ID]bygone
	order  []flows.ID // as they were noted
	forgot time.Time  // when one was last forgotten before its time; zero: never
}

// bygone is a flow that is no more.
type bygone struct {
	at    time.Time
	never bool // it never was
}

// mostBygones bounds how many are remembered; as many as a client has flows.
const mostBygones = 4096

// close notes that a flow is over.
func (p *bygones) close(id flows.ID, now time.Time) { p.put(id, bygone{at: now}, now) }

// miss notes that a client asked for a flow that there is not, and says whether there
// never was one since the session began.
func (p *bygones) miss(id flows.ID, now time.Time) (never bool) {
	p.expire(now)
	b, known := p.at[id]
	if !known {
		b = bygone{at: now, never: p.forgot.IsZero() || now.Sub(p.forgot) > wire.FlowMemory}
		p.put(id, b, now)
	}
	return b.never
}

// has says whether it is remembered.
func (p *bygones) has(id flows.ID) bool {
	_, known := p.at[id]
	return known
}

func (p *bygones) put(id flows.ID, b bygone, now time.Time) {
	p.expire(now)
	if p.has(id) {
		return
	}
	if len(p.order) >= mostBygones {
		p.drop()
		p.forgot = now
	}
	if p.at == nil {
		p.at = map[flows.ID]bygone{}
	}
	p.at[id] = b
	p.order = append(p.order, id)
}

// expire forgets those whose time is over.
func (p *bygones) expire(now time.Time) {
	for len(p.order) > 0 && now.Sub(p.at[p.order[0]].at) > wire.FlowMemory {
		p.drop()
	}
	if len(p.order) == 0 {
		p.at, p.order = nil, nil
	}
}

func (p *bygones) drop() {
	delete(p.at, p.order[0])
	p.order = p.order[1:]
}
