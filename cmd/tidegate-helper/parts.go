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
	"github.com/tidegate/tidegate/internal/helper/sensor"
)

// The helper's own processes, beside the main one.
const (
	keeper  = "names"   // runs the worker, again and again
	worker  = "worker"  // tells the system, and opens the sockets
	standby = "standby" // answers in a client's place
	sensing = "sensing" // runs the sensor, again and again
	looks   = "sensor"  // looks who holds devices, and what drops packets
)

// namesEnv names the descriptor of the main process's end, which it passes to
// itself, and sensedEnv that of the pair with the sensor; channel is the other end's
// in the processes that have it.
const (
	namesEnv  = "TIDEGATE_HELPER_NAMES_FD"
	sensedEnv = "TIDEGATE_HELPER_SENSED_FD"
	channel   = 3
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

// startParts starts those that the main process has a link to, while that is
// possible, and passes on its ends of the pairs: what follows starts this program anew.
func (o settings) startParts() error {
	if os.Getenv(namesEnv) != "" {
		return nil
	}
	links := map[string]*os.File{}
	for part, env := range map[string]string{keeper: namesEnv, sensing: sensedEnv} {
		ours, theirs, err := names.Pair()
		if err != nil {
			return err
		}
		defer ours.Close()
		defer theirs.Close()
		cmd := o.again(part)
		cmd.ExtraFiles = []*os.File{theirs}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start the part %s: %w", part, err)
		}
		links[env] = ours
	}
	for env, ours := range links { // no part has another's
		fd, err := unix.Dup(int(ours.Fd())) // this one stays open
		if err != nil {
			return fmt.Errorf("pass a socket pair on: %w", err)
		}
		if err := os.Setenv(env, strconv.Itoa(fd)); err != nil {
			return err
		}
	}
	return nil
}

// linked is the link to the part for names.
func linked() (*names.Link, error) {
	fd, err := strconv.Atoi(os.Getenv(namesEnv))
	if err != nil {
		return nil, errors.New("no part for names is there")
	}
	return names.NewLink(fd)
}

// sensed is the link to the part that looks.
func sensed() (*sensor.Link, error) {
	fd, err := strconv.Atoi(os.Getenv(sensedEnv))
	if err != nil {
		return nil, errors.New("no part that looks is there")
	}
	unix.CloseOnExec(fd)
	return sensor.NewLink(fd)
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

// seeing is what the sensor takes: to be told of nftables, and to look into other
// processes. A machine's administrator may leave it less.
var seeing = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_PTRACE}

// sense is the process that runs the sensor.
func (o settings) sense() error {
	have, err := confine.Available(append([]uintptr{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP}, seeing...)...)
	if err != nil {
		return err
	}
	if err := confine.Capabilities(confine.Keep{Capabilities: have}); err != nil {
		return err
	}
	if err := confine.SystemCalls(confine.Allow{Programs: true}); err != nil {
		return err
	}
	return names.Keep(channel, func() *exec.Cmd { return o.again(looks) }, o.server.Log)
}

// look is the process that looks. It is nobody's: it has no file to write.
func (o settings) look(ctx context.Context) error {
	have, err := confine.Available(seeing...)
	if err != nil {
		return err
	}
	if err := confine.Capabilities(confine.Keep{Capabilities: have, User: nobody}); err != nil {
		return err
	}
	if err := confine.SystemCalls(confine.Allow{}); err != nil {
		return err
	}
	return sensor.Watch(ctx, channel, o.server.Log)
}
