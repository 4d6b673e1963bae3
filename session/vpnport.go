package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Classic connects and senses classic VPNs. Implemented by internal/classicvpn,
// which reports to ReportVPN, whole, whenever something has changed. Its methods do
// not block, and their errors are in the user's words; what fails later is reported.
type Classic interface {
	// Save makes or changes a connection; Remove removes one that is not up.
	Save(VPNSettings) error
	Remove(id string) error
	// Connect begins to; Disconnect ends it in any phase.
	Connect(id string) error
	Disconnect(id string) error
	// Answer answers the prompt of that id with a value for each field; a
	// certificate's with none, which trusts it. Cancel ends what asked.
	Answer(prompt string, values []Secret) error
	Cancel(prompt string) error
	// Guard says what is ZTA's, whole: what no VPN is to get.
	Guard(VPNGuard)
}

// VPNGuard is what belongs to ZTA.
type VPNGuard struct {
	// Zones are our names, with all below them.
	Zones []string
	// Underlay are controller and gateways, host:port.
	Underlay []string
	// IPv6: there are applications that have an address of IPv6 alone.
	IPv6 bool
}

// VPNFacts are what Classic reports.
type VPNFacts struct {
	// Engine is openconnect's version; empty: none. Problem is why nothing can be
	// connected here.
	Engine      string
	Problem     *wire.Problem
	Connections []VPNFact // the user's, in order
	Prompt      *VPNPrompt
	Others      []VPNOther
	Conflicts   []VPNConflict
}

// VPNFact is the state of one connection.
type VPNFact struct {
	VPNSettings
	Phase VPNPhase
	Since time.Time
	VPNLink
	// Failure is why it ended or did not come about; nil: the user wanted it, or it
	// goes on.
	Failure *VPNFailure
	// Left are the networks and domains that the server wanted and did not get.
	Left []VPNLeft
}

// VPNFailure is why a connection is not up.
type VPNFailure struct {
	Code VPNFailureCode
	// Detail is openconnect's or the server's last word, in plain text.
	Detail string
}

// VPNFailureCode names a failure.
type VPNFailureCode string

// The failures.
const (
	VPNNoEngine       VPNFailureCode = "no-engine"    // openconnect is not installed
	VPNOldEngine      VPNFailureCode = "old-engine"   // it does not speak the protocol
	VPNNoHelper       VPNFailureCode = "no-helper"    // no tunnel without one
	VPNBusy           VPNFailureCode = "busy"         // another connection has the tunnel
	VPNUnreachable    VPNFailureCode = "unreachable"  // nobody answers at the address
	VPNNoServer       VPNFailureCode = "no-server"    // somebody does, and it is no such VPN
	VPNOtherServer    VPNFailureCode = "other-server" // not the key that was trusted
	VPNDistrusted     VPNFailureCode = "distrusted"   // the user said no
	VPNRefused        VPNFailureCode = "refused"      // wrong user, password or code
	VPNUnanswered     VPNFailureCode = "unanswered"   // the user did not answer what was asked
	VPNExpired        VPNFailureCode = "expired"      // the session is over: sign in again
	VPNEnded          VPNFailureCode = "ended"        // the server ended it
	VPNLost           VPNFailureCode = "lost"         // interrupted for too long
	VPNHostChecker    VPNFailureCode = "host-checker" // the server wants the device checked
	VPNBrowser        VPNFailureCode = "browser"      // the server wants a sign-in in a browser
	VPNConflictFailed VPNFailureCode = "conflict"     // its addresses are ours or the network's
	VPNOutside        VPNFailureCode = "outside"      // the machine's administrator, or its helper, allows it not
	VPNFailed         VPNFailureCode = "failed"       // Detail is all that is known
)

// VPNLeft is something that a VPN did not get.
type VPNLeft struct {
	// What is a network or a domain.
	What string
	Why  VPNLeftWhy
}

// VPNLeftWhy says why not.
type VPNLeftWhy string

// The reasons.
const (
	VPNLeftOurs    VPNLeftWhy = "ours"    // ZTA's
	VPNLeftHere    VPNLeftWhy = "here"    // the network's that the machine is in
	VPNLeftOutside VPNLeftWhy = "outside" // the administrator's list does not have it
	VPNLeftFull    VPNLeftWhy = "full"    // there are too many
)

// VPNConflict is one of the six features as the kernel shows it, whoever's VPN has
// it. What stands in the settings of the user's own connections is not repeated.
type VPNConflict struct {
	Feature VPNFeature
	// Connection is the user's own that it belongs to; or Program and Adapter, as far
	// as that is known.
	Connection       string
	Program, Adapter string
	// Evidence as in VPNWarning.
	Evidence string
	// Ahead: no VPN is up, and this is because of one.
	Ahead bool
	// Harm is what it does to ZTA; empty: nothing, for How is done about it.
	Harm VPNHarm
	How  VPNServed
	// Device is Tidegate's, where what leaves by it for applications is held back, too.
	Device string
}

// VPNHarm is what a conflict does.
type VPNHarm string

// The harms.
const (
	VPNHarmNone     VPNHarm = ""
	VPNHarmAll      VPNHarm = "all"      // controller and gateways are not reached
	VPNHarmDevice   VPNHarm = "device"   // they are, but not applications by their addresses: Device
	VPNHarmUnderlay VPNHarm = "underlay" // they are, through the VPN alone
	VPNHarmRoutes   VPNHarm = "routes"   // our routes are taken away again and again
	VPNHarmIPv6     VPNHarm = "ipv6"     // addresses of IPv6 are not reached
	VPNHarmLeak     VPNHarm = "leak"     // IPv6 goes around the VPN
	VPNHarmPlace    VPNHarm = "place"    // the VPN may misjudge which network it is in
)

// VPNServed is how both are served all the same.
type VPNServed string

// The ways.
const (
	VPNServedNot    VPNServed = ""
	VPNServedRoutes VPNServed = "routes" // a route that was deleted is put back
	VPNServedIPv4   VPNServed = "ipv4"   // applications of IPv6 are reached by the addresses of IPv4 that stand for them
	VPNServedPlace  VPNServed = "place"  // what asks where it is gets the network's own answer
	VPNServedAround VPNServed = "around" // controller and gateways are reached through the VPN
)
