package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

// clockTick is the kernel's USER_HZ: 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// idle measures what the signed-in tray process costs while nobody looks at it
// and nothing uses it.
func (b *bench) idle(ctx context.Context) error {
	_, err := b.rig.Wait(ctx, "its data channel is suspended", func(s *session.State) bool {
		return len(s.Sites) == 1 && s.Sites[0].State == session.Suspended
	})
	if err != nil {
		return err
	}
	pid := b.rig.Pid()
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	select {
	case <-time.After(b.hidden):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := cpuTime(pid)
	if err != nil {
		return err
	}
	rss, err := residentMB(pid)
	if err != nil {
		return err
	}
	report("idle-cpu", 100*float64(after-before)/float64(time.Since(begin)), "%")
	report("idle-rss", rss, "MB")
	return nil
}

// cpuTime is what a process has used, user and system, see proc(5).
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the client's CPU time: %w", err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("read the client's CPU time: %q", b)
	}
	var ticks int64
	for _, s := range f[11:13] { // utime, stime
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the client's CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

func residentMB(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the client's memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n / 1024, err
		}
	}
	return 0, fmt.Errorf("read the client's memory: no VmRSS")
}
