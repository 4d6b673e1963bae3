package natskv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/controller/store/natskv"
	"github.com/tidegate/tidegate/internal/controller/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *natskv.Store {
	t.Helper()
	s, err := natskv.Open(t.Context(), natskv.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s := open(t, t.TempDir())
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestLasts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	r1, err := s.Put(t.Context(), "a.1", []byte("x"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := natskv.Open(t.Context(), natskv.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another controller runs") {
		t.Errorf("a second store on one directory: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %v: %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if e, err := s.Get(t.Context(), "a.1"); err != nil || e.Revision != r1 {
		t.Errorf("after reopening: %v %v", e, err)
	}
	if r2, err := s.Put(t.Context(), "a.2", nil, 0, 0); err != nil || r2 <= r1 {
		t.Errorf("revision %d after %d: %v", r2, r1, err)
	}
	if _, err := s.Put(t.Context(), "a.2", nil, 0, 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a conflict after reopening: %v", err)
	}
}

func TestBadDirectory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := natskv.Open(t.Context(), natskv.Options{Dir: name}); err == nil {
		t.Error("a file is taken for a directory")
	}
}
