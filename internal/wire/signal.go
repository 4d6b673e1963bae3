package wire

import "time"

// PathSignals takes outside signals: POST a Security Event Token (RFC 8417, a
// signed JWT, application/secevent+jwt) as RFC 8935 pushes them, answered 202.
// No device certificate: the signature of a configured transmitter counts.
const PathSignals = "/v1/signals"

// PathGatewayAlert takes a gateway's alerts: POST GatewayAlert, answered 204.
const PathGatewayAlert = "/v1/gateway/alert"

// GatewayAlert says that a user tried what an alert action names.
type GatewayAlert struct {
	Gateway     string        `json:"gateway"`
	At          time.Time     `json:"at"`
	Session     SessionID     `json:"session"`
	User        string        `json:"user"`
	Entitlement EntitlementID `json:"entitlement"`
	Target      string        `json:"target"` // host:port
}

// The levels of risk, of CAEP's risk-level-change.
const (
	RiskLow    int64 = 20
	RiskMedium int64 = 60
	RiskHigh   int64 = 90
)

// Risk is how risky a user's situation is deemed to be.
type Risk struct {
	Level int64 `json:"level"` // 0 to 100
	// Until is when it falls back to RiskLow; zero: when it is lowered.
	Until time.Time `json:"until,omitzero"`
	// Why it was raised, in words for administrators.
	Why string `json:"why,omitempty"`
}
