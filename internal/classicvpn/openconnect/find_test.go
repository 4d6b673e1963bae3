package openconnect

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/session"
)

func TestVersion(t *testing.T) {
	all := []session.VPNProtocol{"anyconnect", "nc", "gp", "pulse", "f5", "fortinet", "array"}
	for name, tt := range map[string]struct {
		out  string
		want Engine
	}{
		"Debian 12":     {recorded(t, "version.txt"), Engine{Version: "9.01-3", Protocols: all}},
		"old":           {"OpenConnect version v7.08\nUsing GnuTLS.\n", Engine{Version: "7.08"}},
		"another's":     {"GNU bash, version 5.2\n", Engine{}},
		"nothing":       {"", Engine{}},
		"steering text": {"OpenConnect version v9\x1b[2J.12 x\n", Engine{Version: "9[2J.12"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, version(tt.out), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Dial" }, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpeaks(t *testing.T) {
	debian := version(recorded(t, "version.txt"))
	debian.Path = "/usr/sbin/openconnect"
	at := func(v string, p ...session.VPNProtocol) Engine {
		return Engine{Path: "/usr/sbin/openconnect", Version: v, Protocols: p}
	}
	for _, tt := range []struct {
		name     string
		engine   Engine
		protocol session.VPNProtocol
		code     session.VPNFailureCode
		detail   string
	}{
		{"AnyConnect", debian, session.VPNAnyConnect, "", ""},
		{"Pulse", debian, session.VPNPulse, "", ""},
		{"Juniper", debian, session.VPNJuniper, "", ""},
		{"GlobalProtect", debian, session.VPNGlobalProtect, "", ""},
		{"Fortinet", debian, session.VPNFortinet, "", ""},
		{"F5", debian, session.VPNF5, "", ""},
		{"an older one", at("8.20"), session.VPNFortinet, session.VPNOldEngine, "openconnect 8.20 is installed; Fortinet FortiGate needs 9.00 or newer"},
		{"older than Pulse", at("8.02-1"), session.VPNPulse, session.VPNOldEngine, "openconnect 8.02-1 is installed; Ivanti Connect Secure / Pulse needs 8.04 or newer"},
		{"one that knows no pins", at("7.08"), session.VPNAnyConnect, session.VPNOldEngine, "openconnect 7.08 is installed; Cisco AnyConnect / ocserv needs 8.00 or newer"},
		{"a newer one", at("10.3"), session.VPNPulse, "", ""},
		{"from a branch", at("9.12-187-g1dbfa0d8"), session.VPNPulse, "", ""},
		{"left out", at("9.12", "anyconnect"), session.VPNF5, session.VPNOldEngine, "openconnect 9.12 is installed, without F5 BIG-IP; 9.00 or newer has it unless its builder left it out"},
		{"a version that says nothing", at("unknown"), session.VPNPulse, session.VPNOldEngine, "openconnect unknown is installed; Ivanti Connect Secure / Pulse needs 8.04 or newer"},
		{"no protocol", debian, "wireguard", session.VPNFailed, `"wireguard" is no protocol that Tidegate knows`},
		{"none", Engine{}, session.VPNPulse, session.VPNNoEngine, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.engine.Speaks(tt.protocol)
			if tt.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *Failure
			if !errors.As(err, &f) || f.Code != tt.code || f.Detail != tt.detail {
				t.Errorf("it is %v", err)
			}
			if errors.Is(err, ErrAbsent) != (tt.code == session.VPNNoEngine) {
				t.Errorf("%v is about an openconnect that is not there", err)
			}
		})
	}
}

func TestFind(t *testing.T) {
	e, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(e.Path) || e.Version == "" {
		t.Errorf("it is %+v", e)
	}
	for _, p := range session.VPNProtocols {
		if err := e.Speaks(p); err != nil {
			t.Error(err)
		}
	}
}

func TestFindLooks(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	empty := t.TempDir()
	if err := os.WriteFile("openconnect", []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, ok := look([]string{dir, empty}); ok {
		t.Errorf("it found %s, which is no program", p)
	}
	if err := os.Chmod("openconnect", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, places := range [][]string{{"", ".", empty}, nil} {
		if p, ok := look(places); ok {
			t.Errorf("in %q it found %s", places, p)
		}
	}
	if p, ok := look([]string{empty, dir}); !ok || p != filepath.Join(dir, "openconnect") {
		t.Errorf("it found %q", p)
	}
}

// A program that is called openconnect and is not says no version.
func TestFindRefusesOthers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "openconnect")
	for what, script := range map[string]string{"another": "echo hello", "one that fails": "exit 3"} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if e, err := open(name); err == nil {
			t.Errorf("%s is %+v", what, e)
		}
	}
}
