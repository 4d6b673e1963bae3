package channel

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

// counts are what a role's process holds.
type counts struct {
	Goroutines  int   `json:"goroutines"`
	Descriptors int   `json:"descriptors"`
	Heap        int64 `json:"heap"` // bytes in use after two collections
	Sessions    int   `json:"sessions"`
	Flows       int   `json:"flows"`
	// Datagrams and Echoes are those that came back, and Altered the datagrams that
	// are not what was sent.
	Datagrams int64 `json:"datagrams,omitempty"`
	Echoes    int64 `json:"echoes,omitempty"`
	Altered   int64 `json:"altered,omitempty"`
}

func (c counts) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MiB of heap, %d sessions, %d flows", c.Goroutines, c.Descriptors, float64(c.Heap)/(1<<20), c.Sessions, c.Flows)
}

// tell tells what this process holds. Where profiles are asked for, those of its
// goroutines and its heap are left with them.
func tell(r *role, c counts) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.Heap, c.Goroutines = int64(m.HeapAlloc), runtime.NumGoroutine()
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		c.Descriptors = len(fds)
	}
	if dir := os.Getenv("TIDEGATE_BENCH_PROFILES"); dir != "" {
		for name, debug := range map[string]int{"goroutine": 1, "heap": 0} {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s.%d.%s.%s", name, os.Getpid(), r.lane, time.Now().Format("150405"))))
			if err == nil {
				pprof.Lookup(name).WriteTo(f, debug)
				f.Close()
			}
		}
	}
	b, _ := json.Marshal(c) // numbers
	ready(string(b))
}

// counts asks a role what it holds.
func (p *process) counts() (c counts, err error) {
	if err := p.send("counts"); err != nil {
		return c, err
	}
	l, err := p.ready()
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(l), &c)
}
