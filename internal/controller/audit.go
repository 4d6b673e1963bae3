package controller

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxAudit is how many records are kept in memory; the log and the file have
// them all.
const maxAudit = 4096

// record is one thing that happened at the controller, for audit.
type record struct {
	kind    string // enrolment-made, enrolled, sign-in, sign-in-failed, cookie-other-device, ...
	session wire.SessionID
	user    string
	target  string
	trigger wire.Trigger
	reason  wire.Reason
	lease   time.Time
	detail  string
	allow   bool
}

// auditRing keeps the last records, of the controller and of its gateways.
type auditRing struct {
	mu      sync.Mutex
	records []wire.AuditRecord
	next    int // where the oldest is, once it is full
}

func (a *auditRing) add(r wire.AuditRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.records) < maxAudit {
		a.records = append(a.records, r)
		return
	}
	a.records[a.next] = r
	a.next = (a.next + 1) % maxAudit
}

// Audit returns the last records, oldest first: the controller's own and those
// that gateways reported. The log has them all.
func (c *Controller) Audit() []wire.AuditRecord {
	c.audits.mu.Lock()
	defer c.audits.mu.Unlock()
	return append(append([]wire.AuditRecord(nil), c.audits.records[c.audits.next:]...), c.audits.records[:c.audits.next]...)
}

func (c *Controller) audit(r record) {
	c.keepAudit("controller", wire.AuditRecord{At: time.Now(), Kind: r.kind, Session: r.session, User: r.user, Target: clip(r.target), Trigger: r.trigger, Allow: r.allow, Reason: r.reason, Lease: r.lease, Detail: clip(r.detail)})
}

// keepAudit logs a record and keeps it, in memory and in the file.
func (c *Controller) keepAudit(source string, r wire.AuditRecord) {
	r.At = r.At.UTC().Round(0)
	c.audits.add(r)
	if err := c.auditFile.add(r); err != nil {
		c.log.Error("the audit is not kept in its file; make room there, or let it be written", "error", err)
	}
	attrs := []any{slog.String("source", source), slog.String("kind", r.Kind), slog.Time("at", r.At), slog.Bool("allow", r.Allow)}
	for _, a := range []struct{ key, value string }{
		{"session", string(r.Session)}, {"user", r.User}, {"entitlement", string(r.Entitlement)}, {"target", r.Target},
		{"trigger", string(r.Trigger)}, {"reason", string(r.Reason.Kind)}, {"detail", r.Reason.Detail}, {"decision", string(r.Decision)},
		{"term", r.Term.Text}, {"claim", r.Term.Claim}, {"reported", r.Term.Reported}, {"words", r.Detail},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if r.Up != 0 || r.Down != 0 {
		attrs = append(attrs, slog.Int64("up", r.Up), slog.Int64("down", r.Down))
	}
	c.log.Info("audit", attrs...)
}
