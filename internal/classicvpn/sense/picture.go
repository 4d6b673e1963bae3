package sense

import (
	"net/netip"
)

// picture is what a system says, at one time.
type picture struct {
	links  []link
	routes []route
	// egress4 and egress6 are by what packets leave for whom no route is.
	egress4, egress6 egress
	names            map[int]names // by link
	programs         []program
	holders          map[string]string // by device: whose program may be seen unprivileged
	barred           *barred           // nil: it is not so, or nobody has tried
	no6              bool              // IPv6 is switched off on this machine
}

// link is a network device.
type link struct {
	index int
	name  string
	kind  string // ip-link(8)'s word; empty: hardware
	encap string // none, ppp, ether, …
	up    bool
	// slave: it is a bridge's or a bond's. hardware: a piece of this machine's.
	slave, hardware bool
	addresses       []netip.Prefix // but for those of the link alone
}

// route is of any table but the local one.
type route struct {
	to    netip.Prefix
	link  int // 0: none
	table int
	// metric is better where it is less.
	metric  int
	gateway netip.Addr
	refuses string // blackhole, unreachable, prohibit; empty: it leads somewhere
}

// egress is where a global address's packets leave.
type egress struct {
	link int // 0: nowhere
	// refused says how, where a route or a rule is there to refuse them.
	refused string
}

// names is what a link's lookups are.
type names struct {
	servers []netip.Addr
	domains []string
	all     bool
}

// program is a running one.
type program struct {
	name string
	pid  int
}

// barred is that a datagram was not let out.
type barred struct {
	adapter string
	to      netip.Addr
	err     string
}

// question is what a look is to find out.
type question struct {
	underlay []addr
	// blind: nobody tells what firewalls drop.
	blind bool
	// alone: nobody tells who holds which device.
	alone bool
	// vpn says whether a link is to be asked about names.
	vpn func(picture, link) bool
}
