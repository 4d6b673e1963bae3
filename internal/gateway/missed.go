package gateway

import (
	"maps"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
)

// missed are the flows of which a session's client was told that there are none. A
// first CONNECT that comes after that, held up on a path that was thought dead,
// opens nothing: nobody would come for what it opened, and the client's program has
// been told otherwise. They are the session's.
type missed struct{ at map[flows.ID]time.Time }

const (
	// missedFor is for how long a CONNECT may be on its way.
	missedFor = time.Minute
	// mostMissed bounds how many are remembered; as many as a client has flows.
	mostMissed = 4096
)

// note remembers a flow.
func (m *missed) note(id flows.ID) {
	now := time.Now()
	if len(m.at) >= mostMissed {
		maps.DeleteFunc(m.at, func(_ flows.ID, at time.Time) bool { return now.Sub(at) > missedFor })
	}
	for other := range m.at {
		if len(m.at) < mostMissed {
			break
		}
		delete(m.at, other) // whichever
	}
	if m.at == nil {
		m.at = map[flows.ID]time.Time{}
	}
	m.at[id] = now
}

// has says whether it is remembered.
func (m *missed) has(id flows.ID) bool {
	_, ok := m.at[id]
	return ok
}
