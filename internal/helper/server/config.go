//go:build linux

// Package server is the helper that opens network devices for users who have no
// privileges: it makes a TUN, leads the organisation's networks to it, hands
// over the descriptor, and keeps a guard that fails closed when the user's
// client is gone. cmd/tidegate-helper runs one.
//
// It believes nobody: who asks is known by the socket, what may be asked stands
// in a file of the administrator's, and no request names a file, a device, a
// program or a user. It has no keys, opens no network connection and carries no
// packet.
//
//	OpenTUN ──► device, addresses           gone with the descriptor (the kernel)
//	ApplyRoutes ──► routes of a table ──────┘
//	            ├─► rules that lead to it    undone when the device has gone
//	            ├─► "unreachable" ────────┐
//	            └─► nftables guard ───────┴─ stay until Close
//
//	OpenVPN ──► device of a user's VPN ────┐  the user's own processes attach to it
//	ApplyVPN ──► addresses, guard, routes ─┤  for everybody on this machine
//	         └─► rules past it, its names ─┴─ gone with the connection that OpenVPN came by
//
// What outlives the device is written down before it is done (journal.go), and
// taken up again by the next start. A Server handles one request at a time.
package server

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/BurntSushi/toml"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// ConfigPath is where the administrator's file is.
const ConfigPath = "/etc/tidegate/helper.toml"

// Config is what the administrator allows.
type Config struct {
	// Prefixes are what users' clients may have led to their devices and
	// guarded from everybody, or parts of it: addresses that stand for
	// applications by name, and mean nothing to anybody else.
	Prefixes []netip.Prefix `toml:"prefixes"`
	// Networks are the organisation's own, which may be led to a user's device
	// for that user alone.
	Networks []netip.Prefix `toml:"networks"`
	// Domains are what users' clients may answer names for, with all below them;
	// none: whatever has two labels. Names that are this machine's, and domains
	// below which anybody may have names, are never theirs.
	Domains []string `toml:"domains"`
	// Devices are an IPv4 and an IPv6 network that devices' own addresses are
	// taken from, of at most a /24 and a /112.
	Devices []netip.Prefix `toml:"devices"`
	// Group has its members served, wherever they have signed in. Others are
	// served while they have an active session at this machine, if the socket's
	// mode lets them in at all. Empty: no group.
	Group string `toml:"group"`
	// Programs, where there are any, are the only ones served, by their paths.
	Programs []string `toml:"programs"`
	// VPN lets users connect a classic VPN, whose routes and names are everybody's on
	// this machine; nil: true. VPNNetworks, where there are any, are all that one may
	// lead to itself, with its own addresses: 0.0.0.0/0 is everything of IPv4.
	VPN         *bool          `toml:"vpn"`
	VPNNetworks []netip.Prefix `toml:"vpn_networks"`
	// Priority is that of the rules, Table the number before the first routing
	// table, Physical that of the table that leads out of the physical adapter; 0:
	// 5200, 5300 and 5254.
	Priority int `toml:"priority"`
	Table    int `toml:"table"`
	Physical int `toml:"physical"`
}

// MaxDevices bounds the users who have a device at once.
const MaxDevices = 64

