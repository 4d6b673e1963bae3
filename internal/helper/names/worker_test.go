//go:build linux

package names

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/netlab"
)

// The worker writes files of the system's: what it is to write there it looks at
// itself, whatever has become of the main process.
func TestHostileDomains(t *testing.T) {
	root := t.TempDir()
	conf := filepath.Join(root, "etc/resolv.conf")
	for _, d := range []string{"etc", "run", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const original = "nameserver 192.168.7.1\n"
	if err := os.WriteFile(conf, []byte(original), 0o644); err != nil {
		t.Fatal(err)
	}
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	fds := make([]int, 2)
	for i, f := range []*os.File{ours, theirs} {
		if fds[i], err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	ours.Close()
	theirs.Close()
	main, err := newConn(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	space, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { space.Close() })
	ended := make(chan error, 1)
	go func() {
		ended <- space.Do(func() error {
			return Work(t.Context(), fds[1], Options{OS: osdns.Options{Root: root, Bus: "unix:path=" + filepath.Join(root, "no-bus")},
				Table: physical.Options{Number: 5254, Priority: 5202}, Standby: func() *exec.Cmd { return exec.Command("/bin/false") }})
		})
	}()
	m, _ := hear(t, main, hello)
	say(t, main, message{Kind: welcome, ID: m.ID})
	many := make([]string, protocol.MaxDomains+1)
	for i := range many {
		many[i] = "corp.example"
	}
	for i, domains := range [][]string{
		{"corp.example\nDNS=203.0.113.1"}, {"corp.example\x00"}, {"corp.example 203.0.113.1"}, {"."}, {""}, {"~."}, {"*.example"},
		{"corp.example", "CORP.example"}, {strings.Repeat("a", 64) + ".example"}, {"c\u00f6rp.example"}, {"../../etc/passwd"}, many,
	} {
		say(t, main, message{Kind: apply, ID: uint64(i + 1), Domains: domains})
		if m, _ := hear(t, main, done); m.Failure == "" || m.ID != uint64(i+1) {
			t.Errorf("%.60q: %+v", domains[0], m)
		}
		if b, err := os.ReadFile(conf); err != nil || string(b) != original {
			t.Errorf("%.60q: %s, %v", domains[0], b, err)
		}
	}
	main.u.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
