package gateway

import (
	"container/list"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxVisits bounds the memory of sessions that were here.
const maxVisits = 65536

// visits remembers which sessions were here, and from which address last. The
// longest gone are forgotten first.
type visits struct {
	mu    sync.Mutex
	known map[wire.SessionID]*list.Element
	order list.List // of visit, the latest first
}

type visit struct {
	session wire.SessionID
	user    string
	address string
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
		v.known[sid] = v.order.PushFront(&visit{sid, t.claims.Subject, address})
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
