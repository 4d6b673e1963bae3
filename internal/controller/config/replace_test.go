package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/resource"
)

const siteDoc = "apiVersion: tidegate.org/v1\nkind: Site\nmetadata: {name: NAME}\n"

func siteOf(name string) string { return strings.ReplaceAll(siteDoc, "NAME", name) }

// TestReplaceKeepsMeaning: a file that takes the place of several means what
// they mean, or nothing is replaced.
func TestReplaceKeepsMeaning(t *testing.T) {
	base := "apiVersion: tidegate.org/v1\nkind: Controller\nmetadata: {name: c}\nspec: {listen: \"127.0.0.1:0\", stateDir: /state}\n"
	large := strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", resource.MaxFile/1003*2/3)
	for name, row := range map[string]struct {
		first, second string
		refused       bool
	}{
		"plain":                      {base, siteOf("a"), false},
		"no newline":                 {strings.TrimSuffix(base, "\n"), siteOf("a"), false},
		"a marker first":             {base, "---\n" + siteOf("a"), false},
		"a comment before a marker":  {base, "# mine\n---\n" + siteOf("a"), false},
		"a marker with a comment":    {base, "--- # mine\n" + siteOf("a"), false},
		"carriage returns":           {base, strings.ReplaceAll("---\n"+siteOf("a"), "\n", "\r\n"), false},
		"an end":                     {base + "...\n", siteOf("a") + "...\n", false},
		"a directive":                {base, "%YAML 1.2\n---\n" + siteOf("a"), true},
		"a byte order mark":          {base, "\ufeff" + siteOf("a"), true},
		"a marker last":              {base + "---\n", siteOf("a") + "---\n", false},
		"nothing":                    {base, "", false},
		"only a comment":             {base, "# later\n", false},
		"a block text to the end":    {base + "---\n" + strings.TrimSuffix(siteOf("b"), "\n") + "\nspec:\n  title: |+\n    B\n\n", siteOf("a"), false},
		"together more than can be":  {base + large, siteOf("a") + large, true},
		"an alias within a document": {base, "apiVersion: tidegate.org/v1\nkind: Site\nmetadata: {name: a}\nspec: {title: A}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Source{"1.yaml": row.first, "2.yaml": row.second}
			want, err := s.Load()
			if err != nil {
				if row.refused {
					return // by the parser already
				}
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			err = s.Replace(file)
			text, rerr := os.ReadFile(file)
			if rerr != nil {
				t.Fatal(rerr)
			}
			if err != nil {
				if string(text) != "before" {
					t.Error("half replaced")
				}
				if !row.refused {
					t.Error(err)
				}
				return
			}
			got, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Sites) != len(want.Sites) {
				t.Errorf("there are %d sites, and should be %d", len(got.Sites), len(want.Sites))
			}
			for id, site := range want.Sites {
				if got.Sites[id] == nil || *got.Sites[id] != *site {
					t.Errorf("the site %s is %v", id, got.Sites[id])
				}
			}
		})
	}
}

// TestReplaceKeepsTheRest: what is in a directory beside the configuration, as
// the controller's state, is not thrown away with it.
func TestReplaceKeepsTheRest(t *testing.T) {
	s := Source{"1.yaml": "apiVersion: tidegate.org/v1\nkind: Controller\nmetadata: {name: c}\nspec: {listen: \"127.0.0.1:0\", stateDir: /state}\n"}
	dir := t.TempDir()
	link := filepath.Join(dir, "conf")
	if err := os.MkdirAll(filepath.Join(dir, "conf.0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.write(filepath.Join(dir, "conf.0")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("conf.0", link); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(link); err != nil {
		t.Fatal(err)
	}
	first, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(dir, first, "notes.md")
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Replace(link); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(notes); err != nil {
		t.Error(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "conf.tidegate-*"))
	if err != nil || len(all) != 2 { // the present one and the one with notes
		t.Errorf("left are %v, %v", all, err)
	}

	// State within the directory would be left behind by the next restart.
	inside := Source{"1.yaml": strings.ReplaceAll(s["1.yaml"], "/state", "state")}
	if err := inside.Replace(link); err == nil || !strings.Contains(err.Error(), "stateDir") {
		t.Errorf("a state directory within: %v", err)
	}
	inside = Source{"1.yaml": strings.ReplaceAll(s["1.yaml"], "/state", filepath.Join(link, "state"))}
	if err := inside.Replace(link); err == nil || !strings.Contains(err.Error(), "stateDir") {
		t.Errorf("a state directory within, absolute: %v", err)
	}
	beside := Source{"1.yaml": strings.ReplaceAll(s["1.yaml"], "/state", "../state")}
	if err := beside.Replace(link); err != nil {
		t.Errorf("a state directory beside: %v", err)
	}
}
