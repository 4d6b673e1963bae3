package plan

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Session is what is known of a live session.
type Session struct {
	ID        wire.SessionID
	User      string
	Address   string
	Coded     bool // the sign-in took a one-time code
	Expires   time.Time
	Device    wire.DeviceClaims
	Responses map[wire.InteractionKind]time.Time
	Risk      int64
}

// EffectKind says what becomes of one entitlement in one session.
type EffectKind string

// The kinds of effects, the gravest first.
const (
	Ends     EffectKind = "ends"     // the whole session: its user is gone
	Loses    EffectKind = "loses"    // allowed now, and not any more, or only with an answer; or not the user's any more
	Prompted EffectKind = "prompted" // allowed as now, and asked for an answer, or asked sooner
	Sooner   EffectKind = "sooner"   // ends earlier than it would have
	Unknown  EffectKind = "unknown"  // a script decides, whose value is the gateway's
	Later    EffectKind = "later"    // ends later than it would have
	Differs  EffectKind = "differs"  // leads to other destinations, or is blocked from others
	Gains    EffectKind = "gains"    // not allowed now, and would be; or not the user's now, and would be, with an answer or at a time
)

// kinds are the effects in the order of their gravity.
var kinds = []EffectKind{Ends, Loses, Prompted, Sooner, Unknown, Differs, Later, Gains}

// Effect is what the new configuration would do to one entitlement in one
// session. At is when: now, or the instant of the prompt or of the end.
type Effect struct {
	Kind        EffectKind             `json:"kind"`
	Session     wire.SessionID         `json:"session"`
	User        string                 `json:"user"`
	Entitlement wire.EntitlementID     `json:"entitlement,omitempty"`
	At          time.Time              `json:"at,omitzero"`
	Was         time.Time              `json:"was,omitzero"` // of Sooner and Later: when it would have ended; zero: never
	Cure        []wire.InteractionKind `json:"cure,omitempty"`
	Reason      wire.ReasonKind        `json:"reason,omitempty"`
}
