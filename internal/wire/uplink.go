package wire

import "time"

// Paths between a gateway and the controller, on mutual TLS with the gateway's
// certificate.
const (
	// PathGatewayKeys: GET, answered by the controller's signing keys as a JWK
	// set (RFC 7517).
	PathGatewayKeys = "/v1/gateway/keys"
	// PathGatewayEvents: GET, an event stream of EventPolicy; resumable: the
	// first event is always the whole of the present state. The query's ParamRun says
	// which run of the gateway asks.
	PathGatewayEvents = "/v1/gateway/events"
	ParamRun          = "run"
	// PathGatewayReport: POST GatewayReport, answered 204.
	PathGatewayReport = "/v1/gateway/report"
	// PathGatewayWake: POST GatewayWake, answered 204.
	PathGatewayWake = "/v1/gateway/wake"
)

// GatewayWake has clients resume suspended data channels to the gateway's site.
type GatewayWake struct {
	Sessions []SessionID `json:"sessions"`
}

// EventPolicy carries a PolicyToken as a compact JWS in a JSON string.
const EventPolicy = "policy"

// GatewayReport is what a gateway tells the controller: sessions and audit.
type GatewayReport struct {
	Gateway string        `json:"gateway"`
	Records []AuditRecord `json:"records"`
}

// AuditRecord is one thing that happened.
type AuditRecord struct {
	At time.Time `json:"at"`
	// Kind: session-added, session-suspended, session-resumed, session-removed,
	// verdict, script-run, rules-changed, alert, flow-opened, flow-parked,
	// flow-resumed, flow-closed, flow-cut, flow-denied, flow-failed of a gateway;
	// policies-assigned, claims-token, entitlement-token and others of the controller.
	Kind        string        `json:"kind"`
	Gateway     string        `json:"gateway,omitempty"`
	Session     SessionID     `json:"session,omitempty"`
	User        string        `json:"user,omitempty"`
	Entitlement EntitlementID `json:"entitlement,omitempty"`
	Target      string        `json:"target,omitempty"` // host:port, a script's name, a token's id
	Trigger     Trigger       `json:"trigger,omitempty"`
	// Allow: what was asked for is granted, or access stands after what happened: as
	// it does when a session is suspended, or removed because nobody uses it.
	Allow    bool       `json:"allow"`
	Reason   Reason     `json:"reason,omitzero"`
	Term     Term       `json:"term,omitzero"`  // the deciding term of a verdict
	Lease    time.Time  `json:"lease,omitzero"` // until when the verdict stands
	Cure     []string   `json:"cure,omitempty"` // the interactions that would help
	Decision DecisionID `json:"decision,omitempty"`
	Detail   string     `json:"detail,omitempty"` // in words, where a kind has some
	// Up and Down are the bytes from and to the client, Duration how long the flow
	// was open, its attachments and the time between them together; in flow-closed
	// and flow-cut.
	Up       int64    `json:"up,omitzero"`
	Down     int64    `json:"down,omitzero"`
	Duration Duration `json:"duration,omitzero"`
}
