// Package protocol is what the tray process and the helper say to each other
// over the helper's socket: one request, one reply, as often as wanted. Both
// ends use it; its functions keep no state and may be called concurrently.
//
// A message is two bytes of length, the most significant first, and JSON in the
// one form that Marshal gives it: whatever decodes but would not be written so
// is refused, so that nothing is said twice, in another case, or unknown.
// OpenTUN's reply has the device's descriptor beside it (SCM_RIGHTS), and
// OpenDNSSocket's the two of the sockets, UDP's first.
package protocol

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Limits of messages.
const (
	MaxMessage = 60 << 10 // bytes of JSON
	MaxRoutes  = 64
	MaxDomains = 1024
)

// Socket is where the helper listens.
const Socket = "/run/tidegate/helper.sock"

// Verb says what is asked for.
type Verb string

// The verbs. There is one device a user, and the helper gives it its name and
// addresses: no request names a file, a program, a device or a user.
const (
	// OpenTUN makes the user's device. Refused as Busy while there is one.
	OpenTUN Verb = "open-tun"
	// ApplyRoutes has exactly these routes and networks reached through the device:
	// none undoes it, and twice is once. From then on, and until Close, packets to
	// the routes leave this machine no other way, device or none, and the user's
	// packets to the networks do not. A route that cannot be had is a refusal, and
	// all stays as it was; a network is led as far as the administrator's list has
	// it and this machine is not in it itself, and what is left out is told.
	ApplyRoutes Verb = "apply-routes"
	// Close undoes all of that and of names. There need not be anything, and anybody
	// may who can connect. A VPN is not of it: it has its lease.
	Close Verb = "close"
	// OpenDNSSocket makes the sockets at DNSServer, for the one user of a machine
	// who may answer names there: Busy for others. They are the user's until this
	// connection ends, which nothing more is asked on: it is the lease. When there
	// may be something new for ApplyDNS to tell, the helper sends an empty Reply on
	// it.
	OpenDNSSocket Verb = "open-dns-socket"
	// ApplyDNS has this machine ask DNSServer for names of exactly these domains;
	// none undoes it, and twice is once. It stays until Close, client or none: names
	// of ours are asked of nobody else. Without a lease it is refused.
	ApplyDNS Verb = "apply-dns"
	// OpenVPN makes the device of the user's classic VPN, which the user's processes
	// may attach to. There is one VPN on a machine: Busy for others. All of it lasts
	// until this connection ends, which nothing more is asked on: it is the lease. The
	// helper sends a Reply with VPN on it when ApplyVPN would tell something else.
	// What a helper of before has left is taken over.
	OpenVPN Verb = "open-vpn"
	// ApplyVPN has the device, its routes and its names be what the request says, and
	// nothing undoes that; twice is once. Without a lease it is refused. What is
	// ours, and what the administrator does not let a VPN have, is left out and told.
	ApplyVPN Verb = "apply-vpn"
	// Sense tells what only root may see of this machine's networks: a Reply at once
	// and another whenever that is something else, until the connection ends.
	Sense Verb = "sense"
)

// Request is what the tray process asks for.
type Request struct {
	Verb Verb `json:"verb"`
	// Of ApplyRoutes: Routes are addresses that mean something to the client
	// alone, Networks the organisation's own, which others may be the way to.
	// Together there are at most MaxRoutes.
	Routes   []netip.Prefix `json:"routes,omitempty"`
	Networks []netip.Prefix `json:"networks,omitempty"`
	// Of ApplyDNS: Domains are zones, at most MaxDomains and each as Domain has it;
	// Strict is osdns.Want's.
	Domains []string `json:"domains,omitempty"`
	Strict  bool     `json:"strict,omitempty"`
	// Of ApplyVPN; nil: nothing.
	VPN *VPN `json:"vpn,omitempty"`
}

// Reply is the answer.
type Reply struct {
	Refusal *Refusal `json:"refusal,omitempty"`
	// Device is of OpenTUN; of OpenVPN it has a name alone.
	Device *Device `json:"device,omitempty"`
	// Left, of ApplyRoutes, are networks that are not led to the device, by why:
	// Outside, Conflict or Full.
	Left map[Code][]netip.Prefix `json:"left,omitempty"`
	DNS  *DNS                    `json:"dns,omitempty"` // of ApplyDNS
	// VPN is of ApplyVPN, Sensed of Sense.
	VPN    *VPNTold `json:"vpn,omitempty"`
	Sensed *Sensed  `json:"sensed,omitempty"`
}

// DevicePrefix begins the name of each device that a helper opens; its user's
// number follows.
const DevicePrefix = "tide"

