package session

import (
	"cmp"
	"net/netip"
	"time"
)

// VPN are the classic VPNs of this machine (seed 000: ICS), beside which ZTA runs:
// those that the user connects and disconnects here by hand, and those that others
// run. Neither needs the other: there is a VPN without a session, too.
type VPN struct {
	// Engine is what connects them.
	Engine VPNEngine `json:"engine,omitzero"`
	// Connections are the user's own, in the user's order.
	Connections []VPNConnection `json:"connections,omitempty"`
	// Prompt is what a server, or Tidegate about it, asks now; nil: nothing.
	Prompt *VPNPrompt `json:"prompt,omitempty"`
	// Others are VPNs that other programs run here.
	Others []VPNOther `json:"others,omitempty"`
	// Warnings say where a VPN and ZTA are in each other's way, or would be, the
	// most urgent first.
	Warnings []VPNWarning `json:"warnings,omitempty"`
}

// VPNEngine is openconnect.
type VPNEngine struct {
	// Version is its own word; empty: it is not installed.
	Version string `json:"version,omitempty"`
	// Problem is why nothing can be connected, or, as a Warning, what else is wrong;
	// nil: nothing.
	Problem *Problem `json:"problem,omitempty"`
}

// VPNProtocol is what a VPN's server speaks, by openconnect's words for it.
type VPNProtocol string

// The protocols.
const (
	VPNPulse         VPNProtocol = "pulse"      // Ivanti Connect Secure, Pulse
	VPNJuniper       VPNProtocol = "nc"         // Juniper Network Connect, and Ivanti's older servers
	VPNAnyConnect    VPNProtocol = "anyconnect" // Cisco AnyConnect, ocserv
	VPNGlobalProtect VPNProtocol = "gp"         // Palo Alto GlobalProtect
	VPNFortinet      VPNProtocol = "fortinet"
	VPNF5            VPNProtocol = "f5"
)

// VPNProtocols are all of them, in the order in which they are offered.
var VPNProtocols = []VPNProtocol{VPNPulse, VPNJuniper, VPNAnyConnect, VPNGlobalProtect, VPNFortinet, VPNF5}

// Name is what people call it.
func (p VPNProtocol) Name() string {
	switch p {
	case VPNPulse:
		return "Ivanti Connect Secure / Pulse"
	case VPNJuniper:
		return "Juniper Network Connect"
	case VPNAnyConnect:
		return "Cisco AnyConnect / ocserv"
	case VPNGlobalProtect:
		return "Palo Alto GlobalProtect"
	case VPNFortinet:
		return "Fortinet FortiGate"
	case VPNF5:
		return "F5 BIG-IP"
	}
	return string(p)
}

// Tested says whether it is proven end to end against a server; the others are
// openconnect's alone to answer for.
func (p VPNProtocol) Tested() bool { return p == VPNPulse || p == VPNAnyConnect }

// VPNSettings are what the user has said of a connection. There is no secret in it.
type VPNSettings struct {
	// ID names it; SaveVPN of none makes a new one.
	ID string `json:"id"`
	// Name is the user's for it; empty: the address.
	Name string `json:"name,omitempty"`
	// Address is the server's: host, host:port or host/path, or an https URL of that.
	Address  string      `json:"address"`
	Protocol VPNProtocol `json:"protocol"`
	// User and Group (a realm, a group, a portal's gateway) are answered for the
	// user where a server asks for them; empty: the user is asked.
	User  string `json:"user,omitempty"`
	Group string `json:"group,omitempty"`
	// Fingerprint pins the server's key ("pin-sha256:" and base64, and one more after a
	// space for each other server that it sent on to), as it was when the
	// user first trusted it; empty: nobody has yet. SaveVPN changes it to empty, or
	// not at all.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Features are those that the VPN's administrator has set up in its own client,
	// as far as the user knows. They are never applied: they are warned of.
	Features []VPNFeature `json:"features,omitempty"`
}

// Label is what the user knows it by.
func (s VPNSettings) Label() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Address
}

// VPNFeature is one of the six of a classic VPN that are not supported while ZTA is
// active beside it (seed 000).
type VPNFeature string

// The six.
const (
	VPNRouteMonitoring    VPNFeature = "route-monitoring"    // ends or repairs the VPN when routes change
	VPNTrafficEnforcement VPNFeature = "traffic-enforcement" // lets nothing out that does not go through the VPN
	VPNStealthMode        VPNFeature = "stealth-mode"        // runs without showing itself
	VPNAlwaysOn           VPNFeature = "always-on"           // lets nothing out while the VPN is not up: lock-down
	VPNLocationAwareness  VPNFeature = "location-awareness"  // connects by which network it finds itself in
	VPNIPv6               VPNFeature = "ipv6"                // IPv6 in the VPN, beside it, or nowhere
)

// VPNFeatures are all six, in the seed's order.
var VPNFeatures = []VPNFeature{VPNRouteMonitoring, VPNTrafficEnforcement, VPNStealthMode, VPNAlwaysOn, VPNLocationAwareness, VPNIPv6}

// VPNPhase is a connection's state.
//
//	disconnected ──► signing-in ──► connecting ──► connected ◄──► reconnecting
//	      ▲               │              │             │               │
//	      └───────────────┴──────────────┴─ disconnecting ◄────────────┘
type VPNPhase string

// The phases. The zero value is disconnected.
const (
	VPNDisconnected  VPNPhase = ""
	VPNSigningIn     VPNPhase = "signing-in" // the server is asked, and asks
	VPNConnecting    VPNPhase = "connecting" // signed in; the tunnel is being made
	VPNConnected     VPNPhase = "connected"
	VPNReconnecting  VPNPhase = "reconnecting" // interrupted; the session is still good
	VPNDisconnecting VPNPhase = "disconnecting"
)

