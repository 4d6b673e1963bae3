package osdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// Observe looks at what the system asks names with. It changes nothing, but that
// a systemd-resolved that is asked and does not run is started by the bus. Where
// it is away, as while it restarts, that is an error: what is true a moment later
// is not known.
func Observe(ctx context.Context, o Options) (Environment, error) {
	e := observeFiles(o)
	if err := e.observeBus(ctx, o); err != nil {
		return Environment{}, err
	}
	return e, nil
}

// observeFiles is what files say.
func observeFiles(o Options) Environment {
	e := Environment{System: runtime.GOOS}
	_, e.Resolvconf = findResolvconf(o)
	e.Link, _ = os.Readlink(o.path(resolvConf))
	path := o.path(resolvConf)
	if p, err := o.resolve(resolvConf); err == nil {
		path = o.path(p)
	}
	records := recordsAt(o)
	e.Local = slices.ContainsFunc(records, isLocal)
	if b, err := os.ReadFile(path); err == nil {
		if covered(b) {
			b = uncover(b) // what others want there, beside us
		}
		c := parseConf(b)
		e.Servers, e.Program = c.Servers, c.Program
		own := slices.IndexFunc(records, func(r record) bool { return r.name == ourRecord })
		e.Local = e.Local || slices.ContainsFunc(c.Servers, func(a netip.Addr) bool {
			return a.IsLoopback() && (own < 0 || !slices.Contains(records[own].conf.Servers, a))
		})
	}
	if b, err := os.ReadFile(o.path("/etc/nsswitch.conf")); err == nil {
		e.NSS = asksResolve(b)
	}
	e.Mounted = mounted(path)
	e.ReadOnly = unix.Access(filepath.Dir(path), unix.W_OK) != nil && unix.Access(path, unix.W_OK) != nil
	return e
}

// mounted says whether a file is a mount of its own (proc_pid_mountinfo(5)).
func mounted(path string) bool {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range bytes.Lines(b) {
		if words := bytes.Fields(line); len(words) > 4 && string(words[4]) == path {
			return true
		}
	}
	return false
}

// Where systems have their programs.
var programFolders = []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin", "/run/current-system/sw/bin"}

// findResolvconf finds the program of that name, and says which it is.
func findResolvconf(o Options) (name string, is Resolvconf) {
	for _, dir := range programFolders {
		name := filepath.Join(dir, "resolvconf")
		path, err := o.resolve(name)
		if err != nil {
			continue
		}
		if filepath.Base(path) == "resolvectl" {
			return name, SystemdResolvconf
		}
		f, err := os.Open(o.path(path))
		if err != nil {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(f, maxContent))
		f.Close()
		switch {
		case err != nil:
			continue
		case bytes.Contains(text, []byte("openresolv")) || bytes.Contains(text, []byte("Roy Marples")):
			return name, Openresolv
		}
		return name, DebianResolvconf
	}
	return "", NoResolvconf
}

// observeBus is what the system's bus says.
func (e *Environment) observeBus(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	r, err := dialResolve1(ctx, o)
	if nobodyThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.close()
	if !e.leadsToResolved() {
		// It is not started for us, where nobody else asks it.
		has, err := r.runs(ctx)
		if err == nil && !has && e.NSS && r.comes(ctx) {
			err = fmt.Errorf("/etc/nsswitch.conf leads to systemd-resolved, which is just being started or stopped: %w", errAway)
		}
		if err != nil || !has {
			return err
		}
	}
	err = until(ctx, "answer", func(ctx context.Context) (bool, error) {
		if e.Delegates, err = r.knowsDelegates(ctx); err == nil {
			e.Insists, err = r.insists(ctx)
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%s leads to systemd-resolved, which does not answer: `systemctl status systemd-resolved` says why: %w", resolvConf, err)
	}
	e.Resolved = true
	var v dbus.Variant
	if r.bus.Object(systemd1Name, systemd1Path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, systemd1Manager, "Version").Store(&v) == nil {
		e.Version, _, _ = strings.Cut(strings.TrimPrefix(fmt.Sprint(v.Value()), "v"), "-")
	}
	return nil
}

// nobodyThere says whether there is no bus at all.
func nobodyThere(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOENT, syscall.ECONNREFUSED}, func(e error) bool { return errors.Is(err, e) })
}
