package osdns

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// etc makes a root with some files in it.
func etc(t *testing.T, files map[string]string) Options {
	t.Helper()
	o := Options{Root: t.TempDir()}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(o.path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func read(t *testing.T, o Options, name string) string {
	t.Helper()
	b, err := os.ReadFile(o.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestJournal(t *testing.T) {
	const name = "/etc/resolv.conf"
	ours, again := &content{Text: []byte("ours"), Perm: 0o644}, &content{Text: []byte("ours too"), Perm: 0o644}
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, path string)
		puts   []*content
		after  func(t *testing.T, path string) // somebody else's doing
		done   bool
		want   *content
	}{
		{name: "a file", before: file("theirs"), puts: []*content{ours}, done: true, want: &content{Text: []byte("theirs")}},
		{name: "twice", before: file("theirs"), puts: []*content{ours, again}, done: true, want: &content{Text: []byte("theirs")}},
		{name: "no file", puts: []*content{ours}, done: true},
		{name: "a link that leads nowhere", before: link("../run/none"), puts: []*content{ours}, done: true, want: &content{Link: "../run/none"}},
		{name: "removed", before: file("theirs"), puts: []*content{nil}, done: true, want: &content{Text: []byte("theirs")}},
		{name: "written by others since", before: file("theirs"), puts: []*content{ours}, after: file("newer"), want: &content{Text: []byte("newer")}},
		{name: "removed by others since", before: file("theirs"), puts: []*content{ours}, after: func(_ *testing.T, path string) { os.Remove(path) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := etc(t, map[string]string{"/etc/hosts": ""})
			if tt.before != nil {
				tt.before(t, o.path(name))
			}
			j := &journal{Mode: ModeDirect}
			for _, c := range tt.puts {
				if err := j.put(o, name, c); err != nil {
					t.Fatal(err)
				}
			}
			if tt.after != nil {
				tt.after(t, o.path(name))
			}
			left, err := readJournal(o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(j, left, cmp.AllowUnexported(journal{})); diff != "" {
				t.Errorf("the journal is read otherwise than it was written:\n%s", diff)
			}
			done, err := left.change(name).takeBack(o)
			if err != nil || done != tt.done {
				t.Errorf("taken back: %v, %v", done, err)
			}
			got, err := look(o.path(name))
			if err != nil || !got.equal(tt.want) {
				t.Errorf("there is %+v, want %+v: %v", got, tt.want, err)
			}
			if err := dropJournal(o); err != nil {
				t.Fatal(err)
			}
			if j, err := readJournal(o); j != nil || err != nil {
				t.Errorf("after dropping it there is %+v, %v", j, err)
			}
			if entries, _ := filepath.Glob(o.path("/etc/*tidegate*")); entries != nil {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func file(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		if err := replace(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func link(to string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalKeepsWhatAFileWas(t *testing.T) {
	o := etc(t, map[string]string{"/etc/resolv.conf": "theirs"})
	if err := os.Chmod(o.path("/etc/resolv.conf"), 0o640); err != nil {
		t.Fatal(err)
	}
	before, err := look(o.path("/etc/resolv.conf"))
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{Mode: ModeDirect}
	if err := j.put(o, "/etc/resolv.conf", &content{Text: []byte("ours"), Perm: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.change("/etc/resolv.conf").takeBack(o); err != nil {
		t.Fatal(err)
	}
	after, err := look(o.path("/etc/resolv.conf"))
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("it is another: %v\n%s", err, diff)
	}
}

func TestDamagedJournal(t *testing.T) {
	for _, text := range []string{"", "{", "null", `{"mode":""}`, `{"mode":"direct","files":[{"path":"../etc/shadow"}]}`, `{"mode":"direct","files":[{"path":"/etc/../shadow"}]}`} {
		t.Run(text, func(t *testing.T) {
			o := etc(t, map[string]string{journalFile: text})
			if j, err := readJournal(o); j != nil || err == nil {
				t.Fatalf("it is read as %+v, %v", j, err)
			}
			if got := read(t, o, journalFile+".damaged"); got != text {
				t.Errorf("%q was set aside", got)
			}
			if j, err := readJournal(o); j != nil || err != nil {
				t.Errorf("the next time: %+v, %v", j, err)
			}
		})
	}
}

func FuzzDecodeJournal(f *testing.F) {
	f.Add([]byte(`{"mode":"direct","files":[{"path":"/etc/resolv.conf","was":{"link":"x"}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if j, err := decodeJournal(b); (j == nil) == (err == nil) {
			t.Errorf("%+v, %v", j, err)
		}
	})
}
