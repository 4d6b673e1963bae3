package sense

import (
	"slices"
	"strings"
)

// vendor is a classic VPN's program, by the names of its processes (comm, of which
// the kernel keeps 15 bytes).
type vendor struct {
	name    string
	service []string // any of them connects
	// window are those that show it to its user; none: it has none of its own.
	window  []string
	devices []string // what its devices' names begin with
	// stealth: it can be set up to run without showing itself; place: to connect by
	// the network that it finds itself in.
	stealth, place bool
}

var vendors = []vendor{
	{name: "Ivanti Secure Access", service: []string{"pulsesvc", "pulsesecured", "ncsvc"}, window: []string{"pulseUI", "pulseui", "ncui"}, devices: []string{"pulse", "tun"}, stealth: true, place: true},
	{name: "Cisco Secure Client", service: []string{"vpnagentd"}, window: []string{"vpnui", "vpn"}, devices: []string{"cscotun"}, place: true},
	{name: "GlobalProtect", service: []string{"PanGPS"}, window: []string{"PanGPUI", "PanGPA", "globalprotect"}, devices: []string{"gpd"}, place: true},
	{name: "FortiClient", service: []string{"fortivpn", "forticlientsslv"}, window: []string{"fortitray", "FortiClient"}, devices: []string{"vpn", "fctvpn"}, place: true},
	{name: "F5 Access", service: []string{"svpn", "f5fpc", "f5fpc_x86_64"}, devices: []string{"tun"}},
	{name: "Zscaler", service: []string{"zstunnel", "zsaservice"}, window: []string{"ZSTray"}, devices: []string{"zcctun"}, place: true},
	{name: "Check Point", service: []string{"snx"}, devices: []string{"tunsnx"}},
	{name: "Cloudflare WARP", service: []string{"warp-svc"}, window: []string{"warp-taskbar"}, devices: []string{"CloudflareWARP"}},
	{name: "Mullvad", service: []string{"mullvad-daemon"}, devices: []string{"wg0-mullvad", "wg-mullvad"}},
	{name: "NordVPN", service: []string{"nordvpnd"}, devices: []string{"nordlynx", "nordtun"}},
	{name: "Proton VPN", service: []string{"protonvpn-app"}, devices: []string{"proton"}},
	{name: "Tailscale", service: []string{"tailscaled"}, devices: []string{"tailscale"}},
	{name: "NetBird", service: []string{"netbird"}, devices: []string{"wt"}},
	{name: "openvpn", service: []string{"openvpn"}, devices: []string{"tun", "tap", "ovpn"}},
	{name: "openconnect", service: []string{"openconnect"}, devices: []string{"tun", "vpn"}},
	{name: "vpnc", service: []string{"vpnc"}, devices: []string{"tun"}},
	{name: "openfortivpn", service: []string{"openfortivpn"}, devices: []string{"ppp"}},
	{name: "strongSwan", service: []string{"charon", "charon-systemd", "charon-nm"}, devices: []string{"ipsec", "xfrm", "vti", "nm-xfrm"}},
	{name: "xl2tpd", service: []string{"xl2tpd"}, devices: []string{"ppp"}},
	{name: "pptp", service: []string{"pptp"}, devices: []string{"ppp"}},
}

// known are all names of vendors' processes.
var known = func() map[string]bool {
	all := map[string]bool{}
	for _, v := range vendors {
		for _, name := range slices.Concat(v.service, v.window) {
			all[name] = true
		}
	}
	return all
}()

// drives says whether a device's name is as the vendor's are.
func (v vendor) drives(device string) bool {
	return slices.ContainsFunc(v.devices, func(d string) bool { return strings.HasPrefix(device, d) })
}

// vendorOf is the vendor of a process.
func vendorOf(process string) (vendor, bool) {
	comm := process[:min(len(process), 15)]
	i := slices.IndexFunc(vendors, func(v vendor) bool { return slices.Contains(v.service, comm) })
	if i < 0 {
		return vendor{}, false
	}
	return vendors[i], true
}
