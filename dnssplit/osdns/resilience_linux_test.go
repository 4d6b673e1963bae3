package osdns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// What somebody does to our link, for which systemd-resolved would not ask us any
// more or not believe us, is told and put right, also on a machine whose links
// change all the time.
func TestLinkIsTouched(t *testing.T) {
	for _, r := range resolvedtest.Releases(t) {
		for name, touch := range map[string]func(*seat) error{
			"it is taken down": func(s *seat) error { return exec.Command("ip", "link", "set", linkName(0), "down").Run() },
			"its other end is taken down": func(s *seat) error {
				if exec.Command("ip", "link", "show", linkName(0)+"p").Run() != nil {
					return nil // a dummy link, which has none
				}
				return exec.Command("ip", "link", "set", linkName(0)+"p", "down").Run()
			},
			"it is to validate":    func(s *seat) error { return s.setLink("SetLinkDNSSEC", "yes") },
			"it is to encrypt":     func(s *seat) error { return s.setLink("SetLinkDNSOverTLS", "yes") },
			"it is for all names":  func(s *seat) error { return s.setLink("SetLinkDefaultRoute", true) },
			"it is for chatter":    func(s *seat) error { return s.setLink("SetLinkLLMNR", "yes") },
			"it is to be reverted": func(s *seat) error { return s.setLink("RevertLink") },
		} {
			t.Run(r.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := sit(t, r, ModeLink)
				s.apply(s.want(zone))
				before, now := s.linkSays(), ""
				stop := s.watch(s.want(zone))
				quiet := s.noise()
				if err := s.Do(func() error { return touch(s) }); err != nil {
					t.Fatal(err)
				}
				s.eventually("it to be put right", func() bool {
					now = s.linkSays()
					return now == before
				})
				quiet()
				s.answers("wiki."+zone, ours)
				stop()
			})
		}
	}
}

// setLink has systemd-resolved do something to our first link.
func (s *seat) setLink(method string, arg ...any) error {
	r, err := dialResolve1(s.t.Context(), s.o)
	if err != nil {
		return err
	}
	defer r.close()
	ours, err := ourLinks()
	if err != nil {
		return err
	}
	return r.manage(s.t.Context(), method, append([]any{int32(ours[linkName(0)])}, arg...)...)
}

