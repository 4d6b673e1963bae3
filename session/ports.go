package session

import (
	"context"
	"crypto"
	"errors"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Dataplane opens data channels on demand and carries flows. Implemented by
// package tunnel.
type Dataplane interface {
	// Apply makes the data plane what w says, whole: applying it twice is a
	// no-op and the zero Wanted closes everything. It does not block.
	Apply(w Wanted)
}

// Wanted is the data plane's whole configuration. It holds tokens: never log it.
type Wanted struct {
	// Allowed: new flows may be opened. Where not, listeners stay, and reset.
	Allowed bool
	// Session and Identity are whose flows these are; when Session changes,
	// every flow of the old one is reset.
	Session  wire.SessionID
	Identity Identity
	// Change rises whenever Session is another one.
	Change uint64
	Idle   time.Duration
	Sites  []WantedSite
	Apps   []WantedApp
	// Routes are all destinations that the entitlements name, beyond the
	// applications, those too that they refuse: what the proxies and the TUN take
	// for ours.
	Routes []WantedRoute
	// Suspend rises when all data channels are to be suspended at once: by the
	// user's `tidegate pause` or an administrator's order. The next use resumes.
	Suspend uint64
	// Device is what the device reports of itself now, for the gateways; nil:
	// what the claims tokens say of it still holds.
	Device wire.DeviceClaims
	// StrictDNS: names that are not ours are asked of the network's own servers,
	// even where a VPN wants to be asked.
	StrictDNS bool
	// Gathering: Device is not what was declared yet, and will be in a moment;
	// new flows wait until this is not set, rather than be denied for nothing.
	Gathering bool
}

// WantedSite is a site with its tokens.
type WantedSite struct {
	ID               wire.SiteID
	Gateways         []wire.Gateway
	ClaimsToken      string
	EntitlementToken string
	// Wake rises when the gateway has something for a flow of the suspended
	// channel; Suspend when this channel alone is to be suspended.
	Wake, Suspend uint64
	// Runs are the gateways' present ones, by name; see wire.Snapshot. Not changed.
	Runs map[string]string
}

// WantedRoute is where an entitlement leads.
type WantedRoute struct {
	Site        wire.SiteID
	Entitlement wire.EntitlementID
	Protocol    wire.Protocol
	// Hosts are names, wildcards (wire.Wildcard), addresses and CIDRs, as an action
	// has them; names of resolvers and scripts are the gateway's to know.
	Hosts []string
	Ports []uint16 // none for icmp
	// Exclude: taken out of what the same entitlement allows. Refused: nothing
	// passes there, which is the gateway's to say, and to raise an alert for.
	Exclude, Refused bool
}

// WantedApp is an application to listen for.
type WantedApp struct {
	ID          wire.AppID
	Site        wire.SiteID
	Entitlement wire.EntitlementID
	Host        string
	Port        uint16
}

// Identity is the device key with its certificate, and the CA to trust. The
// key is used, never shown.
type Identity struct {
	Device wire.DeviceID
	Key    crypto.Signer
	// Certificate is the chain, leaf first, in DER.
	Certificate [][]byte
	// CA is the controller's CA certificate in DER; it vouches for gateways too.
	CA []byte
}

// DataplaneFacts are what the data plane reports, whole, whenever they change.
type DataplaneFacts struct {
	Sites map[wire.SiteID]SiteFact
	Apps  map[wire.AppID]AppFact
	// Change is that of the Wanted that these are of.
	Change uint64
	// Proxy is where this user's SOCKS5 and HTTP proxy listens, which serves its
	// PAC file at /proxy.pac too; invalid where it does not.
	Proxy netip.AddrPort
	// TUN says whether programs reach the applications by their own names and
	// addresses; Problem why not, where that was asked for.
	TUN     bool
	Problem *wire.Problem
	// DNS is the name service; nil while nobody is signed in.
	DNS *DNSFact
}

// SiteFact is the state of one data channel.
type SiteFact struct {
	State   ChannelState
	Since   time.Time
	Gateway string
	// Lane is what carries it, "h3" or "h2", while it is connected.
	Lane string
	// Flows are those that are open; Parked those of them that no carrier holds.
	Flows, Parked int
	// Verdicts are the gateway's last, by entitlement; they stay while the
	// channel is suspended and end with their leases.
	Verdicts map[wire.EntitlementID]wire.Verdict
	// Offset is the gateway's clock less ours, as Verdicts.At told it.
	Offset time.Duration
	// Problem is why the last attempt to connect failed; nil when it did not.
	Problem *wire.Problem
}

// ours is an instant of the gateway's clock by ours, to the second: less is the
// network's doing, and 16:45 is to stay 16:45.
func (s SiteFact) ours(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-s.Offset.Round(time.Second))
}