// Opened says whether a network device of this name is one that a helper opens,
// for whichever user.
func Opened(name string) bool {
	uid, ok := strings.CutPrefix(name, DevicePrefix)
	_, err := strconv.ParseUint(uid, 10, 32)
	return ok && err == nil
}

// Device is what was opened.
type Device struct {
	Name  string     `json:"name"`
	MTU   int        `json:"mtu"`
	Addr4 netip.Addr `json:"addr4"`
	Addr6 netip.Addr `json:"addr6"` // invalid where this machine has no IPv6
}

// Code says why something was refused.
type Code string

// The codes.
const (
	BadRequest Code = "bad-request" // a defect or an attack
	Stranger   Code = "stranger"    // the user may not use the helper
	Busy       Code = "busy"        // the user has a device already, or another the names
	Outside    Code = "outside"     // the administrator's list has no such network
	Conflict   Code = "conflict"    // the network that this machine is in uses those addresses
	NoDevice   Code = "no-device"   // there is none to lead routes to
	NoSocket   Code = "no-socket"   // the user does not answer names here
	NoVPN      Code = "no-vpn"      // the user has no device for one
	Ours       Code = "ours"        // it is led to users' devices, or names there
	Full       Code = "full"        // too many users have one, or there are too many networks
	Failed     Code = "failed"      // the system did not do it
)

// Refusal is why a request was not done. It is an error.
type Refusal struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

// Is makes errors.Is(err, &Refusal{Code: c}) true for every refusal of code c.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Code == r.Code
}

// Refuse makes a refusal; the text ends up before the user.
func Refuse(c Code, format string, arg ...any) *Refusal {
	text := fmt.Sprintf(format, arg...)
	return &Refusal{Code: c, Text: strings.ToValidUTF8(text[:min(len(text), 512)], "")} // JSON has no other text
}

// Encode makes a message.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("encode message: it has %d bytes, and %d are too many", len(b), MaxMessage)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...), nil
}

// Read reads a message's JSON. The end of r between messages is io.EOF.
func Read(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(size[:])
	if n == 0 || n > MaxMessage {
		return nil, fmt.Errorf("read message: a length of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	return b, nil
}

// decode decodes what Encode would have made of v.
func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	if !bytes.Equal(b, again) {
		return fmt.Errorf("decode message: it is not in the form that is agreed on")
	}
	return nil
}

// DecodeRequest decodes a request, which then is one of the verbs and has what
// belongs to it.
func DecodeRequest(b []byte) (r Request, err error) {
	if err := decode(b, &r); err != nil {
		return Request{}, err
	}
	switch r.Verb {
	case ApplyRoutes, ApplyDNS, ApplyVPN, OpenTUN, OpenDNSSocket, OpenVPN, Sense, Close:
	default:
		return Request{}, fmt.Errorf("decode message: there is no verb %.20q", r.Verb)
	}
	if r.Verb != ApplyRoutes && (r.Routes != nil || r.Networks != nil) {
		return Request{}, fmt.Errorf("decode message: %s has no routes", r.Verb)
	}
	if r.Verb != ApplyDNS && (r.Domains != nil || r.Strict) {
		return Request{}, fmt.Errorf("decode message: %s has no domains", r.Verb)
	}
	if r.VPN != nil {
		if r.Verb != ApplyVPN {
			return Request{}, fmt.Errorf("decode message: %s has no VPN", r.Verb)
		}
		if err := r.VPN.Check(); err != nil {
			return Request{}, fmt.Errorf("decode message: %w", err)
		}
	}
	if n := len(r.Domains); n > MaxDomains {
		return Request{}, fmt.Errorf("decode message: %d domains are too many", n)
	}
	seen := map[string]bool{}
	for _, d := range r.Domains {
		if !Domain(d) || seen[d] {
			return Request{}, fmt.Errorf("decode message: %.80q is no domain, or is there twice", d)
		}
		seen[d] = true
	}
	if n := len(r.Routes) + len(r.Networks); n > MaxRoutes {
		return Request{}, fmt.Errorf("decode message: %d routes are too many", n)
	}
	for _, p := range slices.Concat(r.Routes, r.Networks) {
		if !p.IsValid() || p.Addr().Is4In6() {
			return Request{}, fmt.Errorf("decode message: a route is no network")
		}
	}
	return r, nil
}

// DecodeReply decodes a reply.
func DecodeReply(b []byte) (r Reply, err error) {
	if err := decode(b, &r); err != nil {
		return Reply{}, err
	}
	return r, nil
}
