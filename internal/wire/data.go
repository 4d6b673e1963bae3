package wire

import "time"

// PathDataSession is the data channel's session with a gateway. POST
// SessionRequest admits this connection's device and is answered by an event
// stream of EventVerdicts and EventEnded, which lives as long as the session;
// PUT SessionRequest brings renewed tokens, answered 204. Flows are CONNECT
// requests on the same connection (RFC 9114, section 4.4); one that comes
// before its session has been judged waits for it. A refusal is 403 with
// Proxy-Status (RFC 9209), and its body is a Problem.
const PathDataSession = "/v1/session"

// PathDataCarrier binds a further connection to the session of a client process:
// POST SessionRequest, answered 204. Flows may come on any of the session's
// connections.
const PathDataCarrier = "/v1/carrier"

// PathDataEcho has the gateway ping a host that the session is entitled to by
// icmp: POST EchoRequest, answered by EchoReply, or a Problem.
const PathDataEcho = "/v1/echo"

// EventVerdicts carries Verdicts: all of a session's, whole and with every change.
const EventVerdicts = "verdicts"

// HeaderDecision names, in the answer to a CONNECT, the verdict behind it.
const HeaderDecision = "Tidegate-Decision"

// HeaderFlow, in a CONNECT and in its 2xx answer, says that the body carries
// capsules of a flow that outlives its carriers (package flow), and which one.
// Without it a CONNECT is plain. A flow that the gateway does not know, or no
// longer, is refused with CodeFlowGone; the Problem's Since says that there was none.
const HeaderFlow = "Tidegate-Flow"

// FlowMemory is for how long a gateway remembers a flow that is over.
const FlowMemory = 5 * time.Minute

// EchoRequest asks for a ping.
type EchoRequest struct {
	Host string `json:"host"`
	// Size is the payload's, in bytes, at most MaxEcho.
	Size int `json:"size,omitempty"`
}

// MaxEcho is the largest payload of a ping, in bytes.
const MaxEcho = 1400

// EchoReply says that the host has answered, and how soon.
type EchoReply struct {
	RTT Duration `json:"rtt"`
}

// SessionRequest carries the tokens that admit a data channel.
type SessionRequest struct {
	ClaimsToken      string `json:"claims_token"`
	EntitlementToken string `json:"entitlement_token"` // of the gateway's site
	// Device are the device's claims now; nil: those of the claims token.
	Device DeviceClaims `json:"device,omitempty"`
	// Resumed: the session had a data channel before, here or elsewhere.
	Resumed bool `json:"resumed,omitempty"`
	// Instance is the client process's, random: its flows are resumed by no
	// other. Empty: none of its flows outlives its carrier.
	Instance string `json:"instance,omitempty"`
}

// Verdicts are a gateway's, on every entitlement of one session.
type Verdicts struct {
	Revision uint64    `json:"revision"` // rises within a session
	At       time.Time `json:"at"`       // the gateway's clock: NotAfter is to be read against it
	// Since is when the gateway's session began, by which its memory is known: another
	// remembers none of its flows.
	Since time.Time `json:"since,omitzero"`
	// Run is the gateway's: another one each time that it is started.
	Run      string    `json:"run,omitempty"`
	Verdicts []Verdict `json:"verdicts"`
}

// Verdict says whether an entitlement may be used, until when, and why. It is
// a lease: after NotAfter it denies, whoever is late.
type Verdict struct {
	Entitlement EntitlementID `json:"entitlement"`
	Allow       bool          `json:"allow"`
	// NotAfter is the instant at which the verdict can next change; an
	// allowance ends there. Zero in a denial: no time will change it.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Due says that the warning is on: Interactions answered now keep access
	// beyond NotAfter.
	Due bool `json:"due,omitzero"`
	// Interactions, answered, cure: a denial, or the lapse at NotAfter. Empty
	// when nothing the user can answer would help.
	Interactions []Interaction `json:"interactions,omitempty"`
	// AnyOf: one of the interactions suffices, the user chooses which.
	AnyOf bool `json:"any_of,omitzero"`
	// Reason explains a denial, or what will end the allowance.
	Reason Reason `json:"reason,omitzero"`
	// Failing are all the terms that deny, or will at NotAfter.
	Failing []Term `json:"failing,omitempty"`
	// Since is when the verdict came to be what it is.
	Since    time.Time  `json:"since,omitzero"`
	Decision DecisionID `json:"decision"`
}

// Reason names what decides a verdict.
type Reason struct {
	Kind      ReasonKind  `json:"kind"`
	Condition ConditionID `json:"condition,omitempty"`
	// Detail is for the user, in words; empty where the administrator hides it.
	Detail string `json:"detail,omitempty"`
}

// Term is a part of a criterion that decides a verdict. Text, Claim and Reported
// are empty where the administrator hides values.
type Term struct {
	Kind      ReasonKind  `json:"kind"`
	Condition ConditionID `json:"condition"`
	Text      string      `json:"text,omitempty"`     // as it stands in the criteria
	Claim     string      `json:"claim,omitempty"`    // what it reads: device.firewall
	Reported  string      `json:"reported,omitempty"` // the claim's value; empty: missing
}

// ReasonKind is the kind of criterion that decides.
type ReasonKind string

// The kinds of reasons. The empty kind gives none.
const (
	ReasonMFA         ReasonKind = "mfa"           // a one-time code is missing or too old
	ReasonPassword    ReasonKind = "password"      // the password was typed too long ago
	ReasonUserReason  ReasonKind = "reason"        // no reason has been given
	ReasonMessage     ReasonKind = "message"       // a message has not been acknowledged
	ReasonTime        ReasonKind = "time"          // outside the hours
	ReasonGroup       ReasonKind = "group"         // the user lacks a group or attribute
	ReasonDevice      ReasonKind = "device"        // something on the device
	ReasonMissing     ReasonKind = "missing-claim" // a claim that was not reported; Detail names it
	ReasonRisk        ReasonKind = "risk"          // the user's risk is too high
	ReasonNetwork     ReasonKind = "network"       // where the device is
	ReasonScript      ReasonKind = "script"        // what an administrator's script said
	ReasonBlocked     ReasonKind = "blocked"       // an action blocks the destination
	ReasonCriteria    ReasonKind = "criteria"      // the access criteria, otherwise
	ReasonTokenEnd    ReasonKind = "token-end"     // the tokens' lifetime is over
	ReasonNotEntitled ReasonKind = "not-entitled"  // no entitlement covers the destination
	ReasonRevoked     ReasonKind = "revoked"       // an administrator ended it
)

// InteractionKind is what a user is asked (seed 003).
type InteractionKind string

// The kinds of user interactions.
const (
	InteractionMFA      InteractionKind = "mfa"      // a one-time code
	InteractionPassword InteractionKind = "password" // the password, typed again
	InteractionReason   InteractionKind = "reason"   // a reason, in the user's words
	InteractionMessage  InteractionKind = "message"  // a message to acknowledge
)

// Known says whether k is one of the four.
func (k InteractionKind) Known() bool {
	switch k {
	case InteractionMFA, InteractionPassword, InteractionReason, InteractionMessage:
		return true
	}
	return false
}

// Interaction is one thing to ask, with the administrator's words.
type Interaction struct {
	Kind    InteractionKind `json:"kind" yaml:"kind"`
	Message string          `json:"message,omitempty" yaml:"message,omitempty"`
}
