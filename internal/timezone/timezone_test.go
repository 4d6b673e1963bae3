package timezone

import (
	"context"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zoneFile is the smallest file of a zone so many hours east of Greenwich (RFC 8536).
func zoneFile(hours int) []byte {
	name := string(rune('A'+hours)) + "ST\x00"
	b := make([]byte, 44, 64)
	copy(b, "TZif")
	b[39], b[43] = 1, byte(len(name)) // types of time, and bytes of names
	seconds := hours * 3600
	b = append(b, byte(seconds>>24), byte(seconds>>16), byte(seconds>>8), byte(seconds), 0, 0)
	return append(b, name...)
}

// shown is what the clock beside a midnight in Greenwich shows.
func shown(zone *time.Location) string {
	return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).In(zone).Format("15:04 MST")
}

// A zone is told once it has settled, and only a new one.
func TestTake(t *testing.T) {
	type file struct {
		data []byte
		err  error
	}
	for _, c := range []struct {
		name  string
		files []file // that there are, one each 50 ms
		want  []string
	}{
		{"the same again", []file{{data: zoneFile(1)}}, nil},
		{"another", []file{{data: zoneFile(9)}}, []string{"09:00 JST"}},
		{"gone, and another", []file{{err: fs.ErrNotExist}, {data: zoneFile(9)}}, []string{"09:00 JST"}},
		{"written in two steps", []file{{data: []byte{}}, {data: zoneFile(9)[:50]}, {data: zoneFile(9)}}, []string{"09:00 JST"}},
		{"gone", []file{{err: fs.ErrNotExist}}, []string{"00:00 UTC"}},
		{"not to be read", []file{{err: fs.ErrPermission}}, nil},
		{"no zone at all", []file{{data: []byte("Europe/Berlin\n")}}, nil},
		{"another and back", []file{{data: zoneFile(9)}, {data: zoneFile(1)}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				now, changed := file{data: zoneFile(1)}, make(chan struct{}, 1)
				var got []string
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					take(ctx, changed, zoneFile(1), func() ([]byte, error) { return now.data, now.err },
						func(zone *time.Location) { got = append(got, shown(zone)) })
				}()
				synctest.Wait()
				for _, f := range c.files {
					now = f
					changed <- struct{}{}
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				cancel()
				<-ended
				if !slices.Equal(got, c.want) {
					t.Errorf("it told of %q, want %q", got, c.want)
				}
			})
		})
	}
}

// Until another is set, the zone is the one that Go knows.
func TestLocal(t *testing.T) {
	t.Cleanup(func() { Set(nil) })
	if Local() != time.Local {
		t.Error("the zone is another before anybody has set one")
	}
	zone := time.FixedZone("JST", 9*3600)
	Set(zone)
	if got := In(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)).Format("15:04 MST"); got != "09:00 JST" {
		t.Error(got)
	}
}

// A zone that the process was started with stays.
func TestFollowLeavesTheChosenZone(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	if err := Follow(context.Background(), func(*time.Location) { t.Error("it is another") }); err != nil {
		t.Error(err)
	}
}
