package osdns

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whichever mode was applied, another takes its place, and Undo takes all back.
func TestDirectAndOpenresolvTakeTurns(t *testing.T) {
	f := newRecorded(t, ModeOpenresolv)
	f.o.Bus = "unix:path=" + f.o.path("/run/no-bus")
	before := f.conf()
	for _, m := range []Mode{ModeDirect, ModeOpenresolv, ModeDirect} {
		err := f.space.Do(func() error {
			c, err := New(m, f.o)
			if err == nil {
				_, err = c.Apply(t.Context(), want("corp.example"))
			}
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", m, err)
		}
		if got := f.servers(); !slices.Equal(got, []netip.Addr{ourServer}) {
			t.Errorf("%s: the servers are %v", m, got)
		}
		if j, err := readJournal(f.o); err != nil || j == nil || j.Mode != m {
			t.Errorf("%s: the journal is %+v, %v", m, j, err)
		}
		if covered([]byte(f.conf())) != (m == ModeDirect) {
			t.Errorf("%s: the file is\n%s", m, f.conf())
		}
	}
	for range 2 {
		if err := f.space.Do(func() error { return Undo(t.Context(), f.o) }); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
	f.nothingLeft()
}