// Load reads the administrator's file. It refuses one that anybody but root can
// have written.
func Load(path string) (c Config, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Config{}, fmt.Errorf("open the list of what is allowed: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Config{}, fmt.Errorf("look at %s: %w", path, err)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("look at the folder of %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return Config{}, fmt.Errorf("%s is no file", path)
	}
	for name, i := range map[string]os.FileInfo{path: info, filepath.Dir(path): folder} {
		if !rootsAlone(i) {
			return Config{}, fmt.Errorf("%s can be written by others than root: run: chown root %s; chmod go-w %s", name, name, name)
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	if c, err = Parse(string(text)); err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

func rootsAlone(i os.FileInfo) bool {
	s, ok := i.Sys().(*syscall.Stat_t)
	return ok && s.Uid == 0 && i.Mode().Perm()&0o022 == 0
}

// Parse reads a configuration and holds it against what no file may allow.
func Parse(text string) (c Config, err error) {
	meta, err := toml.Decode(text, &c)
	if err != nil {
		return Config{}, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, fmt.Errorf("there is no setting %q", unknown[0].String())
	}
	c.number()
	return c, c.check()
}

// Unlisted is for undoing what was done by a file that cannot be read any more, if that
// gave no numbers of its own. It allows nothing.
func Unlisted() Config {
	no := false
	c := Config{VPN: &no, Devices: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/24"), netip.MustParsePrefix("::/112")}}
	c.number()
	return c
}

// number gives the numbers that were not given.
func (c *Config) number() {
	if c.Priority == 0 {
		c.Priority = 5200
	}
	if c.Table == 0 {
		c.Table = 5300
	}
	if c.Physical == 0 {
		c.Physical = 5254
	}
}

func (c Config) check() error {
	var bad []error
	note := func(format string, arg ...any) { bad = append(bad, fmt.Errorf(format, arg...)) }
	if len(c.Prefixes) == 0 || len(c.Prefixes) > protocol.MaxRoutes {
		note("prefixes: there are %d, want 1 to %d", len(c.Prefixes), protocol.MaxRoutes)
	}
	if len(c.Networks) > protocol.MaxRoutes {
		note("networks: there are %d, want at most %d", len(c.Networks), protocol.MaxRoutes)
	}
	all := slices.Concat(c.Prefixes, c.Networks)
	for i, p := range all {
		if err := possible(p); err != nil {
			note("prefixes and networks: %w", err)
		}
		if slices.ContainsFunc(all[:i], p.Overlaps) {
			note("prefixes and networks: %v is there twice", p)
		}
	}
	if len(c.Devices) != 2 || !c.Devices[0].Addr().Is4() || !c.Devices[1].Addr().Is6() {
		note("devices: want an IPv4 and an IPv6 network")
	}
	for _, p := range c.Devices {
		if err := possible(p); err != nil {
			note("devices: %w", err)
		} else if host := p.Addr().BitLen() - p.Bits(); host < 8 {
			note("devices: %v is too small for %d devices", p, MaxDevices)
		}
	}
	for _, p := range c.Programs {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p {
			note("programs: %q is no full path", p)
		}
	}
	if c.Priority < 1 || c.Priority > 32000 {
		note("priority: %d is not within 1 and 32000", c.Priority)
	}
	if c.Table < 256 || c.Table > 1<<30 {
		note("table: %d is not within 256 and 1073741824", c.Table)
	}
	if c.Physical < 256 || c.Physical > 1<<30 || c.Physical > c.Table && c.Physical <= c.Table+MaxDevices {
		note("physical: %d is not within 256 and 1073741824, or a device's table", c.Physical)
	}
	if len(c.VPNNetworks) > protocol.MaxRoutes {
		note("vpn_networks: there are %d, want at most %d", len(c.VPNNetworks), protocol.MaxRoutes)
	}
	for i, p := range c.VPNNetworks {
		if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" || p != p.Masked() {
			note("vpn_networks: %v is no network, or has bits behind its length", p)
		} else if within(p, vpnNevers) {
			note("vpn_networks: %v is no network of a VPN", p)
		}
		if slices.Contains(c.VPNNetworks[:i], p) {
			note("vpn_networks: %v is there twice", p)
		}
	}
	if err := c.checkDomains(); err != nil {
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

// allowsVPN says whether users may connect a VPN.
func (c Config) allowsVPN() bool { return c.VPN == nil || *c.VPN }

// possible refuses networks that nobody may lead to a device, whoever allows
// it: half the Internet, this machine, the link, groups.
func possible(p netip.Prefix) error {
	a := p.Addr()
	least := 8
	if a.Is6() {
		least = 16
	}
	switch {
	case !p.IsValid():
		return errors.New("one is no network")
	case a.Zone() != "" || a.Is4In6():
		return fmt.Errorf("%v is written oddly", p)
	case p != p.Masked():
		return fmt.Errorf("%v has bits behind its length", p)
	case p.Bits() < least:
		return fmt.Errorf("%v is too large", p)
	}
	for _, never := range nevers {
		if never.Overlaps(p) {
			return fmt.Errorf("%v is no network of applications", p)
		}
	}
	return nil
}

// nevers are this machine, the link, groups and what stands for IPv4 elsewhere.
var nevers = func() (all []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
		"::/16", "64:ff9b::/32", "fe80::/9", "ff00::/8", "2002::/16"} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// mostAddresses is what a client may have guarded from everybody at a time, of a
// range that others use too: a /16 of IPv4, and as many /64 of IPv6.
const mostAddresses = 1 << 16

// allows refuses routes that are not the administrator's to give, or that are
// the networks this machine is in.
func (c Config) allows(routes []netip.Prefix, here []netip.Prefix) *protocol.Refusal {
	if len(routes) > protocol.MaxRoutes {
		return protocol.Refuse(protocol.BadRequest, "%d networks are too many", len(routes))
	}
	var size [2]uint64
	for i, p := range routes {
		if err := possible(p); err != nil {
			return protocol.Refuse(protocol.BadRequest, "%v", err)
		}
		if slices.ContainsFunc(routes[:i], p.Overlaps) {
			return protocol.Refuse(protocol.BadRequest, "%v is there twice", p)
		}
		if p.Addr().Is4() {
			size[0] += 1 << (32 - p.Bits())
		} else {
			size[1] += 1 << max(0, 64-p.Bits())
		}
		if max(size[0], size[1]) > mostAddresses {
			return protocol.Refuse(protocol.Outside, "%v is more than a client has applications for", p)
		}
		if !slices.ContainsFunc(c.Prefixes, func(a netip.Prefix) bool { return a.Overlaps(p) && a.Bits() <= p.Bits() }) {
			return protocol.Refuse(protocol.Outside, "this machine's administrator does not allow %v (%s)", p, ConfigPath)
		}
		if at := slices.IndexFunc(here, p.Overlaps); at >= 0 {
			return protocol.Refuse(protocol.Conflict, "the network that you are in uses %v, which is part of %v", here[at], p)
		}
	}
	return nil
}

// parts are what is led of the networks that a client asks for: as far as the
// administrator has them, but none that this machine is in; of those within
// each other, the widest. left are the others.
func (c Config) parts(networks, here []netip.Prefix, room int) (led []netip.Prefix, left map[protocol.Code][]netip.Prefix) {
	left = map[protocol.Code][]netip.Prefix{}
	told := 0
	leave := func(why protocol.Code, p netip.Prefix) {
		if told < protocol.MaxRoutes && !slices.Contains(left[why], p) { // what a message has room for
			told++
			left[why] = append(left[why], p)
		}
	}
	var all []netip.Prefix
	for _, p := range networks {
		p = p.Masked()
		mine := 0
		for _, a := range c.Networks {
			if !a.Overlaps(p) {
				continue
			}
			mine++
			part := p
			if a.Bits() > p.Bits() {
				part = a
			}
			if slices.ContainsFunc(here, part.Overlaps) {
				leave(protocol.Conflict, part)
			} else {
				all = append(all, part)
			}
		}
		if mine == 0 {
			leave(protocol.Outside, p)
		}
	}
	slices.SortStableFunc(all, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
	for _, p := range all {
		switch {
		case slices.ContainsFunc(led, p.Overlaps): // in a wider one
		case len(led) >= room:
			leave(protocol.Full, p)
		default:
			led = append(led, p)
		}
	}
	return led, left
}

// address is a device's own, of the n-th from 1.
func (c Config) address(family, n int) netip.Addr {
	b := c.Devices[family].Addr().AsSlice()
	b[len(b)-1] += byte(n)
	a, _ := netip.AddrFromSlice(b)
	return a
}
