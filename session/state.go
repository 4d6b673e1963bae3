package session

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// State is the whole truth for the user at one instant. It is a value: nobody
// changes one that was published. It holds no password, code, cookie, key or
// token. Its JSON form is the command line's --json and the local socket's.
type State struct {
	// Revision rises with every change and names this state.
	Revision uint64    `json:"revision"`
	At       time.Time `json:"at"`
	Version  string    `json:"version"`

	Enrolment Enrolment `json:"enrolment"`
	// Enrolments are all that are kept, by organisation and user; Enrolment is the
	// active one of them.
	Enrolments []Enrolment `json:"enrolments,omitempty"`

	Control  ControlChannel `json:"control"`
	ZTA      ZTA            `json:"zta"`
	User     User           `json:"user"`
	Keychain Keychain       `json:"keychain"`

	// Prompt is what the user is asked now; nil when nothing is.
	Prompt *Prompt `json:"prompt,omitempty"`
	// Apps are all applications, by group and name.
	Apps []App `json:"apps"`
	// Sites are the data channels, one a site.
	Sites []Site `json:"sites"`
	// Local says how programs reach the applications.
	Local Local `json:"local"`
	// Ahead is when access will be open in the days to come; nil until a LookAhead.
	Ahead *Ahead `json:"ahead,omitempty"`
	// VPN are the classic VPNs beside us.
	VPN VPN `json:"vpn,omitzero"`
	// Problems stand until what caused them is over, the most urgent first.
	Problems []Problem `json:"problems,omitempty"`
	// Events are the last MaxEvents things that happened, oldest first.
	Events []Event `json:"events,omitempty"`
	// Fixed is what the administrator has set for this client; nil while the
	// controller has not said.
	Fixed *wire.Settings `json:"fixed,omitempty"`
	// Choices are what the user has chosen.
	Choices Choices `json:"choices,omitzero"`
	// Login says whether the client starts with the desktop.
	Login Login `json:"login,omitempty"`
	// Helper is what makes network devices for the client.
	Helper Helper `json:"helper,omitzero"`
	// Tray says whether a tray host shows the icon. Unknown until the host answered.
	Tray TrayHost `json:"tray"`
	// Locked: the screen is locked, or its saver runs. What wants to be seen waits
	// until it is not.
	Locked bool `json:"locked,omitempty"`
	// Window asks the window process to show a page: it is raised whenever
	// Window.Seq rises.
	Window WindowRequest `json:"window"`
}

// MaxEvents bounds State.Events.
const MaxEvents = 100

// Enrolment says to whose controller this device belongs; zero: to none.
type Enrolment struct {
	Controller string        `json:"controller,omitempty"` // host:port
	Name       string        `json:"name,omitempty"`       // the organisation's name
	User       string        `json:"user,omitempty"`       // the only one who may sign in here
	Device     wire.DeviceID `json:"device,omitempty"`
}

// Enrolled says whether the device has been enrolled.
func (e Enrolment) Enrolled() bool { return e.Device != "" }

// ControlPhase is the control channel's state.
//
//	off ──► connecting ──► established ──► reconnecting ──► established
//	              │                              │ longer than the ride-through
//	              └────────► lost ◄──────────────┘
//	any ──► signed-out (no cookie, or a refused one)
type ControlPhase string

// The phases. The zero value is off.
const (
	ControlOff          ControlPhase = ""             // not enrolled, or no device key
	ControlConnecting   ControlPhase = "connecting"   // first connection since start or sign-in
	ControlEstablished  ControlPhase = "established"  // the ZTA button is active
	ControlReconnecting ControlPhase = "reconnecting" // interrupted, still riding through
	ControlLost         ControlPhase = "lost"         // interrupted for longer: access is prevented
	ControlSignedOut    ControlPhase = "signed-out"   // waits for the user
)

// ControlChannel is the connection to the controller.
type ControlChannel struct {
	Phase ControlPhase `json:"phase,omitempty"`
	Since time.Time    `json:"since,omitzero"`
	// Transport is "h3" or "h2" while established.
	Transport string `json:"transport,omitempty"`
	// Retry is when the next try is due, while there is none.
	Retry time.Time `json:"retry,omitzero"`
	// Asked: the user asked for the try that is under way, or that it was
	// established by.
	Asked bool `json:"asked,omitempty"`
}

