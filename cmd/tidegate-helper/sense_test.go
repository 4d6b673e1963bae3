//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// beHearer prints what the helper tells.
func beHearer(h client.Helper, _ string) {
	s, err := h.Sense(context.Background())
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	for {
		now, err := s.Next(context.Background())
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		b, _ := json.Marshal(now)
		fmt.Println(string(b))
	}
}

// beHolder holds a TUN, as a VPN's program does, until it is killed.
func beHolder(_ client.Helper, name string) {
	f, err := attach(name)
	fmt.Println(code(err))
	time.Sleep(time.Hour)
	runtime.KeepAlive(f)
}

// hearer hears what the helper tells a user.
type hearer struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	now protocol.Sensed
	end string
}

func (b *bed) hear(uid int) *hearer {
	b.t.Helper()
	h := &hearer{cmd: b.command(uid, "sense", "")}
	out, err := h.cmd.StdoutPipe()
	if err == nil {
		err = b.start0(h.cmd)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, protocol.MaxMessage*2)
		for lines.Scan() {
			h.mu.Lock()
			if err := json.Unmarshal(lines.Bytes(), &h.now); err != nil {
				h.end = lines.Text()
			} else {
				var fresh protocol.Sensed
				json.Unmarshal(lines.Bytes(), &fresh)
				h.now = fresh
			}
			h.mu.Unlock()
		}
	}()
	b.t.Cleanup(func() {
		h.cmd.Process.Kill()
		<-done
		h.cmd.Wait()
	})
	return h
}

func (h *hearer) tells(f func(protocol.Sensed) bool) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return f(h.now)
	}
}

func (h *hearer) ended() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end
}

func ip(t *testing.T, arg ...string) {
	t.Helper()
	if out, err := exec.Command("ip", arg...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(arg, " "), err, out)
	}
}

// What a firewall drops, and who holds a device, is told while it is so.
func TestSense(t *testing.T) {
	b := newBed(t, "")
	h := b.hear(ada)
	lock := func() {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader("table inet lock {\nchain out {\ntype filter hook output priority filter; policy drop;\noifname { lo, tun9 } accept\n}\n}\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v: %s", err, out)
		}
	}
	unlock := func() { exec.Command("nft", "delete", "table", "inet", "lock").Run() }
	t.Cleanup(unlock)
	locked := h.tells(func(s protocol.Sensed) bool {
		return len(s.Filters) == 1 && s.Filters[0].Table == "lock" && s.Filters[0].Chain == "out" && s.Filters[0].Family == "inet" && s.Filters[0].Through == nil
	})
	free := h.tells(func(s protocol.Sensed) bool { return s.Filters == nil })
	lock()
	eventually(t, "the filter", locked)
	unlock()
	eventually(t, "its end", free)
	lock()
	eventually(t, "the filter", locked)
	hold := b.command(eve, "hold", "tun9")
	hold.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{unix.CAP_NET_ADMIN}, Credential: &syscall.Credential{Uid: eve, Gid: eve}}
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Process.Kill(); hold.Wait() })
	self, _ := os.Readlink("/proc/self/exe")
	eventually(t, "the holder", h.tells(func(s protocol.Sensed) bool {
		return len(s.Holders) == 1 && s.Holders[0] == protocol.Holder{Adapter: "tun9", Program: filepath.Base(self)} // no more of who it is
	}))
	ip(t, "link", "set", "tun9", "up")
	eventually(t, "the way out", h.tells(func(s protocol.Sensed) bool {
		return len(s.Filters) == 1 && slices.Equal(s.Filters[0].Through, []string{"tun9"})
	}))
	was := b.parts()[looks]
	syscall.Kill(was, syscall.SIGKILL)
	eventually(t, "another sensor", func() bool { n := b.parts()[looks]; return n != 0 && n != was })
	unlock()
	eventually(t, "its end, by the next sensor", free)
	hold.Process.Kill()
	hold.Wait()
	eventually(t, "that nobody holds a device", h.tells(func(s protocol.Sensed) bool { return s.Holders == nil }))
	b.kill()
	eventually(t, "the end of it", func() bool { return strings.HasPrefix(h.ended(), "ended: ") })
	b.start()
	if got := b.run(eve, "sense", ""); !strings.Contains(got, "you may not use the helper") {
		t.Errorf("a stranger is told %q", got)
	}
}

// A route that others take away is put back three times, and told.
func TestTakenAway(t *testing.T) {
	b := newBed(t, "")
	h := b.hear(ada)
	u := b.client(ada)
	const routes = "100.96.0.0/16 fd54:6964:6567::/48"
	if got := u.say(routes); got != "ok" {
		t.Fatal(got)
	}
	to := netip.MustParsePrefix("100.96.0.0/16")
	there := func() bool {
		out, _ := exec.Command("ip", "route", "show", "table", "all", to.String(), "dev", u.name).CombinedOutput()
		return strings.Contains(string(out), to.String())
	}
	told := func(want ...protocol.Taken) func() bool {
		return h.tells(func(s protocol.Sensed) bool { return slices.Equal(s.Taken, want) })
	}
	table := func() string {
		out, _ := exec.Command("ip", "route", "show", "table", "all", to.String(), "dev", u.name).CombinedOutput()
		f := strings.Fields(string(out))
		return f[slices.Index(f, "table")+1]
	}()
	for n := 1; n <= protocol.MaxPutBack; n++ {
		ip(t, "route", "del", to.String(), "dev", u.name, "table", table)
		eventually(t, "that it is put back", func() bool { return there() && told(protocol.Taken{Route: to, Times: n})() })
	}
	ip(t, "route", "del", to.String(), "dev", u.name, "table", table)
	eventually(t, "that it is gone", told(protocol.Taken{Route: to, Times: protocol.MaxPutBack + 1, Gone: true}))
	if there() {
		t.Error("it is put back once more")
	}
	other := b.hear(bob)
	eventually(t, "that bob hears anything", other.tells(func(s protocol.Sensed) bool { return s.Holders != nil }))
	if !other.tells(func(s protocol.Sensed) bool { return s.Taken == nil })() {
		t.Error("bob is told what was taken away of ada's")
	}
	if got := u.say(routes); got != "ok" || !there() {
		t.Errorf("anew: %s", got)
	}
	eventually(t, "that it is over", told())
	for _, r := range rules(t) {
		if strings.Contains(r, to.String()) && strings.Contains(r, "uidrange") && strings.HasPrefix(r, "5200:") {
			ip(t, "rule", "del", "priority", "5200", "to", to.String(), "uidrange", fmt.Sprintf("%d-%d", ada, ada), "table", table)
			break
		}
	}
	eventually(t, "that the rule is put back", func() bool {
		return told(protocol.Taken{Route: to, Rule: true, Times: 1})() && slices.ContainsFunc(rules(t), func(r string) bool {
			return strings.Contains(r, to.String()) && strings.Contains(r, "uidrange") && strings.HasPrefix(r, "5200:")
		})
	})
	// What is behind the routes, for when there is no device.
	behind := func() bool {
		out, _ := exec.Command("ip", "route", "show", "type", "unreachable", to.String()).CombinedOutput()
		return strings.Contains(string(out), "metric")
	}
	ip(t, "route", "del", "unreachable", to.String())
	eventually(t, "that what is behind it is put back", func() bool {
		return behind() && h.tells(func(s protocol.Sensed) bool {
			return slices.Contains(s.Taken, protocol.Taken{Route: to, Guard: true, Times: 1})
		})()
	})
	if got := b.run(ada, "close", ""); got != "ok" {
		t.Error(got)
	}
	eventually(t, "that there is nothing to tell any more", told())
}
