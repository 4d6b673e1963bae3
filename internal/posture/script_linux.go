package posture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	scriptTime = 5 * time.Second // if the declaration says nothing
	nobody     = 65534
)

// scriptProbe runs the program that the administrator declared and reads what
// it prints.
func scriptProbe(g wire.Gather, log *slog.Logger) func(context.Context, wire.DeviceClaims) {
	return func(ctx context.Context, c wire.DeviceClaims) {
		v, err := script(ctx, g)
		if err != nil {
			log.Warn("a script's claim is left out", "claim", g.Name, "reason", err)
			return
		}
		c[g.Name] = v
	}
}

func script(ctx context.Context, g wire.Gather) (any, error) {
	limit := g.Timeout.D()
	if limit <= 0 {
		limit = scriptTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	program, err := sealed(ctx, g)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	out, err := execute(ctx, program)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", g.Path, err)
	}
	v, err := readOutput(g.Type, out)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", g.Path, err)
	}
	return v, nil
}

// sealed returns the declared program, if it has the declared digest, in memory
// that nobody can change any more: what was checked is what runs, even if the
// file is written to meanwhile.
func sealed(ctx context.Context, g wire.Gather) (*os.File, error) {
	path, err := locate(g.Path)
	if err != nil {
		return nil, err
	}
	if s, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("look at a script: %w", err)
	} else if s.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("%s is not executable: chmod +x it", path)
	}
	var program bytes.Buffer
	sum, err := digest(ctx, path, &program)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(sum, g.SHA256) {
		return nil, fmt.Errorf("%s is not what the administrator declared: its SHA-256 is %s", path, sum)
	}
	return seal(program.Bytes())
}

// seal puts a program into memory and makes it unchangeable.
func seal(program []byte) (*os.File, error) {
	// A child that another goroutine starts just now would keep the writable
	// descriptor for a moment, and the program could not be run (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	const name = "tidegate-claim"
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make memory for a script: %w", err)
	}
	w := os.NewFile(uintptr(fd), name)
	defer w.Close()
	if _, err := w.Write(program); err != nil {
		return nil, fmt.Errorf("copy a script: %w", err)
	}
	if _, err := unix.FcntlInt(w.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		return nil, fmt.Errorf("seal a script: %w", err)
	}
	r, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("open a sealed script: %w", err)
	}
	return r, nil
}

// execute runs the program with nothing of this process's and returns what it
// printed. It and all that it started in its process group have been killed
// when execute returns.
func execute(ctx context.Context, program *os.File) (out []byte, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// This thread can gain no privileges any more, nor can what it starts:
		// it ends with this goroutine. So would the child (Pdeathsig).
		runtime.LockOSThread()
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
			out, err = executeHere(ctx, program)
		}
	}()
	<-done
	return out, err
}

func executeHere(ctx context.Context, program *os.File) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close()
	cmd := command(program)
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	ended, output := make(chan struct{}), make(chan []byte, 1)
	go func() { awaitEnd(cmd.Process.Pid); close(ended) }()
	go func() {
		b, _ := io.ReadAll(io.LimitReader(r, maxOutput+1))
		output <- b
	}()
	var out []byte
	for over := false; !over; {
		select {
		case out = <-output:
			output, over = nil, len(out) > maxOutput
		case <-ended:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
	// The group's number is the child's until somebody waits for the child.
	unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	<-ended
	failed := cmd.Wait()
	if output != nil {
		// Whoever left the group may still hold the pipe.
		r.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		out = <-output
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it took too long: %w", ctx.Err())
	case len(out) > maxOutput:
		return nil, fmt.Errorf("it printed more than %d bytes", maxOutput)
	}
	return out, failed
}

// command is the program as it is run: with this user's rights at most, and
// with nobody's for root.
func command(program *os.File) *exec.Cmd {
	const self = "/proc/self/fd/3" // the program, to the child and to its interpreter
	cmd := &exec.Cmd{
		Path:        self,
		Args:        []string{self},
		Env:         []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"},
		Dir:         "/",
		ExtraFiles:  []*os.File{program},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	home := "/nonexistent"
	if os.Geteuid() == 0 || os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	} else if own, err := os.UserHomeDir(); err == nil {
		home = own
	}
	cmd.Env = append(cmd.Env, "HOME="+home)
	return cmd
}

// awaitEnd returns when the child has ended, and leaves it to be waited for.
func awaitEnd(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
