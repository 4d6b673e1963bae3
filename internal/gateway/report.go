package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// auditQueue is how many records wait for the controller before more are
	// dropped.
	auditQueue = 32768
	auditBatch = 256
	// auditGather is how long a batch is gathered.
	auditGather = 200 * time.Millisecond
)

// auditor queues what happened for the controller; it never blocks a session.
type auditor struct {
	queue   chan *wire.AuditRecord
	dropped atomic.Int64
}

func newAuditor() *auditor { return &auditor{queue: make(chan *wire.AuditRecord, auditQueue)} }

func (a *auditor) record(r wire.AuditRecord) {
	if r.At.IsZero() {
		r.At = time.Now().UTC()
	}
	select {
	case a.queue <- &r:
	default:
		a.dropped.Add(1)
	}
}

// batch waits for a record and what follows it closely; nil when ctx is over
// and nothing waits.
func (a *auditor) batch(ctx context.Context) []wire.AuditRecord {
	var out []wire.AuditRecord
	select {
	case r := <-a.queue:
		out = append(out, *r)
	case <-ctx.Done():
		return a.rest(nil)
	}
	gather := time.NewTimer(auditGather)
	defer gather.Stop()
	for len(out) < auditBatch {
		select {
		case r := <-a.queue:
			out = append(out, *r)
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
			out = append(out, *r)
		default:
			return out
		}
	}
	return out
}
