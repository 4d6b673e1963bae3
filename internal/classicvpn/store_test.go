package classicvpn

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/session"
)

// FuzzLoad reads a file that anything has written: what is taken is as it would be
// written, and the rest is set aside.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"connections":[{"id":"a","address":"vpn.example.com","protocol":"pulse","features":["ipv6"]}]}`))
	f.Add([]byte(`{"connections":[{"id":"a"},{"id":"a"}]}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"connections":null}x`))
	f.Add([]byte(`{"connections":[{"id":"a","address":"a.test","protocol":"pulse"},{"id":"b","address":"b.test","protocol":"pulse","later":1}]}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		s := store{dir: dir}
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := s.load()
		if err != nil {
			if aside, failed := os.ReadFile(path + ".damaged"); failed != nil || string(aside) != string(b) {
				t.Errorf("it is not set aside: %v", failed)
			}
			if again, err := s.load(); err != nil || !reflect.DeepEqual(list, again) {
				t.Errorf("of what stays %v, %v is kept", again, err)
			}
			return
		}
		if err := s.save(list); err != nil {
			t.Fatal(err)
		}
		if again, err := s.load(); err != nil || len(again) != len(list) || len(list) > 0 && !reflect.DeepEqual(list, again) {
			t.Errorf("it comes back as %v, %v", again, err)
		}
	})
}

// TestPartlyKept keeps what it can read of a file, and the file, with what a later
// version, a slip or another user has made of it.
func TestPartlyKept(t *testing.T) {
	for name, row := range map[string]struct {
		file string
		want []string // addresses
	}{
		"a later version's protocol": {`{"connections":[{"id":"a","address":"a.test","protocol":"pulse"},{"id":"b","address":"b.test","protocol":"later"},{"id":"c","address":"c.test","protocol":"f5"}]}`, []string{"a.test", "c.test"}},
		"a later version's setting":  {`{"connections":[{"id":"a","address":"a.test","protocol":"pulse","later":true},{"id":"c","address":"c.test","protocol":"f5"}]}`, []string{"c.test"}},
		"two of a number":            {`{"connections":[{"id":"a","address":"a.test","protocol":"pulse"},{"id":"a","address":"b.test","protocol":"pulse"}]}`, []string{"a.test"}},
		"half of it":                 {`{"connections":[{"id":"a","address":"a.test"`, nil},
		"none of it":                 {"", nil},
		"nobody's":                   {"forbidden", nil},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(w *world) {
				w.quit()
				<-w.ended
				path := filepath.Join(w.dir, file)
				if row.file == "forbidden" { // to root, too
					w.must(os.Symlink(file, path))
				} else {
					w.must(os.WriteFile(path, []byte(row.file), 0o600))
				}
				for range 2 { // what stays, stays
					w.boot()
					var got []string
					for _, c := range w.now().Connections {
						got = append(got, c.Address)
					}
					if !slices.Equal(got, row.want) {
						t.Errorf("there are %q", got)
					}
					w.quit()
					<-w.ended
				}
				w.boot()
				if b, _ := os.ReadFile(path + ".damaged"); string(b) != row.file && row.file != "forbidden" {
					t.Errorf("set aside is %q", b)
				}
				if _, err := os.Lstat(path + ".damaged"); err != nil {
					t.Error(err)
				}
				w.add("new.test")
			})
		})
	}
}

// TestKept reads what was kept, and sets aside what cannot be read.
func TestKept(t *testing.T) {
	in(t, func(w *world) {
		id := w.add("vpn.example.com")
		w.quit()
		<-w.ended
		w.boot()
		if c := w.one(); c.ID != id || c.Address != "vpn.example.com" {
			t.Errorf("it comes back as %+v", c)
		}
		w.quit()
		<-w.ended
		path := filepath.Join(w.dir, file)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info, err)
		}
		w.must(os.WriteFile(path, []byte(`{"connections":[{"id":"x","address":"a b"}]}`), 0o600))
		w.boot()
		f := w.now()
		if len(f.Connections) != 0 || f.Problem == nil || !strings.Contains(f.Problem.Detail, file+".damaged") {
			t.Errorf("of a damaged file comes %+v", f)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Error(err)
		}
		w.add("again.example.com")
		if f := w.now(); f.Problem != nil {
			t.Errorf("it stays: %v", f.Problem)
		}
		w.must(os.RemoveAll(w.dir))
		w.must(os.WriteFile(w.dir, nil, 0o600)) // no folder can be there
		if err := w.vpn.Save(session.VPNSettings{Address: "b.test", Protocol: session.VPNPulse}); err == nil {
			t.Error("what cannot be kept is saved")
		}
		if c := w.one(); c.Address != "again.example.com" {
			t.Errorf("it is %+v", c)
		}
		if err := w.vpn.Remove(w.one().ID); err == nil || len(w.now().Connections) != 1 {
			t.Errorf("what cannot be forgotten is removed: %v", err)
		}
	})
}
