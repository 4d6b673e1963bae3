//go:build linux

package sensor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// Holders are the programs that hold these devices (TUN), of this thread's network
// namespace, as far as this process may look into others; proc is where the kernel
// shows them. Of several that hold one it is the oldest: the others have it of that.
// last are those that were found before: as long as each device has one of them that
// still holds it, no other process is looked into.
func Holders(proc string, devices []string, last []protocol.Holder) (all []protocol.Holder) {
	if len(devices) == 0 {
		return nil
	}
	for _, d := range devices {
		i := slices.IndexFunc(last, func(h protocol.Holder) bool { return h.Adapter == d })
		if i < 0 || !slices.Contains(held(proc, strconv.Itoa(last[i].PID)), d) {
			return find(proc, devices)
		}
		all = append(all, protocol.Holder{Adapter: d, Program: program(proc, last[i].PID), PID: last[i].PID})
	}
	return all
}

// find looks into all processes.
func find(proc string, devices []string) (all []protocol.Holder) {
	d, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	here, _ := os.Readlink(filepath.Join(proc, "thread-self/ns/net"))
	since := map[string]uint64{}
	of := map[string]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		has := held(proc, name)
		if len(has) == 0 {
			continue
		}
		if there, err := os.Readlink(filepath.Join(proc, name, "ns/net")); err != nil || there != here {
			continue // a container's device, of the same name
		}
		b, _ := os.ReadFile(filepath.Join(proc, name, "stat"))
		began := started(b)
		for _, a := range has {
			if _, ok := of[a]; slices.Contains(devices, a) && (!ok || began < since[a] || began == since[a] && pid < of[a]) {
				of[a], since[a] = pid, began
			}
		}
	}
	for _, a := range devices {
		if pid, ok := of[a]; ok && len(all) < protocol.MaxHolders {
			all = append(all, protocol.Holder{Adapter: a, Program: program(proc, pid), PID: pid})
		}
	}
	return all
}

// held are the devices that a process holds.
func held(proc, pid string) (all []string) {
	dir := filepath.Join(proc, pid, "fdinfo")
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if a := attached(read(filepath.Join(dir, name))); a != "" {
			all = append(all, a)
		}
	}
	return all
}

// read is the beginning of a file of the kernel's: some, such as inotify's, are long.
func read(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, 1024)
	n, err := f.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return b[:n]
}

// attached is the device of a descriptor of /dev/net/tun, from what fdinfo says of it;
// empty: it is of something else, or of none yet.
func attached(fdinfo []byte) string {
	for line := range bytes.Lines(fdinfo) {
		rest, ok := bytes.CutPrefix(line, []byte("iff:"))
		if !ok {
			continue
		}
		name := string(bytes.TrimSpace(rest))
		if name == "" || len(name) > 15 || strings.ContainsAny(name, "/ \t\x00") || strings.ToValidUTF8(name, "") != name {
			return ""
		}
		return name
	}
	return ""
}

// started is when a process was, by its stat, in ticks since the boot.
func started(stat []byte) uint64 {
	i := bytes.LastIndexByte(stat, ')') // its name may have anything
	f := bytes.Fields(stat[i+1:])
	if i < 0 || len(f) < 20 {
		return 1<<64 - 1
	}
	n, err := strconv.ParseUint(string(f[19]), 10, 64)
	if err != nil {
		return 1<<64 - 1
	}
	return n
}

// program is the name of a process's program, or what it calls itself where that is not
// to be seen.
func program(proc string, pid int) string {
	at := filepath.Join(proc, strconv.Itoa(pid))
	s, err := os.Readlink(filepath.Join(at, "exe"))
	if err != nil {
		b, _ := os.ReadFile(filepath.Join(at, "comm"))
		s = string(bytes.TrimSpace(b))
	}
	s = strings.TrimSuffix(s, " (deleted)") // it was updated
	if s != "" {
		s = filepath.Base(s)
	}
	return strings.ToValidUTF8(s[:min(len(s), mostName)], "")
}

// mostName is how many bytes are told of a program.
const mostName = 255
