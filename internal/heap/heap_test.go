package heap

import (
	"runtime"
	"testing"
)

var sink []byte

func TestFloor(t *testing.T) {
	collections := func() uint32 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 64 << 10 {
			sink = make([]byte, 1<<10)
		}
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	without := collections()
	Floor(64 << 20)
	if with := collections(); with > 2 || with*4 > without {
		t.Errorf("%d collections with the floor, %d without", with, without)
	}
}
