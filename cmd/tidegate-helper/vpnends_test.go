//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A device that goes under a client's hands is the end of its VPN, and it may have
// another.
func TestDeviceGoes(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	for _, how := range []string{"removed", "let go by the user"} {
		a.must("open")
		a.must("attach tidev61001")
		a.must("apply " + fullVPN)
		if how == "removed" {
			m.ip("link", "del", "tidev61001")
		} else {
			a.must("loose")
		}
		a.must("lost")
		m.as(was, how)
	}
}

// Who gives up while the device is made may ask for it anew at once.
func TestVPNGivenUp(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	for n := range 50 {
		a.must(fmt.Sprintf("give up %d", n*120))
		if got := a.say("open"); got != "ok tidev61001" {
			t.Fatalf("after %d microseconds: %s", n*120, got)
		}
		a.must("end")
	}
	m.as(was, "in the end")
}

// Two users who take turns as fast as they can, and somebody who removes devices,
// leave nothing.
func TestVPNsInHaste(t *testing.T) {
	m := newMachine(t, "")
	m.others()
	was := m.state()
	var all sync.WaitGroup
	stop, had := make(chan struct{}), make([]int, 2)
	for n, uid := range []int{ada, bob} {
		u := m.vpn(uid)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if fmt.Fprintln(u.in, "open"); !u.out.Scan() || !strings.HasPrefix(u.out.Text(), "ok") {
					continue
				}
				for _, line := range []string{"apply " + fullVPN, "apply " + splitVPN, "end"} {
					fmt.Fprintln(u.in, line)
					u.out.Scan()
				}
				had[n]++
			}
		})
	}
	for range 60 {
		for _, name := range []string{"tidev61001", "tidev61002"} {
			m.space.Do(func() error { return exec.Command("ip", "link", "del", name).Run() })
		}
		time.Sleep(100 * time.Millisecond)
	}
	close(stop)
	all.Wait()
	if had[0] == 0 || had[1] == 0 {
		t.Errorf("they had their turns %v times", had)
	}
	t.Logf("they had their turns %v times", had)
	m.as(was, "in the end")
	a := m.vpn(ada)
	a.must("open")
	a.must("apply " + fullVPN)
}

// The helper may end at any moment: -undo leaves nothing of ours, and nothing else is
// touched.
func TestVPNUndone(t *testing.T) {
	m := newMachine(t, "")
	m.others()
	was := m.state()
	for n := range 12 {
		a := m.vpn(ada)
		a.must("open")
		if n%3 == 2 { // from the one to the other
			a.must("apply " + splitVPN)
		}
		if n%4 > 0 {
			fmt.Fprintln(a.in, "apply "+fullVPN)
			time.Sleep(time.Duration(n) * 3 * time.Millisecond) // wherever that is
		}
		m.kill()
		a.kill()
		out, err := m.one("-undo")
		if err != nil {
			t.Fatalf("-undo: %v: %s", err, out)
		}
		m.as(was, fmt.Sprintf("after -undo, %d", n))
		m.start()
	}
}

