package wire

import "time"

// Paths of the control channel (client to controller). All but PathEnrol ask
// for the device certificate; all but PathEnrol, PathHello and PathSession ask
// for the session cookie too.
const (
	// PathEnrol: POST EnrolRequest, answered EnrolReply. No client certificate.
	PathEnrol = "/v1/enrol"
	// PathHello: GET, answered Hello. Tells what the sign-in dialog must ask.
	PathHello = "/v1/hello"
	// PathSession: POST SignInRequest signs in and sets the session cookie;
	// DELETE signs out.
	PathSession = "/v1/session"
	// PathEvents: GET, an event stream of EventSnapshot and EventEnded; with
	// the cookie alone it re-establishes the control channel without a prompt.
	PathEvents = "/v1/events"
	// PathAnswers: POST AnswerRequest, answered 204.
	PathAnswers = "/v1/answers"
)

// Events of the control channel.
const (
	// EventSnapshot carries a Snapshot: all that the client is to know, whole.
	EventSnapshot = "snapshot"
	// EventEnded carries a Problem and is the last event of its session: the
	// cookie is void.
	EventEnded = "ended"
)

// EnrolRequest asks for a device certificate. CSR is a PKCS#10 request in PEM
// over a P-256 key that never leaves the device.
type EnrolRequest struct {
	Code     string `json:"code"`
	CSR      string `json:"csr"`
	Hostname string `json:"hostname,omitempty"`
	OS       string `json:"os,omitempty"`
}

// EnrolReply hands the device its certificate (PEM, leaf first). Only User may
// sign in on this device.
type EnrolReply struct {
	Device      DeviceID `json:"device"`
	Certificate string   `json:"certificate"`
	User        string   `json:"user"`
	Controller  string   `json:"controller"` // the organisation's name, for people
}

// Hello tells a device whom the sign-in is for and what it takes. It depends
// on the device certificate alone, never on what was typed, so that a wrong
// password and a wrong code look the same.
type Hello struct {
	Controller string    `json:"controller"`
	User       string    `json:"user"`
	Code       bool      `json:"code"` // a one-time code is asked for
	At         time.Time `json:"at"`   // the controller's clock
}

// SignInRequest carries what the user typed and what the device says of itself.
type SignInRequest struct {
	User     string       `json:"user"`
	Password string       `json:"password"`
	Code     string       `json:"code,omitempty"`
	Device   DeviceClaims `json:"device"`
}

// SignInReply names the session; the cookie comes as a Set-Cookie header.
type SignInReply struct {
	Session SessionID `json:"session"`
	Expires time.Time `json:"expires"` // of the cookie
}

// DeviceClaims are what a device reports of itself: true, false, number, text
// or a list of texts by name ("os.name", "firewall"). They are claims, not proofs.
type DeviceClaims map[string]any

// Answer is the user's answer to one interaction.
type Answer struct {
	Kind  InteractionKind `json:"kind"`
	Value string          `json:"value"`
}

// AnswerRequest answers all that one prompt asked; it counts whole or not at all.
type AnswerRequest struct {
	Answers []Answer `json:"answers"`
}

// Snapshot is what a controller tells a session, whole and with every change.
type Snapshot struct {
	Revision    uint64            `json:"revision"` // rises within a session
	At          time.Time         `json:"at"`       // the controller's clock
	Controller  string            `json:"controller"`
	User        string            `json:"user"`
	DisplayName string            `json:"display_name"`
	Session     SessionID         `json:"session"`
	Expires     time.Time         `json:"expires"` // of the cookie
	ClaimsToken string            `json:"claims_token"`
	Tokens      map[SiteID]string `json:"entitlement_tokens"`
	Settings    Settings          `json:"settings"`
	// Gather are the device claims to find out beside the built-in ones.
	Gather []Gather `json:"gather,omitempty"`
	// Runs are those of the session's gateways that the controller has heard from, by
	// name: a gateway of another run than the one in Verdicts.Run remembers no flow.
	Runs map[string]string `json:"runs,omitempty"`
}

// Events of the control channel beside the snapshot.
const (
	// EventWake carries a ChannelNotice: a gateway of the site has something for
	// a flow of a suspended data channel, which is to be resumed.
	EventWake = "wake"
	// EventSuspend carries a ChannelNotice: an administrator has the data channel
	// suspended; the next use resumes it.
	EventSuspend = "suspend"
)

// ChannelNotice concerns the data channel to a site; empty: to all.
type ChannelNotice struct {
	Site SiteID `json:"site,omitempty"`
}

// Settings are the administrator's, for the client to obey.
type Settings struct {
	// Idle: a data channel without payload for so long is suspended (seed 000: 5 minutes).
	Idle Duration `json:"idle" yaml:"idle"`
	// IdleMost: users may choose another idle time, up to this; zero: none.
	IdleMost Duration `json:"idle_most,omitempty" yaml:"idleMost"`
	// RideThrough: an interruption of the control channel shorter than this
	// does not prevent access yet.
	RideThrough Duration `json:"ride_through" yaml:"rideThrough"`
	// StampRounding: an answer is stamped at the next multiple of it (seed 003: 15 minutes).
	StampRounding Duration `json:"stamp_rounding" yaml:"stampRounding"`
	// WarningLead: the prompt comes so long before access would lapse (seed 003: 5 minutes).
	WarningLead Duration `json:"warning_lead" yaml:"warningLead"`
	// HideValues: users are told which kind of criterion failed, and not what
	// it compares nor what the device reported.
	HideValues bool `json:"hide_values,omitempty" yaml:"hideValues"`
	// StrictDNS: where every lookup of a device comes to the client, those of names
	// that are not the applications' go to the network's own servers, even while a
	// VPN that takes all traffic wants to be asked.
	StrictDNS bool `json:"strict_dns,omitempty" yaml:"strictDNS"`
}

// DefaultSettings are the two seed documents' values.
func DefaultSettings() Settings {
	return Settings{
		Idle:          Duration(5 * time.Minute),
		RideThrough:   Duration(time.Minute),
		StampRounding: Duration(15 * time.Minute),
		WarningLead:   Duration(5 * time.Minute),
	}
}
