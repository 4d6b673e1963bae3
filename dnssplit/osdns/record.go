package osdns

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ourRecord is the name of what we give to resolvconf: one of the loopback
// interface, which both programs of that name put first.
const ourRecord = "lo.tidegate"

// vpnRecord is the name of what we give to it of a VPN of ours: one of a VPN's
// interface, which both put before those of the network.
func vpnRecord(device string) string { return vpnRecordHead + device + vpnRecordTail }

const (
	vpnRecordHead = "vpn." + vpnDevices
	vpnRecordTail = ".tidegate"
)

// isOurs says whether a record is one of those two.
func isOurs(name string) bool {
	return name == ourRecord || strings.HasPrefix(name, vpnRecordHead) && strings.HasSuffix(name, vpnRecordTail)
}

// vpnText is the record of a VPN.
func vpnText(v *VPN) string {
	var b strings.Builder
	for _, a := range v.Servers {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	if len(v.Search) > 0 {
		b.WriteString("search " + strings.Join(v.Search, " ") + "\n")
	}
	return b.String()
}

// ourRecords are the names of those of ours that lie in folders.
func ourRecords(o Options) (names []string) {
	for _, r := range recordsAt(o) {
		if isOurs(r.name) && !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return names
}

// recordFolders are where the records lie: Debian's, and openresolv's before 3.14
// and since.
var recordFolders = []string{"/run/resolvconf/interface", "/run/resolvconf/interfaces", "/run/resolvconf/keys"}

// recordFiles are the places of a record.
func recordFiles(name string) []string {
	var all []string
	for _, dir := range recordFolders {
		all = append(all, dir+"/"+name)
	}
	return all
}

// record is what one writer wants.
type record struct {
	name, text string
	conf       conf
}

// parseRecords reads what both programs list.
func parseRecords(out []byte) []record {
	var all []record
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "# resolv.conf from "); ok {
			all = append(all, record{name: strings.TrimSpace(name)})
		} else if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	for i := range all {
		all[i].conf = parseConf([]byte(all[i].text))
	}
	return all
}

// isLocal says whether a record of somebody else's is of a name server on this
// machine, as dnsmasq's: it stands before all others, and asks those.
func isLocal(r record) bool {
	return !isOurs(r.name) && slices.ContainsFunc(r.conf.Servers, netip.Addr.IsLoopback)
}

// recordsAt are those that lie in folders, in no order.
func recordsAt(o Options) []record {
	var all []record
	for _, pattern := range recordFiles("*") {
		names, _ := filepath.Glob(o.path(pattern)) // errors are of the pattern
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil { // it may be just removed
				all = append(all, record{filepath.Base(name), string(text), parseConf(text)})
			}
		}
	}
	return all
}
