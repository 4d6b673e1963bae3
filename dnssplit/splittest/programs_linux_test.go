package splittest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// The names that programs ask for here: of ours, below a domain of ours, and of
// the network.
const (
	app      = "wiki.corp.example"
	onDemand = "new.apps.example"
	foreign  = "www.up.test"
)

// Programs as they are installed find each name where it belongs.
func TestPrograms(t *testing.T) {
	kinds(t, func(t *testing.T, m *machine) {
		m.sites(app, foreign)
		d := m.doh()
		m.step("getent, dig and curl", func(t *testing.T) { m.programs(t) })
		m.step("chromium", func(t *testing.T) { m.browser(t) })
		m.step("chromium with its own resolver", func(t *testing.T) { m.ownResolver(t, d) })
		m.step("sniffers", func(t *testing.T) { m.sniffers(t) })
	})
}

func (m *machine) programs(t *testing.T) {
	four, six := m.first.Names[app][0].String(), m.first.Names[app][1].String()
	other := address(foreign).String()
	for _, tt := range []struct {
		command string
		says    string // what it says, among the rest; empty: nothing
	}{
		{"getent ahostsv4 " + app, four},
		{"getent ahostsv6 " + app, six},
		{"getent ahosts " + strings.ToUpper(app) + ".", four},
		{"getent hosts " + four, app},
		{"getent hosts " + six, app},
		{"getent ahosts " + onDemand, "100.96."},
		{"getent ahosts nobody." + app, ""},
		{"getent ahostsv4 " + foreign, other},
		{"dig +short " + app, four},
		{"dig +short AAAA " + app, six},
		{"dig +short +tcp " + app, four},
		{"dig +short -x " + four, app + "."},
		{"dig +noall +comments HTTPS " + app, "status: NOERROR"},
		{"dig +short HTTPS " + app, ""},
		{"dig +noall +comments nobody." + app, "status: NXDOMAIN"},
		{"dig +noall +comments +dnssec " + app, "status: NOERROR"},
		{"dig +short " + foreign, other},
		{"dig +short +dnssec TXT " + foreign, foreign},
		{"dig +short chain-1-0.up.test", address("end-0.up.test").String()},
		{"curl -sS --max-time 60 http://" + app + "/", app + " at ours"},
		{"curl -sS --max-time 60 http://" + foreign + "/", foreign + " at the network"},
	} {
		f := strings.Fields(tt.command)
		switch said := m.run(f[0], f[1:]...); {
		case tt.says == "" && strings.TrimSpace(said) != "":
			t.Errorf("%s says\n%s", tt.command, said)
		case !strings.Contains(said, tt.says):
			t.Errorf("%s says\n%swant %q", tt.command, said, tt.says)
		}
	}
	m.checkSplit()
}

// policies has Chromium do as its administrator says.
func (m *machine) policies(p map[string]any) {
	m.t.Helper()
	if err := resolvedtest.SetPolicies(m.Root, p); err != nil {
		m.t.Fatal(err)
	}
}

// browse has Chromium open a page, and returns what it shows, and whether that is
// that there is no such name.
func (m *machine) browse(url string, more ...string) (page string, nameless bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Minute)
	defer cancel()
	home := m.t.TempDir()
	command := resolvedtest.Chromium(home, more...)
	c := m.Command(ctx, command[0], append(command[1:], url)...)
	c.Env = append(c.Env, "HOME="+home)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := m.Do(c.Run); err != nil {
		m.t.Fatalf("chromium %s: %v\n%s", url, err, said.String())
	}
	return out.String(), resolvedtest.NoSuchName(out.String(), said.String())
}

// browser: one that looks names up as the system does finds ours.
func (m *machine) browser(t *testing.T) {
	m.policies(resolvedtest.SystemNames())
	for name, where := range map[string]string{app: "ours", foreign: "the network"} {
		if page, _ := m.browse("http://" + name + "/"); !strings.Contains(page, name+" at "+where) {
			t.Errorf("%s: it shows\n%s", name, page)
		}
	}
	m.checkSplit()
}

// ownResolver: a browser that asks a resolver of its own does not find them, and shows that: nothing
// of ours is asked of the network in the clear, and the client sees no lookup.
func (m *machine) ownResolver(t *testing.T, d *resolvedtest.DoH) {
	m.policies(d.OwnNames())
	if page, _ := m.browse("http://"+foreign+"/", d.Trust()); !strings.Contains(page, foreign+" at the network") || !d.Heard(foreign) {
		t.Fatalf("it does not ask its own resolver; it shows\n%s", page)
	}
	before := m.told().Asked
	page, nameless := m.browse("http://"+app+"/", d.Trust())
	if strings.Contains(page, "at ours") || !nameless {
		t.Errorf("it shows\n%s", page)
	}
	if !d.Heard(app) {
		t.Error("its own resolver was not asked")
	}
	if n := m.told().Asked - before; n > 0 {
		t.Errorf("the client was asked %d times", n)
	}
	m.checkSplit()
}

// sniffers: they see what they are there to see, which ends the proof.
func (m *machine) sniffers(t *testing.T) {
	at := "@" + m.Physical.Server.String()
	for _, command := range []string{"dig +short " + at + " " + strings.ToUpper(app), "dig +short +tcp " + at + " x." + app, "dig +short " + at + " -x " + m.first.Names[app][0].String()} {
		before := len(m.wire.leaked())
		f := strings.Fields(command)
		m.run(f[0], f[1:]...)
		m.caught(m.wire)
		if len(m.wire.leaked()) == before {
			t.Errorf("it does not see %q", command)
		}
	}
	m.run("dig", "+short", "@"+server.String(), "www.example")
	m.caught(m.local)
	if _, others, _ := m.local.counts(); others == 0 {
		t.Error("it does not see who asks the client for another name")
	}
}

// caught returns when a witness has seen what was answered.
func (m *machine) caught(w *witness) {
	m.t.Helper()
	if err := w.Catch(); err != nil {
		m.t.Fatal(err)
	}
}
