package osdns

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// linkPrograms are those whose links have names of their own.
var linkPrograms = []struct{ prefix, program string }{
	{"tailscale", "Tailscale"},
	{"wt", "NetBird"},
	{"nordlynx", "NordVPN"},
	{"nordtun", "NordVPN"},
	{"CloudflareWARP", "Cloudflare WARP"},
	{"wg-mullvad", "Mullvad VPN"},
	{"gpd", "GlobalProtect"},
	{"cscotun", "Cisco Secure Client"},
	{"pulse", "Ivanti Secure Access"},
	{"ziti", "OpenZiti"},
	{"sdwan", "Twingate"},
	{"tun-firezone", "Firezone"},
	{"proton", "Proton VPN"},
	{"zt", "ZeroTier"},
	{"docker", "Docker"},
	{"virbr", "libvirt"},
	{"lxdbr", "LXD"},
	{"incusbr", "Incus"},
}

// programOf is the program that runs a link: who holds it open, or whose its
// name is; empty: not known.
func programOf(link, kind string) string {
	if kind == "tuntap" || kind == "tun" {
		if p := holder("/proc", link); p != "" {
			return p
		}
	}
	for _, p := range linkPrograms {
		if rest, ok := strings.CutPrefix(link, p.prefix); ok && strings.Trim(rest, "0123456789") == "" {
			return p.program
		}
	}
	if kind == "wireguard" {
		return "WireGuard"
	}
	return ""
}

// holder is the name of a process that holds a TUN device open, so far as we may
// look at others' files.
func holder(proc, link string) string {
	infos, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fdinfo", "*"))
	if err != nil {
		return ""
	}
	for _, name := range infos {
		if !holds(name, link) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(name)), "comm"))
		if err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	return ""
}

// holds says whether an open file is a TUN device of that name (tun(4)).
func holds(fdinfo, link string) bool {
	f, err := os.Open(fdinfo)
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "iff:"); ok {
			return strings.TrimSpace(name) == link
		}
	}
	return false
}
