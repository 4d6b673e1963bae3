package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/session"
)

// windowTitle is the title of the client's window.
const windowTitle = "Tidegate"

// window measures the time from asking for the window, where no window process
// runs, to the window on the display.
func (b *bench) window(ctx context.Context) error {
	var mapped []float64
	for range min(b.runs, 5) {
		begin := time.Now()
		if err := b.rig.Do(ctx, session.ShowWindow{}); err != nil {
			return err
		}
		if _, err := b.rig.WaitWindow(ctx, windowTitle); err != nil {
			return err
		}
		mapped = append(mapped, millis(time.Since(begin)))
		if err := b.endWindow(ctx); err != nil {
			return err
		}
	}
	report("window-mapped", median(mapped), "ms")
	return nil
}

// endWindow ends the window process, the only child of the client's.
func (b *bench) endWindow(ctx context.Context) error {
	pids, err := children(b.rig.Pid())
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("end the window process: %w", err)
		}
	}
	if err := b.rig.WaitNoWindow(ctx, windowTitle); err != nil {
		return err
	}
	for len(pids) > 0 { // the client waits for it
		if pids, err = children(b.rig.Pid()); err != nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the window process does not end: %w", ctx.Err())
		}
	}
	return nil
}

// children are the processes that a process has started, see proc(5).
func children(pid int) (pids []int, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, fmt.Errorf("read the client's processes: %w", err)
	}
	for _, t := range threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		if err != nil {
			continue // the thread ended meanwhile
		}
		for _, f := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(f)
			if err != nil {
				return nil, fmt.Errorf("read the client's processes: %w", err)
			}
			pids = append(pids, n)
		}
	}
	return pids, nil
}
