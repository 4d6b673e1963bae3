package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// auditQueue is how many records wait for the controller before more are
	// dropped.
	auditQueue = 32768
	// auditShare is how many of a user's records wait while the queue is more than
	// half full: nobody's flood drops the records of others.
	auditShare = auditQueue / 16
	auditBatch = 256
	// auditGather is how long a batch is gathered.
	auditGather = 200 * time.Millisecond
)

// auditor queues what happened for the controller; it never blocks a session.
type auditor struct {
	queue   chan *wire.AuditRecord
	dropped atomic.Int64

	mu      sync.Mutex
	waiting map[string]int // by user
}

func newAuditor() *auditor {
	return &auditor{queue: make(chan *wire.AuditRecord, auditQueue), waiting: map[string]int{}}
}

func (a *auditor) record(r wire.AuditRecord) {
	if r.At.IsZero() {
		r.At = time.Now().UTC()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.User != "" && len(a.queue) > auditQueue/2 && a.waiting[r.User] >= auditShare {
		a.dropped.Add(1)
		return
	}
	select {
	case a.queue <- &r:
		a.waiting[r.User]++
	default:
		a.dropped.Add(1)
	}
}

// taken is a record that waits no longer.
func (a *auditor) taken(r *wire.AuditRecord) wire.AuditRecord {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting[r.User]--; a.waiting[r.User] == 0 {
		delete(a.waiting, r.User)
	}
	return *r
}

// batch waits for a record and what follows it closely; nil when ctx is over
// and nothing waits.
func (a *auditor) batch(ctx context.Context) []wire.AuditRecord {
	var out []wire.AuditRecord
	select {
	case r := <-a.queue:
		out = append(out, a.taken(r))
	case <-ctx.Done():
		return a.rest(nil)
	}
	gather := time.NewTimer(auditGather)
	defer gather.Stop()
	for len(out) < auditBatch {
		select {
		case r := <-a.queue:
			out = append(out, a.taken(r))
		case <-gather.C:
			return out
		case <-ctx.Done():
			return a.rest(out)
		}
	}
	return out
}

func (a *auditor) rest(out []wire.AuditRecord) []wire.AuditRecord {
	for len(out) < auditBatch {
		select {
		case r := <-a.queue:
			out = append(out, a.taken(r))
		default:
			return out
		}
	}
	return out
}
