package osdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

const zone = "example.zta"

var (
	server = netip.MustParseAddr("127.11.0.53")
	ours   = netip.MustParseAddr("100.96.0.7") // our answer
)

// seat is a machine with a real systemd-resolved, us on it, and a mode.
type seat struct {
	*resolvedtest.System
	t    *testing.T
	mode Mode
	o    Options
	c    Configurator
	stop func() // has nobody answer at our address
}

// each runs a test with every systemd-resolved there is, in each mode that it can.
func each(t *testing.T, f func(*seat)) {
	for _, r := range resolvedtest.Releases(t) {
		modes := []Mode{ModeLink}
		if r.Delegates {
			modes = append(modes, ModeDelegate)
		}
		for _, m := range modes {
			t.Run(r.Name+"/"+string(m), func(t *testing.T) {
				t.Parallel()
				f(sit(t, r, m))
			})
		}
	}
}

func sit(t *testing.T, r resolvedtest.Release, m Mode) *seat {
	s := &seat{System: resolvedtest.Start(t, r), t: t, mode: m}
	s.o = Options{Root: s.Root, Bus: s.Bus}
	var err error
	if s.c, err = New(m, s.o); err != nil {
		t.Fatal(err)
	}
	s.serve()
	return s
}

// cleanups are those of a server that ends before its test.
type cleanups []func()

func (c *cleanups) Cleanup(f func()) { *c = append(*c, f) }

func (s *seat) serve() {
	s.t.Helper()
	var c cleanups
	err := resolvedtest.Serve(&c, s.Space.Do, netip.AddrPortFrom(server, 53), resolvedtest.Always(ours))
	if err != nil {
		s.t.Fatal(err)
	}
	stopped := false
	s.stop = func() {
		for _, f := range c {
			if !stopped {
				f()
			}
		}
		stopped = true
	}
	s.t.Cleanup(s.stop)
}

func (s *seat) apply(w Want) Told {
	s.t.Helper()
	var told Told
	err := s.Do(func() (err error) { told, err = s.c.Apply(s.t.Context(), w); return err })
	if err != nil {
		s.t.Fatal(err)
	}
	return told
}

func (s *seat) want(domains ...string) Want { return Want{Server: server, Domains: domains} }

// answers looks a name up, and says it is wrong if another than by answers.
func (s *seat) answers(name string, by netip.Addr) {
	s.t.Helper()
	f, err := s.Lookup(name)
	if err != nil || !slices.Equal(f.Addrs, []netip.Addr{by}) {
		s.t.Errorf("%s is %+v, want %s: %v", name, f, by, err)
	}
}

// noLeak says it is wrong if any of sides has seen one of our names.
func (s *seat) noLeak(sides ...*resolvedtest.Side) {
	s.t.Helper()
	for _, side := range append(sides, s.Physical) {
		if n := side.Leaked(zone); n != nil {
			s.t.Errorf("%s has seen %v", side.Name, n)
		}
	}
}

// picture is all that we might change.
func (s *seat) picture() string {
	s.t.Helper()
	var b strings.Builder
	err := s.Do(func() error {
		r, err := dialResolve1(s.t.Context(), s.o)
		if err != nil {
			return err
		}
		defer r.close()
		p, err := r.picture(s.t.Context())
		if err != nil {
			return err
		}
		links, err := exec.Command("ip", "-o", "address").Output()
		// The kernel looks for others with an address for a moment.
		fmt.Fprintf(&b, "%s\n%s", p, bytes.ReplaceAll(links, []byte(" tentative"), nil))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range []string{delegateDir, stateDir, "/etc"} {
		filepath.WalkDir(s.o.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				info, err := d.Info()
				if err != nil {
					return err
				}
				fmt.Fprintln(&b, path, info.Mode(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return b.String()
}

// watch applies w again whenever Watch says so, until stop is called.
func (s *seat) watch(w Want) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	again, ended, applied := make(chan struct{}, 1), make(chan error, 1), make(chan struct{})
	go func() {
		ended <- s.Do(func() error { return s.c.Watch(ctx, func() { poke(again) }) })
	}()
	go func() {
		defer close(applied)
		for {
			select {
			case <-ctx.Done():
				return
			case <-again:
			}
			err := s.Do(func() error { _, err := s.c.Apply(ctx, w); return err })
			if err != nil && ctx.Err() == nil {
				s.t.Logf("apply again: %v", err) // systemd-resolved is away
			}
		}
	}()
	return func() {
		s.t.Helper()
		cancel()
		<-applied
		if err := <-ended; !errors.Is(err, context.Canceled) {
			s.t.Errorf("watching ended with %v", err)
		}
	}
}

// eventuallyApplied waits for what is wanted to be there.
func (s *seat) eventuallyApplied(w Want) {
	s.t.Helper()
	s.eventually("it to be applied again", func() bool {
		if s.mode == ModeDelegate {
			_, err := os.Stat(s.o.path(delegateDir + "/tidegate.dns-delegate"))
			return err == nil
		}
		return s.Do(func() error { _, err := os.Stat("/proc/sys/net/ipv4/conf/" + linkName(0)); return err }) == nil
	})
}

// eventuallyOurs waits for a name to be answered by us.
func (s *seat) eventuallyOurs(name string) {
	s.t.Helper()
	s.eventually(name+" to be ours", func() bool {
		f, err := s.Lookup(name)
		return err == nil && slices.Equal(f.Addrs, []netip.Addr{ours})
	})
}

func (s *seat) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(resolvedtest.Patience); !so(); {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
