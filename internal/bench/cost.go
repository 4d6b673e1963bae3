package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the kernel's USER_HZ: 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cost is what a process has used up to an instant, and holds then, see proc(5).
type cost struct {
	at      time.Time
	cpu     time.Duration // user and system, of all its threads
	wakeups int64         // how often a thread that slept was woken
	sent    int64         // packets to controller and gateway
	sockets int
	rss     float64 // MB, of it:
	anon    float64 // its own: heap, stacks
	mapped  float64 // of files: its code, libraries
}

// cost measures the client.
func (b *bench) cost() (c cost, err error) {
	dir := fmt.Sprintf("/proc/%d", b.rig.Pid())
	c.at = time.Now()
	if c.cpu, err = cpuTime(dir); err != nil {
		return c, err
	}
	if c.wakeups, err = wakeups(dir); err != nil {
		return c, err
	}
	if c.sockets, err = sockets(dir); err != nil {
		return c, err
	}
	for _, r := range b.paths {
		c.sent += r.Sent()
	}
	status, err := fields(filepath.Join(dir, "status"))
	if err != nil {
		return c, err
	}
	const kib = 1024
	c.rss, c.anon, c.mapped = status["VmRSS"]/kib, status["RssAnon"]/kib, (status["RssFile"]+status["RssShmem"])/kib
	return c, nil
}

// watch measures the client now and after a time.
func (b *bench) watch(ctx context.Context, d time.Duration) (from, to cost, err error) {
	if from, err = b.cost(); err != nil {
		return from, to, err
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return from, to, ctx.Err()
	}
	to, err = b.cost()
	return from, to, err
}

// percent is how much of one core was used between the two.
func percent(from, to cost) float64 {
	return 100 * float64(to.cpu-from.cpu) / float64(to.at.Sub(from.at))
}

// minutely is how often something happened in a minute between the two.
func minutely(n int64, from, to cost) float64 { return float64(n) / to.at.Sub(from.at).Minutes() }

// reportCost prints what was used between the two, and what is held at the end.
func reportCost(name string, from, to cost) {
	report(name+"-cpu", percent(from, to), "%")
	report(name+"-cpu-time", (to.cpu - from.cpu).Seconds(), "s")
	report(name+"-wakeups", minutely(to.wakeups-from.wakeups, from, to), "a-minute")
	report(name+"-packets", minutely(to.sent-from.sent, from, to), "a-minute")
	report(name+"-sockets", float64(to.sockets), "sockets")
	report(name+"-rss", to.rss, "MB")
	report(name+"-rss-own", to.anon, "MB")
	report(name+"-rss-files", to.mapped, "MB")
}

// cpuTime is what a process has used, user and system.
func cpuTime(dir string) (time.Duration, error) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
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

// wakeups is how often the threads of a process went to sleep of their own, each
// of which ended with a wake-up but the last.
func wakeups(dir string) (n int64, err error) {
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "status"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("read the client's threads: there are none in %s", dir)
	}
	for _, t := range threads {
		status, err := fields(t)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		n += int64(status["voluntary_ctxt_switches"])
	}
	return n, nil
}

// sockets is how many a process has open.
func sockets(dir string) (n int, err error) {
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return 0, fmt.Errorf("read the client's files: %w", err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, "fd", f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n, nil
}

// fields are the numbers of a status file.
func fields(file string) (map[string]float64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read what a process holds: %w", err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) > 0 {
			if n, err := strconv.ParseFloat(f[0], 64); err == nil {
				all[name] = n
			}
		}
	}
	return all, nil
}
