package osdns

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompete(t *testing.T) {
	for _, tt := range []struct {
		name         string
		ours, theirs []string
		want         []Competitor
	}{
		{"nobody", []string{"example.zta"}, nil, nil},
		{"all names", []string{"example.zta"}, []string{"."}, []Competitor{{Domain: "."}}},
		{"all names, written as none", []string{"example.zta"}, []string{""}, []Competitor{{Domain: "."}}},
		{"the same", []string{"example.zta"}, []string{"example.zta"}, []Competitor{{Domain: "example.zta", Wins: true}}},
		{"the same in other words", []string{"example.zta"}, []string{"Example.ZTA."}, []Competitor{{Domain: "example.zta", Wins: true}}},
		{"longer than ours", []string{"example.zta"}, []string{"a.example.zta"}, []Competitor{{Domain: "a.example.zta", Wins: true}}},
		{"shorter than ours", []string{"example.zta"}, []string{"zta"}, []Competitor{{Domain: "zta"}}},
		{"shorter than one, longer than another", []string{"a.b.example.zta", "example.zta"}, []string{"b.example.zta"}, []Competitor{{Domain: "b.example.zta", Wins: true}}},
		{"only alike", []string{"example.zta"}, []string{"myexample.zta", "ample.zta", "example.zta.org"}, nil},
		{"several", []string{"b.zta", "a.zta"}, []string{"zta", "b.zta", "b.zta", "org"}, []Competitor{{Domain: "b.zta", Wins: true}, {Domain: "zta"}}},
		{"none of ours", nil, []string{".", "zta"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, compete(tt.ours, tt.theirs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProgramOf(t *testing.T) {
	for _, tt := range []struct{ link, kind, want string }{
		{"tailscale0", "tun", "Tailscale"},
		{"wt0", "wireguard", "NetBird"},
		{"wg0", "wireguard", "WireGuard"},
		{"gpd0", "tuntap", "GlobalProtect"},
		{"cscotun0", "", "Cisco Secure Client"},
		{"CloudflareWARP", "tuntap", "Cloudflare WARP"},
		{"wtf0", "tun", ""},
		{"eth0", "device", ""},
		{"", "", ""},
	} {
		if got := programOf(tt.link, tt.kind); got != tt.want {
			t.Errorf("%s (%s) is %q's, want %q's", tt.link, tt.kind, got, tt.want)
		}
	}
}

func TestHolder(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"1/comm":        "init\n",
		"1/fdinfo/0":    "pos:\t0\nflags:\t02\n",
		"77/comm":       "openconnect\n",
		"77/fdinfo/3":   "pos:\t0\nflags:\t02\nmnt_id:\t9\n",
		"77/fdinfo/5":   "pos:\t0\nflags:\t0104002\nmnt_id:\t9\niff:\ttun0\n",
		"self/comm":     "me\n",
		"self/fdinfo/5": "iff:\ttun1\n",
	} {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, want := range map[string]string{"tun0": "openconnect", "tun1": "", "tun": ""} {
		if got := holder(proc, link); got != want {
			t.Errorf("%s is held by %q, want %q", link, got, want)
		}
	}
}
