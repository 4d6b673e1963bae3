package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadConfig(t *testing.T) {
	file := writeConfig(t, `apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: north-1}
spec:
  site: north
  listen: 127.0.0.1:8444
  state: state/gateway
  resolveEvery: 30s
  drain: 0s
  limits: {flows: 100, byteRate: 65536, parkedFor: 1h}
  hosts:
    wiki.corp: 127.0.0.1:9001
    db.corp: 10.0.0.7
    shell.corp:22: 127.0.0.1:9022
`)
	got, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Limits: Limits{Flows: 100, ByteRate: 65536, ParkedFor: wire.Duration(time.Hour)}, ResolveEvery: wire.Duration(30 * time.Second), Name: "north-1", Site: "north", Listen: "127.0.0.1:8444", State: filepath.Join(filepath.Dir(file), "state/gateway"),
		Hosts: map[string]string{"wiki.corp": "127.0.0.1:9001", "db.corp": "10.0.0.7", "shell.corp:22": "127.0.0.1:9022"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	const head = "apiVersion: tidegate.org/v1\nkind: Gateway\nmetadata: {name: north-1}\nspec:\n"
	for _, row := range []struct{ name, text, want string }{
		{"another kind", strings.Replace(head, "Gateway", "Site", 1) + "  site: x\n", ":2:7: kind Site is not a gateway's; write Gateway"},
		{"a typo", head + "  sight: north\n", ":5:3: "},
		{"a bad site", head + "  site: North\n  listen: 127.0.0.1:1\n  state: x\n", ":5:9: site: "},
		{"no port", head + "  site: north\n  listen: 127.0.0.1\n  state: x\n", ":6:11: listen is "},
		{"a bad link", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  enrolment: hello\n", ":8:14: enrolment: "},
		{"a bad host", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  hosts: {wiki: 'nowhere else'}\n", ":8:17: hosts: "},
		{"too often", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  resolveEvery: 10ms\n", ":8:17: resolveEvery is 10ms"},
		{"a drain without end", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  drain: 2h\n", ":8:10: drain is 2h"},
		{"no flows at all", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  limits: {flows: 0}\n", ":8:19: flows is 0; write a number from 1"},
		{"a limit that is none", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  limits: {flowrate: 5}\n", ":8:12: "},
		{"too few bytes", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  limits: {byteRate: 10}\n", ":8:22: byteRate is 10 bytes a second"},
		{"parked for no time", head + "  site: north\n  listen: 127.0.0.1:1\n  state: x\n  limits: {parkedFor: 1ms}\n", ":8:23: parkedFor is 1ms"},
		{"two resources", head + "  site: north\n---\n" + head, "one resource"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := LoadConfig(writeConfig(t, row.text))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want …%s…", err, row.want)
			}
		})
	}
}

func TestDrainByDefault(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, "apiVersion: tidegate.org/v1\nkind: Gateway\nmetadata: {name: north-1}\nspec:\n  site: north\n  listen: 127.0.0.1:1\n  state: x\n"))
	if err != nil || c.Drain.D() != defaultDrain {
		t.Errorf("%v, %v", c.Drain, err)
	}
}
