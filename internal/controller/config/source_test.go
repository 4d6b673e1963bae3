package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// example is the example's text, in two files where parts is two.
func exampleSource(t *testing.T, parts int) Source {
	t.Helper()
	b, err := os.ReadFile("testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, rest, ok := strings.Cut(string(b), "\n---\n")
	switch {
	case !ok:
		t.Fatal("the example is one document")
	case parts == 1:
		return Source{"all.yaml": string(b)}
	}
	return Source{"a.yaml": first, "b.yaml": "---\n" + rest}
}

func TestReplaceFile(t *testing.T) {
	for _, parts := range []int{1, 2} {
		dir := t.TempDir()
		file := filepath.Join(dir, "controller.yaml")
		put(t, file, "old\n")
		if err := exampleSource(t, parts).Replace(file); err != nil {
			t.Fatal(err)
		}
		conf, err := Load(file)
		if err != nil || conf.Name != "example" || len(conf.Users) != 2 {
			t.Errorf("%d files became %v, %v", parts, conf, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("there is %v, %v", left, err)
		}
	}
}

func TestReplaceLinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	link, own := filepath.Join(dir, "conf"), filepath.Join(dir, "conf.0")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(own, "old.yaml"), "old\n")
	if err := os.Symlink("conf.0", link); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second removes what the first made, and not what was there
		want := exampleSource(t, 2)
		want["a.yaml"] = strings.Replace(want["a.yaml"], "stateDir: state", "stateDir: ../state", 1)
		if err := want.Replace(link); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSource(link)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
			t.Errorf("there is %v, %v", left, err)
		}
	}
	if _, err := os.Stat(filepath.Join(own, "old.yaml")); err != nil {
		t.Error(err)
	}
}

func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "old.yaml"), "old\n")
	if err := exampleSource(t, 2).Replace(dir); err == nil || !strings.Contains(err.Error(), "ln -s") {
		t.Errorf("a directory: %v", err)
	}
	link := filepath.Join(t.TempDir(), "conf")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../x.yaml", "x.txt", ".x.yaml"} {
		if err := (Source{name: "x"}).Replace(link); err == nil || !strings.Contains(err.Error(), ".yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(link)); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "old.yaml")); err != nil || string(b) != "old\n" {
		t.Errorf("the old file is %q, %v", b, err)
	}
}

func TestSourceLoad(t *testing.T) {
	src := exampleSource(t, 2)
	conf, err := src.Load()
	if err != nil || conf.Name != "example" {
		t.Fatalf("%v, %v", conf, err)
	}
	src["b.yaml"] += "---\nkind: Nothing\n"
	if _, err := src.Load(); err == nil || !strings.HasPrefix(err.Error(), "b.yaml:") || strings.Contains(err.Error(), os.TempDir()) {
		t.Errorf("an error is %v", err)
	}
}
