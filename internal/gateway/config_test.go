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
  hosts:
    wiki.corp: 127.0.0.1:9001
    db.corp: 10.0.0.7
    shell.corp:22: 127.0.0.1:9022
`)
	got, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{ResolveEvery: wire.Duration(30 * time.Second), Name: "north-1", Site: "north", Listen: "127.0.0.1:8444", State: filepath.Join(filepath.Dir(file), "state/gateway"),
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