// ZTA is the ZTA button. It has no Connect and no Disconnect: it opens the
// applications page, and says whether the controller is reached.
type ZTA struct {
	// Active: the control channel is established.
	Active bool `json:"active"`
	// Working: something is under way (connecting, reconnecting, signing in).
	Working bool `json:"working"`
	// Allowed: new flows may be opened (active, or riding through).
	Allowed bool `json:"allowed"`
	// Attention: the user has to do something; Prompt or Problems say what.
	Attention bool `json:"attention"`
	// InUse: at least one application has an open flow.
	InUse bool `json:"in_use"`
	// Title and Detail are the state in words ("Protected", "Your applications are reachable").
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// User is who is signed in; zero: nobody.
type User struct {
	Name        string         `json:"name,omitempty"`
	DisplayName string         `json:"display_name,omitempty"`
	Session     wire.SessionID `json:"session,omitempty"`
	Expires     time.Time      `json:"expires,omitzero"` // of the cookie
}

// Keychain is the state of the OS keychain.
type Keychain string

// The keychain's states. The zero value means that it was not asked yet.
const (
	KeychainUnknown Keychain = ""
	KeychainReady   Keychain = "ready"
	KeychainLocked  Keychain = "locked" // there, but it did not open
	KeychainAbsent  Keychain = "absent" // no service: the session lives in memory
)

// TrayHost is the desktop's tray.
type TrayHost string

// The tray host's states.
const (
	TrayUnknown TrayHost = ""
	TrayPresent TrayHost = "present"
	TrayAbsent  TrayHost = "absent" // the window is the full fall-back
)

// Site is the data channel to one site.
type Site struct {
	ID      wire.SiteID  `json:"id"`
	Name    string       `json:"name"`
	Gateway string       `json:"gateway,omitempty"` // the one that serves us
	State   ChannelState `json:"state"`
	Since   time.Time    `json:"since,omitzero"`
	// Cause is what had it suspended, or resumed.
	Cause ChannelCause `json:"cause,omitempty"`
	// For are the applications whose use had it opened, or resumed, where that is known.
	For []wire.AppID `json:"for,omitempty"`
	// Lane is what carries it, "h3" or "h2", while it is connected.
	Lane  string `json:"lane,omitempty"`
	Flows int    `json:"flows"`
	// Parked are those of Flows that rest: no carrier holds them, and they go on
	// when either end has something to say.
	Parked int `json:"parked,omitempty"`
}

// ChannelState is a data channel's state (architecture, section 6).
//
//	disconnected ──► connecting ──► connected ──► suspended ──► connected …
type ChannelState string

// The states of a data channel. The zero value is disconnected.
const (
	Disconnected ChannelState = ""
	Connecting   ChannelState = "connecting"
	Connected    ChannelState = "connected"
	Suspended    ChannelState = "suspended"
)

// Event is something that happened, for the activity page and `tidegate events`.
type Event struct {
	Seq  uint64     `json:"seq"`
	At   time.Time  `json:"at"`
	Kind string     `json:"kind"` // a word such as signed-in, channel-connected, app-cut
	Text string     `json:"text"` // a sentence for the user
	App  wire.AppID `json:"app,omitempty"`
	// Of is whose controller it is of, as its enrolment was called; empty: of none's.
	Of string `json:"of,omitempty"`
	// User is who that enrolment is for: an organisation may have several users here.
	User string `json:"user,omitempty"`
}

// Sentence is e in words for whoever has active before them, of all enrolments: what is
// of another controller says so, and what is of another user of the same one, or of one
// of the users of another.
func (e *Event) Sentence(active Enrolment, all []Enrolment) string {
	var whose []string
	users := e.User != "" && e.User != active.User
	if e.Of != active.Label() {
		if e.Of != "" && !strings.Contains(e.Text, e.Of) {
			whose = append(whose, e.Of)
		}
		users = e.User != "" && slices.ContainsFunc(all, func(o Enrolment) bool { return o.Label() == e.Of && o.User != e.User })
	}
	if users {
		whose = append(whose, e.User)
	}
	if whose == nil {
		return e.Text
	}
	return e.Text + " (" + strings.Join(whose, ", ") + ")"
}

// WindowRequest asks for the window.
type WindowRequest struct {
	Seq  uint64     `json:"seq"`
	Page Page       `json:"page,omitempty"`
	App  wire.AppID `json:"app,omitempty"`
}

// Page is a page of the window.
type Page string

// The pages. The zero value leaves the window where it is.
const (
	PageHome         Page = "home"
	PageApplications Page = "applications"
	PageToday        Page = "today"
	PageActivity     Page = "activity"
	PageConnections  Page = "connections"
	PageSettings     Page = "settings"
)
