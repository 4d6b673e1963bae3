package timezone

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// However the zone is set, it is noticed: by a link that takes another's place, as
// timedatectl(1) and ln(1) set it, by a copy over it, and by what is put there.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "localtime")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for hours := range 12 {
		do(os.WriteFile(filepath.Join(dir, shown(time.FixedZone("", hours*3600))[:5]), zoneFile(hours), 0o644))
	}
	do(os.Symlink("01:00", file))
	ctx, cancel := context.WithCancel(t.Context())
	zones, ended := make(chan *time.Location, 8), make(chan struct{})
	go func() {
		defer close(ended)
		follow(ctx, file, zoneFile(1), func(zone *time.Location) { zones <- zone })
	}()
	defer func() { cancel(); <-ended }()
	is := func(want string) {
		t.Helper()
		for {
			select {
			case zone := <-zones:
				switch got := shown(zone); got {
				case want:
					return
				case "00:00 UTC": // a slow machine: the old one was gone for long
				default:
					t.Errorf("it is %s there, want %s", got, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("nobody told of %s", want)
			}
		}
	}
	do(os.Symlink("05:00", file+".new")) // timedatectl
	do(os.Rename(file+".new", file))
	is("05:00 FST")
	do(os.Remove(file)) // ln -sf
	do(os.Symlink("02:00", file))
	is("02:00 CST")
	do(os.Remove(file)) // cp --remove-destination
	do(os.WriteFile(file, zoneFile(9), 0o644))
	is("09:00 JST")
	do(os.WriteFile(file, zoneFile(3), 0o644)) // cp
	is("03:00 DST")
	do(os.Remove(file))
	is("00:00 UTC")
	do(os.Symlink("04:00", file))
	is("04:00 EST")
}