// linkSays is how our links are.
func (s *seat) linkSays() (says string) {
	s.t.Helper()
	err := s.Do(func() error {
		r, err := dialResolve1(s.t.Context(), s.o)
		if err != nil {
			return err
		}
		defer r.close()
		claims, err := r.picture(s.t.Context())
		says = claims + (&ownLink{s.o}).state(s.t.Context(), r)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return says
}

// noise has the machine's links change more often than anybody can look, until
// quiet is called.
func (s *seat) noise() (quiet func()) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Do(func() error {
			for {
				for _, does := range []string{"add", "del"} {
					if err := exec.Command("ip", "address", does, "127.9.9.9/32", "dev", "lo").Run(); err != nil {
						return err
					}
				}
				select {
				case <-stop:
					return nil
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}()
	return func() {
		s.t.Helper()
		close(stop)
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

// A bus that takes connections and says nothing holds nobody up.
func TestBusThatHangs(t *testing.T) {
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := Options{Root: t.TempDir(), Bus: "unix:path=" + l.Addr().String()}
	for name, call := range map[string]func(context.Context) error{
		"observe": func(ctx context.Context) error { _, err := Observe(ctx, o); return err },
		"asked":   func(ctx context.Context) error { _, err := Asked(ctx, o, server); return err },
		"apply": func(ctx context.Context) error {
			_, err := (&delegate{o}).Apply(ctx, Want{Server: server, Domains: []string{zone}})
			return err
		},
		"watch": func(ctx context.Context) error { return (&delegate{o}).Watch(ctx, func() {}) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		select {
		case err := <-done:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(resolvedtest.Patience):
			t.Errorf("%s: it hangs", name)
		}
		cancel()
	}
}

// A systemd-resolved that was masked or disabled since has forgotten all: that is
// no reason to keep the journal, which would stand in every other mode's way.
func TestUndoWhenItCannotBeStarted(t *testing.T) {
	releases := resolvedtest.Releases(t)
	s := sit(t, releases[len(releases)-1], ModeDelegate)
	for _, left := range []string{"files", "journal"} {
		if err := (&journal{Mode: ModeDelegate}).write(s.o); err != nil {
			t.Fatal(err)
		}
		if left == "files" {
			if err := (&delegate{s.o}).write(delegateName(0), delegateText(server, []string{zone})); err != nil {
				t.Fatal(err)
			}
		}
		o := s.o
		o.Bus = s.barrenBus()
		if err := s.Do(func() error { return Undo(t.Context(), o) }); err != nil {
			t.Errorf("with %s left: %v", left, err)
		}
		if j, err := peekJournal(o); j != nil || err != nil {
			t.Errorf("with %s left the journal is %+v, %v", left, j, err)
		}
	}
}

// barrenBus is a bus that knows of systemd-resolved, and starts it in vain.
func (s *seat) barrenBus() string {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.o.path("/run"), "bus")
	if err != nil {
		s.t.Fatal(err)
	}
	address := "unix:path=" + filepath.Join(dir, "bus")
	for name, text := range map[string]string{
		"bus.conf": `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>` + address + `</listen><servicedir>` + dir + `</servicedir>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`,
		resolve1Name + ".service": "[D-BUS Service]\nName=" + resolve1Name + "\nExec=/bin/false\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	c := s.Command(s.t.Context(), "dbus-daemon", "--config-file="+filepath.Join(dir, "bus.conf"), "--nofork", "--nopidfile")
	if err := s.Go(c); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	s.eventually("the bus to listen", func() bool {
		bus, err := dbus.Connect(address)
		if err == nil {
			bus.Close()
		}
		return err == nil
	})
	return address
}

// Links that come and go while ours are listed are no reason to fail.
func TestLinksAreListedAmongOthers(t *testing.T) {
	s := sit(t, resolvedtest.Releases(t)[0], ModeLink)
	s.apply(s.want(zone))
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Do(func() error {
			for {
				for _, c := range [][]string{{"link", "add", "other0", "type", "veth"}, {"link", "del", "other0"}} {
					if err := exec.Command("ip", c...).Run(); err != nil {
						return err
					}
				}
				select {
				case <-stop:
					return nil
				default:
				}
			}
		})
	}()
	err := s.Do(func() error {
		for range 3000 {
			ours, err := ourLinks()
			if err != nil {
				return err
			}
			if diff := cmp.Diff([]string{linkName(0)}, slices.Sorted(maps.Keys(ours))); diff != "" {
				return errors.New(diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Who has systemd-networkd manage every link is told what to do.
func TestLinkIsManaged(t *testing.T) {
	for _, r := range resolvedtest.Releases(t) {
		s := sit(t, r, ModeLink)
		s.apply(s.want(zone))
		var index int
		err := s.Do(func() error {
			ours, err := ourLinks()
			index = ours[linkName(0)]
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		state := s.o.path(fmt.Sprintf("/run/systemd/netif/links/%d", index))
		if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(state, []byte("ADMIN_STATE=configured\nOPER_STATE=routable\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Restart() // it finds the file
		s.eventually(r.Name+" to refuse", func() bool {
			err = s.Do(func() error { _, err := s.c.Apply(t.Context(), s.want("more."+zone)); return err })
			return err != nil
		})
		if !strings.Contains(err.Error(), "Unmanaged=yes") {
			t.Errorf("%s: %v", r.Name, err)
		}
		if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

// The package has the networks' own programs leave our links alone.
func TestPackageHasLinksLeftAlone(t *testing.T) {
	for file, tt := range map[string]struct{ before, between, after string }{
		"tidegate.network":             {"[Match]\nName=", " ", "\n\n[Link]\nUnmanaged=yes\n"},
		"tidegate.networkmanager.conf": {"match-device=interface-name:", ";interface-name:", "\nmanaged=0\n"},
	} {
		b, err := os.ReadFile("../../packaging/linux/helper/" + file)
		_, rest, begins := strings.Cut(string(b), tt.before)
		names, _, ends := strings.Cut(rest, tt.after)
		if err != nil || !begins || !ends {
			t.Fatalf("%s: %s, %v", file, b, err)
		}
		if strings.Contains(names, "[") == strings.Contains(file, "networkmanager") {
			t.Errorf("%s: NetworkManager's patterns know * and ? alone: %s", file, names)
		}
		for name, want := range map[string]bool{
			"tide0": true, "tide1000": true, "tide99999": true, linkPrefix + "0": true, linkPrefix + "0p": true, vpnDevices + "1000": true,
			"eth0": false, "tide": false, "tidepool": false,
		} {
			if got := slices.ContainsFunc(strings.Split(names, tt.between), func(pattern string) bool {
				is, err := path.Match(pattern, name)
				return err == nil && is
			}); got != want {
				t.Errorf("%s: %s is left alone: %v", file, name, got)
			}
		}
	}
}

// manager is systemd as far as it is asked for systemd-resolved.
type manager struct {
	state string
	job   uint32
}

const unitPath = dbus.ObjectPath("/org/freedesktop/systemd1/unit/systemd_2dresolved_2eservice")

func (manager) GetUnit(string) (dbus.ObjectPath, *dbus.Error) { return unitPath, nil }

func (m manager) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	job := struct {
		ID   uint32
		Path dbus.ObjectPath
	}{m.job, unitPath}
	return map[string]dbus.Variant{"ActiveState": dbus.MakeVariant(m.state), "Job": dbus.MakeVariant(job)}, nil
}

// While systemd-resolved restarts, a system whose C library alone asks it is told
// in no other way: there its names would come to be the network's.
func TestObserveWhileItRestarts(t *testing.T) {
	s := sit(t, resolvedtest.Releases(t)[0], ModeLink)
	o := Options{Root: system(t, map[string]string{"/etc/resolv.conf": dhclientConf, "/etc/nsswitch.conf": nssFedora}).Root, Bus: s.Bus}
	if e, err := Observe(t.Context(), o); err != nil || !e.Resolved {
		t.Fatalf("there is %+v, %v", e, err)
	}
	s.StopResolved()
	if e, err := Observe(t.Context(), o); err != nil || e.Resolved {
		t.Errorf("without systemd there is %+v, %v", e, err)
	}
	systemd, err := dbus.Connect(s.Bus)
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	if _, err := systemd.RequestName(systemd1Name, 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		manager
		comes bool
	}{
		{manager{"deactivating", 7}, true},
		{manager{"inactive", 7}, true},
		{manager{"activating", 0}, true},
		{manager{"inactive", 0}, false},
		{manager{"failed", 0}, false},
	} {
		systemd.Export(tt.manager, systemd1Path, systemd1Manager)
		systemd.Export(tt.manager, unitPath, "org.freedesktop.DBus.Properties")
		if e, err := Observe(t.Context(), o); errors.Is(err, errAway) != tt.comes || e.Resolved {
			t.Errorf("while it is %+v there is %+v, %v", tt.manager, e, err)
		}
	}
}
