package osdns

import (
	"context"
	"log/slog"
	"net/netip"
)

// Want is what the system is to ask us. The zero value is nothing.
type Want struct {
	// Server is a loopback address on which we answer, at port 53.
	Server netip.Addr
	// Domains are our zones: these names and all below them, in lower case and
	// without the last dot.
	Domains []string
	// Strict: names that are not ours are asked of the physical adapter's servers
	// even where a classic VPN wants to be asked; VPN's own names are asked there.
	Strict bool
	// VPN is a classic VPN that we connect, which has names of its own: the layer
	// between the network's and ours. It is there without Domains of ours, too.
	VPN *VPN
}

// VPN is what a classic VPN of ours wants of names.
type VPN struct {
	// Device is its network device. What it wants ends with that, at the latest.
	Device  string
	Servers []netip.Addr
	// Domains and what is below are asked there, and where All what is nobody else's.
	Domains []string
	All     bool
	// Search are those that complete names of one label, of Domains or beside them.
	Search []string
}

// Told is what applying has found out.
type Told struct {
	// Upstreams are who is to be asked for names that are not ours, where all
	// names come to us.
	Upstreams []Upstream
	// Competitors are others who are asked for names of ours, too or instead.
	Competitors []Competitor
}

// Upstream are servers, and the adapter that leads to them.
type Upstream struct {
	Servers []netip.AddrPort `json:"servers"`
	// Device is the adapter's name; empty: whichever the routes say.
	Device string `json:"device,omitempty"`
	// Domains are asked here, with all below them; none: what is nobody else's.
	Domains []string `json:"domains,omitempty"`
}

// Competitor is somebody else who has a zone that is ours, lies in ours, or has
// ours in it.
type Competitor struct {
	Program string `json:"program,omitempty"` // who has set it up, where that is known
	Link    string `json:"link,omitempty"`    // the adapter
	Domain  string `json:"domain"`
	// Wins: names of ours are asked of them, too or instead. Otherwise the longer
	// suffix, ours, has them come to us.
	Wins bool `json:"wins"`
}

// Mode is how the system is told.
type Mode string

// The modes. The zero value is that there is no way known here.
const (
	ModeNone       Mode = ""
	ModeDelegate   Mode = "resolved-delegate" // systemd-resolved 258 and later: a file of dns-delegate
	ModeLink       Mode = "resolved-link"     // older: a link of our own that always has carrier
	ModeResolvconf Mode = "resolvconf"        // Debian's resolvconf
	ModeOpenresolv Mode = "openresolv"
	ModeDirect     Mode = "direct" // /etc/resolv.conf
)

// All says whether in this mode every name comes to us, and not only ours.
func (m Mode) All() bool { return m == ModeResolvconf || m == ModeOpenresolv || m == ModeDirect }

// Options for Observe, New and Undo.
type Options struct {
	// Root is below which /etc, /run and /var are; empty: "/".
	Root string
	// Bus is the address of the system's D-Bus; empty: where it is.
	Bus string
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Configurator tells the system, in one mode. It is not safe for concurrent use,
// but for Watch.
type Configurator interface {
	// Apply has the system ask what is wanted, and no more.
	Apply(ctx context.Context, w Want) (Told, error)
	// Watch calls again, which does not block, whenever what was applied may be
	// gone or others may have changed what they want, until ctx ends.
	Watch(ctx context.Context, again func()) error
}