// VPNConnection is one of the user's, with its state.
type VPNConnection struct {
	VPNSettings
	// Untested: its protocol is.
	Untested bool     `json:"untested,omitempty"`
	Phase    VPNPhase `json:"phase,omitempty"`
	// Since is when it came into Phase; zero in disconnected.
	Since time.Time `json:"since,omitzero"`
	// Title is the state in words ("Connected", "Waiting for your password").
	Title string `json:"title"`
	// VPNLink is what it has while it is up.
	VPNLink
	// Problem is why it is not connected, or, while it is up, what it did not get: a
	// Warning, or else mere news, where that is ZTA's alone; nil: nothing.
	Problem *Problem `json:"problem,omitempty"`
}

// VPNLink is a tunnel.
type VPNLink struct {
	// Adapter is its network device's name.
	Adapter string `json:"adapter,omitempty"`
	// Addresses are this machine's in it.
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	// Server is the other end's address.
	Server netip.Addr `json:"server,omitzero"`
	// Full4 and Full6: what has no better way goes through it.
	Full4 bool `json:"full4,omitempty"`
	Full6 bool `json:"full6,omitempty"`
	// Routes are the networks that it leads to otherwise.
	Routes []netip.Prefix `json:"routes,omitempty"`
	// Servers are asked for names there: for Domains and what is below, and for all
	// that is nobody else's where AllNames.
	Servers  []netip.Addr `json:"servers,omitempty"`
	Domains  []string     `json:"domains,omitempty"`
	AllNames bool         `json:"all_names,omitempty"`
	// Transport carries it: "TLS", "DTLS" or "ESP".
	Transport string `json:"transport,omitempty"`
	// Up and Down are bytes since it was connected.
	Up   int64 `json:"up,omitempty"`
	Down int64 `json:"down,omitempty"`
}

// VPNOther is a VPN that another program runs.
type VPNOther struct {
	// Program is what is known of who; empty: nothing.
	Program string `json:"program,omitempty"`
	VPNLink
}

// Who names it for the user, within a sentence.
func (o VPNOther) Who() string { return vpnWho("", o.Program, o.Adapter) }

// VPNPrompt is a question about a connection: the server's form, or whether the
// server is the right one. AnswerVPNPrompt answers it, and CancelVPNPrompt does not.
type VPNPrompt struct {
	// ID changes with what is asked.
	ID         string        `json:"id"`
	Connection string        `json:"connection"`
	Kind       VPNPromptKind `json:"kind"`
	// Message is the server's own, word for word, in plain text.
	Message string `json:"message,omitempty"`
	// Fields are to be filled in, in this order (form).
	Fields []VPNField `json:"fields,omitempty"`
	// Host is the server that a certificate's is about, where the one of the address
	// has sent on to it; empty: that one itself.
	Host string `json:"host,omitempty"`
	// Fingerprint and Subject tell what the server has shown (certificate); Vouched is
	// who vouches for it of those that this machine trusts; empty: nobody.
	Fingerprint string `json:"fingerprint,omitempty"`
	Subject     string `json:"subject,omitempty"`
	Vouched     string `json:"vouched,omitempty"`
	// Busy: an answer is under way.
	Busy bool `json:"busy,omitempty"`
	// Error is why the last answer did not count, in the server's words.
	Error string `json:"error,omitempty"`
	// Unawaited: it came when the user had done nothing for a while, and may be
	// elsewhere.
	Unawaited bool `json:"unawaited,omitempty"`
}

// VPNPromptKind is the kind of a VPNPrompt.
type VPNPromptKind string

// The kinds.
const (
	VPNForm        VPNPromptKind = "form"
	VPNCertificate VPNPromptKind = "certificate" // first use: is this the right server?
)

// VPNField is one field of a form.
type VPNField struct {
	Kind VPNFieldKind `json:"kind"`
	// Label is the server's word for it.
	Label string `json:"label"`
	// Choices are those of a choice.
	Choices []string `json:"choices,omitempty"`
	// Value is what stands there at first; never a secret.
	Value string `json:"value,omitempty"`
}

// VPNFieldKind is the kind of a field.
type VPNFieldKind string

// The kinds.
const (
	VPNText     VPNFieldKind = "text"     // a user name, and whatever is not known
	VPNPassword VPNFieldKind = "password" // hidden
	VPNCode     VPNFieldKind = "code"     // a second factor: hidden too, and never kept
	VPNChoice   VPNFieldKind = "choice"   // a group, a realm
)

// VPNWarning is one of the six, where it is or would be in the way of ZTA.
type VPNWarning struct {
	Feature VPNFeature `json:"feature"`
	// Connection is the user's own that has it; or Program and Adapter whose it is, as
	// far as that is known.
	Connection string `json:"connection,omitempty"`
	Program    string `json:"program,omitempty"`
	Adapter    string `json:"adapter,omitempty"`
	// Evidence is what was seen, for whoever administers the machine ("nftables: chain
	// output of table inet vpn drops what does not leave by tun0"); empty: it stands in
	// the connection's settings.
	Evidence string `json:"evidence,omitempty"`
	// Ahead: the VPN is not up; it will be so when it is.
	Ahead bool `json:"ahead,omitempty"`
	// Served: both work all the same, and Detail says how.
	Served bool `json:"served,omitempty"`
	// Again: it stood before in this run, and ended meanwhile.
	Again bool `json:"again,omitempty"`
	// Title says what is so, Detail what it means for the user's applications, Fix
	// what to do.
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Key names a warning for as long as it stands: whose an adapter is may come to be
// known later.
func (w VPNWarning) Key() string {
	return string(w.Feature) + " " + cmp.Or(w.Connection, w.Adapter, w.Program)
}
