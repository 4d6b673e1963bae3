package gateway

import (
	"container/list"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxVisits bounds the memory of sessions that were here.
const maxVisits = 65536

// visits remembers which sessions were here, from which address last, and how
// new their tokens were. The longest gone are forgotten first.
type visits struct {
	mu    sync.Mutex
	known map[wire.SessionID]*list.Element
	order list.List // of visit, the latest first
}

type visit struct {
	session wire.SessionID
	user    string
	address string
	// claims and entitlement are the newest tokens' serials.
	claims, entitlement uint64
}

// older says whether tokens are older than some that were here: whoever
// shows them would take an answer or a claim back.
func (v *visits) older(t tokens) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.known[t.claims.Session]
	if e == nil {
		return false
	}
	seen := e.Value.(*visit)
	return t.claims.Serial < seen.claims || t.entitlement.Serial < seen.entitlement
}

// note remembers how new a session's tokens are.
func (v *visits) note(t tokens) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.known[t.claims.Session]; e != nil {
		seen := e.Value.(*visit)
		seen.claims, seen.entitlement = t.claims.Serial, t.entitlement.Serial
	}
}

// user is that of a session that was here.
func (v *visits) user(sid wire.SessionID) (user string, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.known[sid]; e != nil {
		return e.Value.(*visit).user, true
	}
	return "", false
}

// row notes that a session has come from an address, and says which row of the
// table that is.
func (v *visits) row(t tokens, address string, resumed bool) wire.Trigger {
	v.mu.Lock()
	defer v.mu.Unlock()
	sid := t.claims.Session
	e := v.known[sid]
	if e == nil {
		if v.known == nil {
			v.known = map[wire.SessionID]*list.Element{}
		}
		v.known[sid] = v.order.PushFront(&visit{session: sid, user: t.claims.Subject, address: address})
		if v.order.Len() > maxVisits {
			delete(v.known, v.order.Remove(v.order.Back()).(*visit).session)
		}
		if resumed {
			return wire.TriggerReconnect
		}
		return wire.TriggerConnect
	}
	v.order.MoveToFront(e)
	last := e.Value.(*visit)
	moved := last.address != address
	last.address = address
	if moved && t.entitlement.Trigger == wire.TriggerRoaming {
		return wire.TriggerRoaming
	}
	return wire.TriggerReconnect
}
