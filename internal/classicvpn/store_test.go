package classicvpn

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
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