// AppFact is the state of one application's listener and flows.
type AppFact struct {
	Listen netip.AddrPort
	// Synthetic are the addresses that stand for the application's host in a
	// TUN, IPv4 and IPv6; invalid without one.
	Synthetic [2]netip.Addr
	Flows     int
	Parked    int // of Flows: no carrier holds them at present
	// Connections are the newest of Flows, that first, at most MostConnections.
	Connections []Connection
	Waiting     int // flows held until a prompt is answered
	Opening     int // flows that wait for their gateway, and have its channel opened
	Up, Down    int64
	LastUsed    time.Time
	// Problem is why the last flow was refused or cut; nil after one that worked.
	Problem *wire.Problem
	// Cut counts the open flows that a verdict has reset.
	Cut int
}

// Controller reaches the controller. Implemented by session/control.
type Controller interface {
	// Enrol redeems an enrolment link for a certificate over key. The
	// controller is known by the link's fingerprint.
	Enrol(ctx context.Context, link wire.EnrolmentLink, key crypto.Signer) (Enrolled, error)
	// Connect makes a control channel's client for an enrolled device. It
	// does not dial.
	Connect(e Enrolled, id Identity) ControlClient
}

// ControlClient is the control channel of one enrolled device. Errors that the
// controller sent are *wire.Problem; anything else means it was not reached.
type ControlClient interface {
	Hello(ctx context.Context) (wire.Hello, error)
	// SignIn returns the session cookie's value.
	SignIn(ctx context.Context, r wire.SignInRequest) (cookie Secret, err error)
	// Events holds the event stream until it ends, and always returns an error.
	Events(ctx context.Context, cookie Secret, on Heard) error
	Answer(ctx context.Context, cookie Secret, r wire.AnswerRequest) error
	// Report tells what the device says of itself now.
	Report(ctx context.Context, cookie Secret, r wire.DeviceReport) error
	// Forecast tells when the session's user will have access to what.
	Forecast(ctx context.Context, cookie Secret) (wire.Forecast, error)
	SignOut(ctx context.Context, cookie Secret) error
	// Close drops idle connections.
	Close()
}

// Heard are called with what an event stream tells, in order; all are needed.
type Heard struct {
	// Established is called with the transport ("h3", "h2") once the stream stands.
	Established func(transport string)
	Snapshot    func(wire.Snapshot)
	// Notice is called for wire.EventWake and wire.EventSuspend.
	Notice func(event string, n wire.ChannelNotice)
}

// Posture finds out the device claims and reports them to ReportDevice, whole,
// whenever they change. Implemented by internal/posture. No call blocks.
type Posture interface {
	// Follow has them reported from now on, all at once at first; or no longer, and
	// then nothing of the device is looked at, which is how it begins.
	Follow(on bool)
	// Again has them found out again: the machine has slept.
	Again()
	// Declare has these found out beside the built-in ones, and no others from
	// now on, and reported as soon as they are.
	Declare(gather []wire.Gather)
}

// Enrolled is what a device keeps of its enrolment. Nothing in it is secret.
type Enrolled struct {
	Enrolment
	Certificate string `json:"certificate"` // PEM, leaf first
	CA          string `json:"ca"`          // PEM
	// Apart: its items in the keychain are named by its device, too.
	Apart bool `json:"apart,omitempty"`
}

// Vault keeps secrets in the OS keychain. Implemented by session/vault. Calls
// may take seconds and are never made on the session's goroutine.
type Vault interface {
	// Get returns ErrNoSecret for an item that is not there.
	Get(ctx context.Context, item VaultItem) ([]byte, error)
	Set(ctx context.Context, item VaultItem, secret []byte) error
	// Delete of an item that is not there is no error.
	Delete(ctx context.Context, item VaultItem) error
	// Opened returns nil once a keychain that was locked, or absent, opens without us.
	// It fails where that is not told.
	Opened(ctx context.Context) error
}

// VaultItem names what is kept.
type VaultItem string

// The items.
const (
	ItemCookie    VaultItem = "session-cookie"
	ItemDeviceKey VaultItem = "device-key" // PKCS#8
)

// Errors of a Vault.
var (
	ErrNoSecret       = errors.New("no such item in the keychain")
	ErrKeychainLocked = errors.New("the keychain is locked")
	ErrKeychainAbsent = errors.New("there is no keychain service")
)

// Records keeps the enrolments and the user's choices across restarts. Implemented by session/vault
// as files replaced atomically.
type Records interface {
	// LoadEnrolments returns the zero KeptEnrolments where there are none.
	LoadEnrolments() (KeptEnrolments, error)
	SaveEnrolments(k KeptEnrolments) error
	// LoadChoices returns the zero KeptChoices where there are none. What cannot be
	// read is set aside, and the error says where.
	LoadChoices() (KeptChoices, error)
	SaveChoices(k KeptChoices) error
}
