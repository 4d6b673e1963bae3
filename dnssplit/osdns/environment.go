package osdns

import (
	"fmt"
	"net/netip"
	"slices"
)

// Environment is what a system asks names with, so far as it decides how it is to
// be told. We are not in it: it is the same before and after applying.
type Environment struct {
	// System is runtime.GOOS.
	System string
	// Servers and Program are what /etc/resolv.conf says: who is asked, and which
	// program has written it, where it is known.
	Servers []netip.Addr
	Program string
	// Link is where /etc/resolv.conf leads, where it is a symbolic link.
	Link string
	// Mounted: it is a mount of its own, as containers have it.
	Mounted bool
	// ReadOnly: neither it nor its folder can be written.
	ReadOnly bool
	// NSS: the C library's programs ask systemd-resolved over its own socket
	// (nss-resolve(8)), before any server of resolv.conf.
	NSS bool
	// Resolved: systemd-resolved runs. Version is systemd's, where it is known.
	Resolved bool
	Version  string
	// Delegates: it knows dns-delegate.
	Delegates bool
	// Insists is the option of resolved.conf(5) by which it believes no plain answer,
	// DNSSEC or DNSOverTLS; empty: it does. A link is told apart from that, and a
	// delegate is not.
	Insists string
	// Resolvconf is which program of that name there is.
	Resolvconf Resolvconf
	// Local: a name server on this machine is asked, or is to be, as dnsmasq. Those
	// ask whom resolvconf has records of.
	Local bool
}

// Resolvconf is one of the programs that are called resolvconf.
type Resolvconf string

// The programs called resolvconf. The zero value is that there is none.
const (
	NoResolvconf      Resolvconf = ""
	DebianResolvconf  Resolvconf = "resolvconf"
	Openresolv        Resolvconf = "openresolv"
	SystemdResolvconf Resolvconf = "systemd" // resolvectl by another name: it keeps no records
)

// stubs are where systemd-resolved answers programs.
var stubs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 53}), netip.AddrFrom4([4]byte{127, 0, 0, 54})}

// leadsToResolved says whether resolv.conf has systemd-resolved asked.
func (e Environment) leadsToResolved() bool {
	return len(e.Servers) > 0 && slices.Contains(stubs, e.Servers[0])
}

// Choose says how a system is to be told, and why so.
func Choose(e Environment) (m Mode, why string) {
	const file = "/etc/resolv.conf"
	if e.System != "linux" {
		return ModeNone, fmt.Sprintf("names cannot be split on %s yet", e.System)
	}
	if e.Resolved && (e.leadsToResolved() || e.NSS) {
		who := "systemd-resolved"
		if e.Version != "" {
			who += " " + e.Version
		}
		led := file + " leads there"
		if !e.leadsToResolved() {
			led = "/etc/nsswitch.conf leads there; programs that read " + file + " themselves ask others"
		}
		if e.Delegates && e.Insists != "" {
			return ModeLink, fmt.Sprintf("%s is asked for names (%s), and insists on %s of delegates: a link of our own stands for us", who, led, e.Insists)
		}
		if e.Delegates {
			return ModeDelegate, fmt.Sprintf("%s is asked for names (%s), and takes delegates", who, led)
		}
		return ModeLink, fmt.Sprintf("%s is asked for names (%s), and is older than delegates: a link of our own stands for us", who, led)
	}
	switch {
	case e.Resolvconf == Openresolv && e.Program == "openresolv" && !e.Local:
		return ModeOpenresolv, file + " is made by openresolv"
	case e.Resolvconf == DebianResolvconf && (e.Program == "resolvconf" || resolvconfRuns(e.Link)) && !e.Local:
		return ModeResolvconf, file + " is made by resolvconf"
	case e.ReadOnly:
		return ModeNone, file + " cannot be written, and no systemd-resolved is asked"
	case e.leadsToResolved():
		return ModeDirect, file + " leads to a systemd-resolved that is not this system's, as in a container: the file is ours while names are split"
	case e.Mounted:
		return ModeDirect, file + " is a mount, as in a container: it is written over while names are split"
	case e.Local && e.Resolvconf != NoResolvconf:
		return ModeDirect, file + " leads to a name server on this machine, and resolvconf would have that ask us: the file is ours while names are split"
	case e.Program != "":
		return ModeDirect, fmt.Sprintf("%s is written by %s, and no program collects what others want there: the file is ours while names are split", file, e.Program)
	}
	return ModeDirect, file + " is asked, and no program collects what others want there: the file is ours while names are split"
}

// resolvconfRuns says whether a link leads to what Debian's resolvconf makes.
func resolvconfRuns(link string) bool {
	return slices.Contains([]string{"/run/resolvconf/resolv.conf", "../run/resolvconf/resolv.conf", "/etc/resolvconf/run/resolv.conf", "resolvconf/run/resolv.conf"}, link)
}