// -undo needs no list for what there is without a word in it.
func TestVPNUndoneWithoutAList(t *testing.T) {
	m := newMachine(t, "")
	m.others()
	was := m.state()
	list, err := os.ReadFile(m.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"prefixes = [", ""} {
		a, z := m.vpn(ada), m.client(bob)
		if got := z.say(pool4.String() + " " + pool6.String()); got != "ok" {
			t.Fatal(got)
		}
		a.must("open")
		a.must("apply " + fullVPN)
		m.kill()
		a.kill()
		z.kill()
		if err := os.WriteFile(m.config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := m.one("-undo"); err == nil || !strings.Contains(out, "helper.toml") {
			t.Errorf("-undo says nothing of the list: %v: %s", err, out)
		}
		m.as(was, "after -undo")
		if err := os.WriteFile(m.config, list, 0o644); err != nil {
			t.Fatal(err)
		}
		m.start()
	}
	t.Run("other numbers", func(t *testing.T) {
		m := newMachine(t, "priority = 6200\n")
		m.others()
		a := m.vpn(ada)
		a.must("open")
		a.must("apply " + fullVPN)
		m.has("rule", "6205:")
		m.kill()
		a.kill()
		if err := os.Remove(m.config); err != nil {
			t.Fatal(err)
		}
		if out, err := m.one("-undo"); err == nil {
			t.Errorf("-undo says nothing: %s", out)
		}
		m.has("rule", "5203:; 6000:; no 6203:; no 6204:; no 6205:")
		m.has("link", "no tidev61001")
	})
}

// The next helper undoes what nobody takes over.
func TestVPNIsLeft(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	a.must("apply " + fullVPN)
	m.kill()
	a.kill()
	m.has("route", "128.0.0.0/1 dev tidev61001")
	m.start()
	if got := m.vpn(bob).say("open"); got != "busy" {
		t.Errorf("another user, before it is known whose it is: %s", got)
	}
	m.as(was, "after a while")
	m.free(bob)
}

// A client that outlives the helper has its VPN from the next one, and nothing of it
// was gone.
func TestVPNIsTakenOver(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	a.must("attach tidev61001")
	a.must("apply " + fullVPN)
	up := m.state()
	var news bytes.Buffer
	monitor := exec.Command("ip", "monitor", "link", "address", "route", "rule")
	monitor.Stdout = &news
	if err := m.space.Start(monitor); err != nil {
		t.Fatal(err)
	}
	defer func() {
		monitor.Process.Kill()
		monitor.Wait()
	}()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		m.cmd.Process.Signal(signal)
		m.cmd.Wait()
		a.must("lost")
		m.start()
		if got := a.must("open"); got != "ok tidev61001" {
			t.Error(got)
		}
		a.must("apply " + fullVPN)
		m.as(up, "after "+signal.String())
		if got := m.run(eve, "send", "203.0.113.200"); got != "echo" {
			t.Errorf("into the VPN: %s", got)
		}
	}
	time.Sleep(12 * time.Second) // longer than nobody's is kept
	m.as(up, "after a while")
	monitor.Process.Signal(syscall.SIGINT)
	monitor.Wait()
	for line := range strings.Lines(news.String()) {
		if strings.Contains(line, "Deleted") && (strings.Contains(line, "tidev61001") || strings.Contains(line, "520")) {
			t.Errorf("meanwhile: %s", line)
		}
	}
	a.must("end")
	m.as(was, "in the end")
}

// What a damaged journal says is not done; what is known without it is undone.
func TestVPNsJournalIsDamaged(t *testing.T) {
	m := newMachine(t, "")
	m.others()
	was := m.state()
	for _, text := range []string{"", "{", `{"uid":61001,"name":"phys0","index":2}`, `{"uid":61002,"name":"tidev61001","index":2}`, `{"uid":61001,"name":"tidev61001","index":-1}`} {
		a := m.vpn(ada)
		a.must("open")
		a.must("apply " + fullVPN)
		m.kill()
		a.kill()
		if err := os.WriteFile(filepath.Join(m.dir, "journal", "vpn"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := m.one("-undo")
		if err != nil {
			t.Fatalf("-undo: %v: %s", err, out)
		}
		m.as(was, "after "+text)
		m.start()
	}
}

// Names that cannot be taken back at a VPN's end are taken back later, and nobody has a
// VPN until then.
func TestVPNsNamesAreStuck(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	if got := a.must("apply " + fullVPN); !strings.HasPrefix(got, "ok mode=direct") {
		t.Fatal(got)
	}
	away := m.path() + ".away"
	if err := errors.Join(os.Rename(m.path(), away), os.MkdirAll(filepath.Join(m.path(), "x"), 0o755)); err != nil {
		t.Fatal(err)
	}
	a.must("end")
	for range 3 {
		if got := m.vpn(bob).say("open"); got != "busy" {
			t.Errorf("another user meanwhile: %s", got)
		}
	}
	m.has("link", "no tidev61001") // what is known by its device has gone all the same
	if err := errors.Join(os.RemoveAll(m.path()), os.Rename(away, m.path())); err != nil {
		t.Fatal(err)
	}
	m.as(was, "once they can be taken back")
	m.free(bob)
}

// free waits until a user may have a VPN: that the last one's is done with is noted
// a moment after the machine is as it was.
func (m *machine) free(uid int) {
	m.t.Helper()
	b := m.vpn(uid)
	got := b.say("open")
	for end := time.Now().Add(wait); got == "busy" && time.Now().Before(end); got = b.say("open") {
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.HasPrefix(got, "ok ") {
		m.t.Fatalf("a user may have no VPN: %s", got)
	}
}
