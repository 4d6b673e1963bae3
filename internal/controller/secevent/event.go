package secevent

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Event is what a token says, checked.
type Event struct {
	ID     string    // of the token; unique to its issuer
	Issuer string    // of the token
	At     time.Time // it happened; never later than the token was made
	User   string    // whom it is about
	Kind   Kind
	Level  int64 // of a RiskChanged: a level of package wire
	// Cleared are, of a CredentialChanged, the interactions that answers given
	// with the credential are worth nothing to any more.
	Cleared []wire.InteractionKind
	Why     string // in words for administrators, or ""
}

// Kind is what happened.
type Kind string

// The kinds of events, by their names in CAEP 1.0, section 3.
const (
	RiskChanged       Kind = "risk-level-change"
	SessionRevoked    Kind = "session-revoked"
	CredentialChanged Kind = "credential-change"
)

// caep prefixes the kinds in a token's events member.
const caep = "https://schemas.openid.net/secevent/caep/event-type/"

// body is what the events have in them, of all kinds. What is not read is left out.
type body struct {
	Subject        json.RawMessage `json:"subject"` // of drafts before sub_id
	Timestamp      int64           `json:"event_timestamp"`
	ReasonAdmin    json.RawMessage `json:"reason_admin"`
	Principal      string          `json:"principal"`
	CurrentLevel   string          `json:"current_level"`
	RiskReason     string          `json:"risk_reason"`
	CredentialType string          `json:"credential_type"`
	ChangeType     string          `json:"change_type"`
}

// fill reads the event of a type into e.
func (e *Event) fill(typ string, b body) *Error {
	name, known := strings.CutPrefix(typ, caep)
	e.Kind = Kind(name)
	e.Why = words(b.ReasonAdmin)
	switch {
	case known && e.Kind == RiskChanged:
		return e.risk(b)
	case known && e.Kind == SessionRevoked:
		return nil
	case known && e.Kind == CredentialChanged:
		return e.credential(b)
	}
	return Refuse(InvalidRequest, "events of type %.200q are not carried here; leave them out of the stream and send %s, %s and %s", typ, RiskChanged, SessionRevoked, CredentialChanged)
}

func (e *Event) risk(b body) *Error {
	if b.Principal != "" && b.Principal != "USER" {
		return Refuse(InvalidRequest, "the risk of a principal %.64q is not carried here; send that of a USER", b.Principal)
	}
	if e.Why == "" {
		e.Why = b.RiskReason
	}
	switch b.CurrentLevel {
	case "LOW":
		e.Level = wire.RiskLow
	case "MEDIUM":
		e.Level = wire.RiskMedium
	case "HIGH":
		e.Level = wire.RiskHigh
	default:
		return Refuse(InvalidRequest, "current_level is %.64q; send LOW, MEDIUM or HIGH", b.CurrentLevel)
	}
	return nil
}

func (e *Event) credential(b body) *Error {
	if !slices.Contains([]string{"create", "revoke", "update", "delete"}, b.ChangeType) {
		return Refuse(InvalidRequest, "change_type is %.64q; send create, revoke, update or delete", b.ChangeType)
	}
	switch b.CredentialType {
	case "password", "pin":
		e.Cleared = []wire.InteractionKind{wire.InteractionPassword}
	case "app", "phone-voice", "phone-sms", "fido2-platform", "fido2-roaming", "fido-u2f":
		e.Cleared = []wire.InteractionKind{wire.InteractionMFA}
	default:
		return Refuse(InvalidRequest, "a credential_type %.64q is not asked for here; send password or app", b.CredentialType)
	}
	if b.ChangeType == "create" { // what was answered before is worth what it was
		e.Cleared = nil
	}
	return nil
}

// words is a text, or of a text in several languages the first one's.
func words(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var all map[string]string
	if json.Unmarshal(raw, &all) != nil {
		return ""
	}
	first := ""
	for lang := range all {
		if first == "" || lang < first {
			first = lang
		}
	}
	return all[first]
}
