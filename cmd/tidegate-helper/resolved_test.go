//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// Where systemd-resolved is asked, of each release there is, names of ours come
// to the client and no others, they fail when it is gone, and what becomes of the
// helper is nobody's concern.
func TestResolved(t *testing.T) {
	for _, r := range resolvedtest.Releases(t) {
		t.Run(r.Name, func(t *testing.T) {
			sys := resolvedtest.Start(t, r)
			b := layBed(t, "")
			b.root, b.bus, b.start0 = "/", sys.Bus, sys.Go
			b.start()
			t.Cleanup(func() {
				b.kill()
				if t.Failed() {
					t.Logf("the helper said: %s", b.said)
				}
			})
			expect := func(of, name, want string) {
				t.Helper()
				var got resolvedtest.Found
				var err error
				for end := time.Now().Add(wait); ; time.Sleep(50 * time.Millisecond) {
					got, err = sys.Lookup(name)
					if err == nil && (got.Rcode == want || len(got.Addrs) == 1 && got.Addrs[0].String() == want) {
						return
					}
					if time.Now().After(end) {
						t.Fatalf("%s: %s is %+v, %v; want %s", of, name, got, err, want)
					}
				}
			}
			n := 0
			all := func(of, want string) {
				t.Helper()
				n++ // resolved keeps answers
				expect(of, fmt.Sprintf("wiki%d.corp.example", n), want)
				expect(of, fmt.Sprintf("www%d.example.org", n), sys.Physical.Answer.String())
			}
			client := func() *person {
				t.Helper()
				a := b.answerer(ada)
				a.must("open")
				want := "mode=resolved-link"
				if r.Delegates {
					want = "mode=resolved-delegate"
				}
				if got := a.must("apply " + zones); !strings.Contains(got, want) {
					t.Errorf("%s, want %s", got, want)
				}
				return a
			}
			a := client()
			all("by the client", app4.String())
			if other := b.answerer(bob).say("open"); other != "busy" {
				t.Errorf("a second user: %s", other)
			}
			a.kill()
			all("when it is killed", "SERVFAIL")
			if parts := b.parts(); parts["standby"] != 0 || parts["worker"] == 0 {
				t.Errorf("the parts are %v", parts)
			}
			a = client()
			all("by the next", app4.String())
			was := b.parts()["worker"]
			syscall.Kill(was, syscall.SIGKILL)
			eventually(t, "another worker", func() bool { n := b.parts()["worker"]; return n != 0 && n != was })
			all("without the worker", app4.String())
			b.kill()
			all("without the helper", app4.String())
			b.start()
			all("with the next helper", app4.String())
			sys.Restart()
			all("when systemd-resolved is another", app4.String())
			b.kill()
			sys.StopResolved()
			b.start()
			eventually(t, "another helper's first try", func() bool { return strings.Contains(b.said.String(), "tell the system of names") })
			sys.StartResolved()
			all("when both are others", app4.String())
			a.must("drop")
			all("when it has given the sockets back", "SERVFAIL")
			a.must("open")
			a.must("apply " + zones)
			all("when it answers again", app4.String())
			if leaked := sys.Physical.Leaked("corp.example"); leaked != nil {
				t.Errorf("the network has seen %v", leaked)
			}
			a.must("close")
			all("after the end", sys.Physical.Answer.String())
			if !slices.Contains(sys.Physical.Seen(), fmt.Sprintf("wiki%d.corp.example", n)) {
				t.Error("nothing is seen at all: the sniffer is deaf")
			}
		})
	}
}
