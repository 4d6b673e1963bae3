package session

import (
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// App is one application of the user's.
type App struct {
	ID          wire.AppID         `json:"id"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Group       string             `json:"group,omitempty"`
	Color       int                `json:"color,omitempty"` // 1 to 20; 0 chooses by name
	Icon        string             `json:"icon,omitempty"`
	Link        string             `json:"link"`     // as the administrator wrote it
	Protocol    string             `json:"protocol"` // the link's scheme: http, https, ssh, tcp
	Host        string             `json:"host"`
	Port        uint16             `json:"port"`
	Site        wire.SiteID        `json:"site"`
	Entitlement wire.EntitlementID `json:"entitlement"`

	State AppState `json:"state"`
	// Why explains the state; always set for NeedsYou and Blocked.
	Why Why `json:"why,omitzero"`
	// Until is when access ends or is decided anew; zero: nothing known will end it.
	Until time.Time `json:"until,omitzero"`
	// Allowed: the gateway's verdict allows it, and Until ends that; where it is
	// not set there is no verdict, or it denies, and Until may end that.
	Allowed bool `json:"allowed,omitempty"`
	// Foreseen is how the controller foresaw access to be now, where the state is ready
	// because no gateway has judged it yet; empty: not known. Why then says what would
	// be in the way. The gateway decides when it is used, and may find otherwise.
	Foreseen Outlook `json:"foreseen,omitempty"`
	// Cure is what, answered, would open or keep it; empty: nothing the user can answer.
	Cure []wire.InteractionKind `json:"cure,omitempty"`
	// AnyOf: one of Cure suffices.
	AnyOf bool `json:"any_of,omitempty"`
	// Since is when the verdict came to be what it is; zero: not known.
	Since time.Time `json:"since,omitzero"`
	// Failing are all the criteria that deny, or will at Until.
	Failing []Failing `json:"failing,omitempty"`
	// Hidden: the administrator withholds what the criteria compare.
	Hidden bool `json:"hidden,omitempty"`
	// Decision is the verdict's id, for the helpdesk.
	Decision wire.DecisionID `json:"decision,omitempty"`

	// Listen is the loopback address that leads there; zero while there is none.
	Listen netip.AddrPort `json:"listen,omitzero"`
	// Open says how to open it, OpenWith with what: an URL, or a terminal command.
	Open     OpenKind `json:"open"`
	OpenWith string   `json:"open_with,omitempty"`
	// Addresses stand for the host in the TUN, while there is one.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Flows     int          `json:"flows"`
	Parked    int          `json:"parked,omitempty"` // of Flows: they rest, and go on when either end has something to say
	// Connections are the newest of Flows, that first, at most MostConnections.
	Connections []Connection `json:"connections,omitempty"`
	Cut         int          `json:"cut,omitempty"` // flows reset by a verdict since sign-in
	Up          int64        `json:"up"`            // bytes sent since sign-in
	Down        int64        `json:"down"`          // bytes received since sign-in
	LastUsed    time.Time    `json:"last_used,omitzero"`
}

// AppState is what an application is to the user.
type AppState string

// The states of an application. The zero value is unknown and shown as blocked.
const (
	AppReady    AppState = "ready"     // opens when it is used
	AppInUse    AppState = "in-use"    // has an open flow
	AppNeedsYou AppState = "needs-you" // one thing of the user's opens or keeps it
	AppBlocked  AppState = "blocked"   // and Why says why
)

// Why explains, in the user's words, with what to do.
type Why struct {
	Kind      wire.ReasonKind  `json:"kind,omitempty"`
	Condition wire.ConditionID `json:"condition,omitempty"`
	Title     string           `json:"title"`           // "A one-time code is needed"
	Brief     string           `json:"brief,omitempty"` // the title for narrow places: "Needs a one-time code"
	Detail    string           `json:"detail,omitempty"`
	Fix       string           `json:"fix,omitempty"` // "Enter a code from your authenticator"
}

// OpenKind says what opening an application does.
type OpenKind string

// The kinds of opening.
const (
	OpenBrowser  OpenKind = "browser"  // OpenWith is an http or https URL
	OpenTerminal OpenKind = "terminal" // OpenWith is a command to paste
	OpenCopy     OpenKind = "copy"     // OpenWith is host:port to paste
)
