package sense

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sensor"
)

// programs are those of vendors that run, by the names that everybody may read, but
// for those that are known to be in another network, as a container's are.
func programs(proc string) (all []program) {
	d, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer d.Close()
	here, _ := os.Readlink(filepath.Join(proc, "thread-self/ns/net"))
	entries, _ := d.Readdirnames(-1)
	for _, e := range entries {
		pid, err := strconv.Atoi(e)
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(proc, e, "comm"))
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(string(b), "\n")
		if !known[name] || !alive(filepath.Join(proc, e, "stat")) {
			continue
		}
		if there, err := os.Readlink(filepath.Join(proc, e, "ns/net")); err != nil || there == here {
			all = append(all, program{name, pid})
		}
	}
	return ordered(all)
}

// alive says whether a process has not ended, whoever is yet to be told.
func alive(stat string) bool {
	b, err := os.ReadFile(stat)
	i := bytes.LastIndexByte(b, ')') // its name may have anything
	return err == nil && i >= 0 && i+2 < len(b) && b[i+2] != 'Z' && b[i+2] != 'X'
}

// ordered has them in the same order each time.
func ordered(all []program) []program {
	slices.SortFunc(all, func(a, b program) int { return cmp.Compare(a.pid, b.pid) })
	return all
}

// holders remembers whose devices are.
type holders struct{ found []protocol.Holder }

// of is whose programs hold the devices, of those that this user may look into.
func (h *holders) of(links []link) map[string]string {
	var devices []string
	for _, l := range links {
		if l.kind == "tun" || l.kind == "tuntap" {
			devices = append(devices, l.name)
		}
	}
	h.found = sensor.Holders("/proc", devices, h.found)
	all := map[string]string{}
	for _, f := range h.found {
		all[f.Adapter] = f.Program
	}
	return all
}
