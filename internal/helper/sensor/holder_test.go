//go:build linux

package sensor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// A device is the oldest process's that holds it, by the name of the program that this
// executes now, and nothing is told of where that lies.
func TestHolders(t *testing.T) {
	proc := t.TempDir()
	link := func(to, at string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(filepath.Join(proc, at)), 0o755)
		os.Remove(filepath.Join(proc, at))
		if err := os.Symlink(to, filepath.Join(proc, at)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(text, at string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(filepath.Join(proc, at)), 0o755)
		if err := os.WriteFile(filepath.Join(proc, at), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	process := func(pid, exe, began, network, device string) {
		link(exe, pid+"/exe")
		link(network, pid+"/ns/net")
		write(pid+" (a b) c) S"+" 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "+began, pid+"/stat")
		write("pos:\t0\nflags:\t02\niff:\t"+device+"\n", pid+"/fdinfo/3")
	}
	link("net:[1]", "thread-self/ns/net")
	process("40", "/home/ada/secret/starter", "500", "net:[1]", "tun0")
	process("30", "/usr/bin/child", "900", "net:[1]", "tun0")
	process("20", "/usr/bin/container", "100", "net:[2]", "tun0")
	var last []protocol.Holder
	expect := func(want ...protocol.Holder) {
		t.Helper()
		if last = Holders(proc, []string{"tun0"}, last); !slices.Equal(last, want) {
			t.Errorf("%+v, want %+v", last, want)
		}
	}
	expect(protocol.Holder{Adapter: "tun0", Program: "starter", PID: 40})
	link("/usr/sbin/openconnect (deleted)", "40/exe") // it executes another
	expect(protocol.Holder{Adapter: "tun0", Program: "openconnect", PID: 40})
	write("pos:\t0\n", "40/fdinfo/3")
	expect(protocol.Holder{Adapter: "tun0", Program: "child", PID: 30})
	write("pos:\t0\n", "30/fdinfo/3")
	expect()
}
