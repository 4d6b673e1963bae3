//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// parts are the helper's processes by what they are.
func (b *bed) parts() map[string]int {
	all := map[string]int{}
	pids := []int{b.cmd.Process.Pid}
	for len(pids) > 0 {
		pid := pids[0]
		pids = pids[1:]
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		f := strings.Split(string(line), "\x00")
		name := "main"
		if i := slices.Index(f, "-part"); i >= 0 {
			name = f[i+1]
		}
		all[name] = pid
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, t := range tasks {
			text, _ := os.ReadFile(t)
			for _, c := range strings.Fields(string(text)) {
				n, _ := strconv.Atoi(c)
				pids = append(pids, n)
			}
		}
	}
	return all
}

// The helper and its parts may go at any time, and come again.
func TestPartsAreKilled(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	t.Run("the worker", func(t *testing.T) {
		was := m.parts()["worker"]
		if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m.write(original) // as somebody may meanwhile
		eventually(t, "another worker", func() bool { n := m.parts()["worker"]; return n != 0 && n != was })
		eventually(t, "that it applies it again", m.ours)
		m.expect("all the while", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("apply " + zones)
	})
	t.Run("the helper", func(t *testing.T) {
		m.kill()
		m.expect("without a helper", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("lost")
		eventually(t, "the end of the parts", func() bool { return len(m.parts()) == 1 })
		m.start()
		m.expect("with the next helper", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("drop")
		a.must("open")
		a.must("apply " + zones)
		m.expect("with another lease", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
	})
	t.Run("the standby", func(t *testing.T) {
		a.kill()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
		was := m.parts()["standby"]
		if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another standby", func() bool { n := m.parts()["standby"]; return n != 0 && n != was })
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the worker beside the standby", func(t *testing.T) {
		syscall.Kill(m.parts()["worker"], syscall.SIGKILL)
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the worker's keeper", func(t *testing.T) {
		syscall.Kill(m.parts()["names"], syscall.SIGKILL)
		if err := m.cmd.Wait(); err == nil { // systemd starts it again
			t.Error("the helper ends well")
		}
		m.start()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the helper beside the standby", func(t *testing.T) {
		m.kill()
		m.start()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the helper is stopped", func(t *testing.T) {
		m.cmd.Process.Signal(syscall.SIGTERM)
		m.cmd.Wait()
		if m.conf() != original {
			t.Errorf("nobody answers, and all names come to us: %s", m.conf())
		}
		m.start()
		m.expect("with the next helper", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
		eventually(t, "that the system asks us", m.ours)
	})
	if got := m.run(ada, "close", ""); got != "ok" || m.conf() != original {
		t.Errorf("close: %s\n%s", got, m.conf())
	}
	if names := m.leaked(); names != nil {
		t.Errorf("the network's server was asked for %v", names)
	}
}

// Without a helper the journal is undone, at the boot or by hand.
func TestPutBackLater(t *testing.T) {
	for _, how := range []string{"-recover", "-undo", "the next start"} {
		t.Run(how, func(t *testing.T) {
			m := newMachine(t, "")
			a := m.answerer(ada)
			a.must("open")
			a.must("apply " + zones)
			m.kill()
			a.kill()
			if !m.ours() {
				t.Fatal(m.conf())
			}
			if how != "-undo" { // the machine is started anew: its /run is empty
				if out, err := m.one("-recover"); err != nil || !m.ours() {
					t.Errorf("while the helper is only away: %v: %s\n%s", err, out, m.conf())
				}
				if err := os.RemoveAll(filepath.Join(m.dir, "journal")); err != nil {
					t.Fatal(err)
				}
			}
			if how == "the next start" {
				m.start()
				eventually(t, "what was", func() bool { return m.conf() == original })
				return
			}
			if out, err := m.one(how); err != nil || m.conf() != original {
				t.Errorf("%v: %s\n%s", err, out, m.conf())
			}
			if out, err := m.one(how); err != nil || m.conf() != original {
				t.Errorf("again: %v: %s\n%s", err, out, m.conf())
			}
			if left := m.ip("rule"); how == "-undo" && strings.Contains(left, "5202") {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// of is what the kernel says of a part.
func (b *bed) of(part, key string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.parts()[part]))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// Each process has what its part takes.
func TestPartsHaveLittle(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	a.kill()
	m.expect("in its place", "wiki.corp.example", "SERVFAIL")
	const none, netAdmin, wide, sees, keeps = "0000000000000000", "0000000000001000", "00000000000014eb", "0000000000081000", "00000000000811c0"
	eventually(t, "the sensor", func() bool { return m.parts()[looks] != 0 && m.of(looks, "Seccomp_filters") == "2" })
	for part, want := range map[string]map[string]string{
		"main":    {"CapEff": netAdmin, "CapPrm": netAdmin, "CapBnd": netAdmin, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		"names":   {"CapEff": wide, "CapPrm": wide, "CapBnd": wide, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		"worker":  {"CapEff": wide, "CapPrm": wide, "CapBnd": wide, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		sensing:   {"CapEff": keeps, "CapPrm": keeps, "CapBnd": keeps, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		looks:     {"CapEff": sees, "CapPrm": sees, "CapBnd": sees, "CapAmb": sees, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "2", "Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": ""},
		"standby": {"CapEff": none, "CapPrm": none, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "2", "Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": ""},
	} {
		pid := m.parts()[part]
		if pid == 0 {
			t.Errorf("there is no %s: %v", part, m.parts())
			continue
		}
		for key, w := range want {
			if said := m.of(part, key); said != w {
				t.Errorf("%s: %s is %s, want %s", part, key, said, w)
			}
		}
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", m.parts()["standby"]))
	if err != nil || len(env) > 0 {
		t.Errorf("the standby has the environment %q, %v", env, err)
	}
}

// The package is removed with a file that nobody can read.
func TestUndoWithoutAList(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	m.kill()
	a.kill()
	if err := os.WriteFile(m.config, []byte("prefixes = ["), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := m.one("-undo"); err == nil || !strings.Contains(out, "helper.toml") || m.conf() != original {
		t.Errorf("%v: %s\n%s", err, out, m.conf())
	}
}

// No process has another's descriptors.
func TestPartsInherit(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	a.kill()
	m.expect("in its place", "wiki.corp.example", "SERVFAIL")
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", m.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // number, references, protocol, flags, type, state, inode, path
		switch {
		case len(f) > 7 && f[7] == m.socket && f[3] == "00010000": // listens
			kinds["socket:["+f[6]+"]"] = "the clients' socket"
		case len(f) > 6 && f[4] == "0005":
			kinds["socket:["+f[6]+"]"] = "the link"
		}
	}
	for part, want := range map[string]string{"main": "the clients' socket, the link", "names": "the link", "worker": "the link", "standby": "", sensing: "the link", looks: "the link"} {
		var has []string
		pairs := map[string]bool{}
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", m.parts()[part]))
		if err != nil || len(fds) < 3 {
			t.Fatalf("%s has %v, %v", part, fds, err)
		}
		for _, fd := range fds {
			to, _ := os.Readlink(fd)
			if kind := kinds[to]; kind != "" && !slices.Contains(has, kind) {
				has = append(has, kind)
			}
			pairs[to] = kinds[to] == "the link"
		}
		slices.Sort(has)
		if got := strings.Join(has, ", "); got != want {
			t.Errorf("%s has %q, want %q", part, got, want)
		}
		ends := 0
		for _, link := range pairs {
			if link {
				ends++
			}
		}
		if most := map[string]int{"main": 2}[part]; ends > max(most, 1) {
			t.Errorf("%s has the ends of %d links", part, ends)
		}
	}
}
