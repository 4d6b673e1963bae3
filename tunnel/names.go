package tunnel

import "net/netip"

// Names are the hosts that are called by a name, and the synthetic addresses that
// stand for them on this device. Safe for concurrent use.
type Names interface {
	// Set makes the names these: hosts, and whatever is below domains. All are in
	// lower case and without a dot at the end.
	Set(hosts, domains []string)
	// Except has those names below domains be without addresses that is holds for,
	// from the next Set on. It is quick, and takes no lock.
	Except(is func(host string) bool)
	// Addrs are the addresses of a host, IPv4 and IPv6.
	Addrs(host string) (addrs [2]netip.Addr, ok bool)
	// Host is the name that an address stands for.
	Host(netip.Addr) (host string, ok bool)
	// Prefixes are the networks of all such addresses, IPv4 and IPv6. What is in
	// there and stands for no name is nobody's.
	Prefixes() [2]netip.Prefix
}

// nameless is where no address stands for a name.
type nameless struct{}

func (nameless) Set(_, _ []string) {}

func (nameless) Except(func(string) bool) {}

func (nameless) Addrs(string) (addrs [2]netip.Addr, ok bool) { return addrs, false }

func (nameless) Host(netip.Addr) (host string, ok bool) { return "", false }

func (nameless) Prefixes() (none [2]netip.Prefix) { return none }
