package controller

import (
	"container/list"
	"encoding/json"
	"slices"
	"sync"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const (
	keptVerdicts = 10      // of a session on an entitlement
	maxVerdicts  = 100_000 // of all; sessions that were not heard of for longest are forgotten
)

// verdicts are the last that gateways reported, by session and entitlement. The
// zero value is ready; it may be used concurrently.
type verdicts struct {
	mu       sync.Mutex
	sessions map[wire.SessionID]*list.Element // of *heard
	order    list.List                        // that heard of last in front
	count    int
}

// heard is what is known of a session, in order of arrival.
type heard struct {
	session wire.SessionID
	of      map[wire.EntitlementID][]wire.AuditRecord
}

func (h *heard) size() int {
	n := 0
	for _, all := range h.of {
		n += len(all)
	}
	return n
}

func (v *verdicts) add(r wire.AuditRecord) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.sessions[r.Session]
	if e == nil {
		if v.sessions == nil {
			v.sessions = map[wire.SessionID]*list.Element{}
		}
		e = v.order.PushFront(&heard{session: r.Session, of: map[wire.EntitlementID][]wire.AuditRecord{}})
		v.sessions[r.Session] = e
	}
	v.order.MoveToFront(e)
	h := e.Value.(*heard)
	all := h.of[r.Entitlement]
	if len(all) == keptVerdicts {
		all = slices.Delete(all, 0, 1)
		v.count--
	}
	h.of[r.Entitlement] = append(all, r)
	v.count++
	for v.count > maxVerdicts {
		v.remove(v.order.Back())
	}
}

// last returns what is known of a session on an entitlement, the newest first.
func (v *verdicts) last(session wire.SessionID, entitlement wire.EntitlementID) []wire.AuditRecord {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.sessions[session]
	if e == nil {
		return nil
	}
	all := slices.Clone(e.Value.(*heard).of[entitlement])
	slices.Reverse(all)
	return all
}

func (v *verdicts) drop(session wire.SessionID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.sessions[session]; e != nil {
		v.remove(e)
	}
}

func (v *verdicts) remove(e *list.Element) {
	h := v.order.Remove(e).(*heard)
	delete(v.sessions, h.session)
	v.count -= h.size()
}

// sessionIDs knows the sessions of records' keys, so that the end of a record
// tells whose it was.
type sessionIDs map[string]wire.SessionID

// note says whether a change in the store ends a session, and which.
func (ids sessionIDs) note(e store.Entry) (wire.SessionID, bool) {
	id := ids[e.Key]
	if e.Deleted {
		delete(ids, e.Key)
		return id, id != ""
	}
	var s struct {
		ID    wire.SessionID
		Ended wire.Code
	}
	if json.Unmarshal(e.Value, &s) != nil || s.ID == "" {
		return "", false
	}
	ids[e.Key] = s.ID
	return s.ID, s.Ended != ""
}
