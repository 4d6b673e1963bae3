//go:build linux

package names

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// sane refuses what does not belong into files of the system's, whatever has become
// of the main process.
func sane(domains []string) error {
	if len(domains) > protocol.MaxDomains {
		return fmt.Errorf("%d domains are too many", len(domains))
	}
	for _, d := range domains {
		if !protocol.Domain(d) {
			return fmt.Errorf("%.80q is no domain", d)
		}
	}
	return nil
}

// saneVPN is sane for a VPN.
func saneVPN(v *osdns.VPN) error {
	if v == nil {
		return nil
	}
	uid, ok := strings.CutPrefix(v.Device, protocol.VPNPrefix)
	if !ok || uid == "" || len(v.Device) > 15 || strings.Trim(uid, "0123456789") != "" {
		return fmt.Errorf("%.80q is no VPN's device", v.Device)
	}
	if len(v.Servers) > protocol.MaxVPNServers || len(v.Domains)+len(v.Search) > 2*protocol.MaxVPNDomains {
		return fmt.Errorf("a VPN wants too much")
	}
	for _, a := range v.Servers {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
			return fmt.Errorf("a VPN's server has no address")
		}
	}
	if err := sane(v.Domains); err != nil {
		return err
	}
	return sane(v.Search)
}

// left is what the last worker had applied, as far as it is sane.
func left(o Options) osdns.Want {
	w, err := osdns.Left(o.OS)
	if err != nil {
		o.Log.Error("what was applied before is not known", "err", err)
	}
	if len(w.Domains) > 0 && (w.Server != protocol.DNSServer.Addr() || sane(w.Domains) != nil) {
		w = osdns.Want{VPN: w.VPN}
	}
	if saneVPN(w.VPN) != nil {
		w.VPN = nil
	}
	return w
}
