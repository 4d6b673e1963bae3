//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/confine"
	"github.com/tidegate/tidegate/internal/helper/names"
)

// The helper's own processes, beside the main one.
const (
	keeper  = "names"   // runs the worker, again and again
	worker  = "worker"  // tells the system, and opens the sockets
	standby = "standby" // answers in a client's place
)

// namesEnv names the descriptor of the main process's end, which it passes to
// itself, channel the other end's in the two that have it.
const (
	namesEnv = "TIDEGATE_HELPER_NAMES_FD"
	channel  = 3
)

// nobody has no rights but everybody's.
const nobody = 65534

// wide is what the part for names takes: links and rules, port 53, and files and
// folders that are others', put back as they were; the standby is another user's.
var wide = []uintptr{
	unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE,
	unix.CAP_DAC_OVERRIDE, unix.CAP_CHOWN, unix.CAP_FOWNER,
	unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL,
}

// again is this program as another part, with an environment of its own.
func (o settings) again(part string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-part", part, "-config", o.config, "-root", o.names.OS.Root, "-bus", o.names.OS.Bus)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stderr = os.Stderr
	return cmd
}

// startNames starts the part for names, while that is possible, and passes on the
// end of the pair: what follows starts this program anew.
func (o settings) startNames() error {
	if os.Getenv(namesEnv) != "" {
		return nil
	}
	ours, theirs, err := names.Pair()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
	cmd := o.again(keeper)
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the part for names: %w", err)
	}
	fd, err := unix.Dup(int(ours.Fd())) // this one stays open
	if err != nil {
		return fmt.Errorf("pass the socket pair on: %w", err)
	}
	return os.Setenv(namesEnv, strconv.Itoa(fd))
}

// linked is the link to the part for names.
func linked() (*names.Link, error) {
	fd, err := strconv.Atoi(os.Getenv(namesEnv))
	if err != nil {
		return nil, errors.New("no part for names is there")
	}
	return names.NewLink(fd)
}

// startStandby is the standby's process.
func (o settings) startStandby() *exec.Cmd {
	cmd := o.again(standby)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// keep is the process that runs the worker.
func (o settings) keep() error {
	have, err := confine.Available(wide...)
	if err != nil {
		return err
	}
	if err := confine.Capabilities(confine.Keep{Capabilities: have}); err != nil {
		return err
	}
	if err := confine.SystemCalls(confine.Allow{Programs: true, Files: true, Internet: true}); err != nil {
		return err
	}
	return names.Keep(channel, func() *exec.Cmd { return o.again(worker) }, o.server.Log)
}

// work is the process that tells the system. What confines its parent confines it.
func (o settings) work(ctx context.Context) error {
	return names.Work(ctx, channel, o.names)
}

// standby is the process that answers in a client's place.
func (o settings) standby(ctx context.Context) error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep other processes of this user out: %w", err)
	}
	if err := confine.SystemCalls(confine.Allow{Internet: true}); err != nil {
		return err
	}
	return names.Stand(ctx, os.Stdin, o.server.Log)
}
