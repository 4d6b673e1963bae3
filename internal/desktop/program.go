//go:build linux

package desktop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is what a program has to end in before it is killed.
const grace = 3 * time.Second

// program is one running part of the desktop, and the head of its own process
// group.
type program struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it and its group have ended
	err  error         // why, once done is closed
}

// spec of a program to start.
type spec struct {
	name  string
	args  []string
	env   []string // instead of the desktop's
	stdin string
	ready bool // it writes a line to descriptor 3 when it serves
}

// launch starts a program and, if its spec says that it tells, returns the
// line that it wrote when it was ready.
func (d *Desktop) launch(ctx context.Context, s spec) (*program, string, error) {
	path, err := exec.LookPath(s.name)
	if err != nil {
		return nil, "", fmt.Errorf("start %s: it is not installed, packaging/deps.sh does that: %w", s.name, err)
	}
	p := &program{name: path[strings.LastIndexByte(path, '/')+1:], done: make(chan struct{})}
	log, err := os.CreateTemp(d.tree.path("log"), p.name+"-*.log")
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	p.log = log.Name()
	p.cmd = exec.Command(path, s.args...)
	p.cmd.Env = d.Env()
	if s.env != nil {
		p.cmd.Env = s.env
	}
	p.cmd.Dir = d.Home()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if s.stdin != "" {
		p.cmd.Stdin = strings.NewReader(s.stdin)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var told *os.File
	if s.ready {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, "", fmt.Errorf("start %s: %w", p.name, err)
		}
		defer r.Close()
		defer w.Close()
		told, p.cmd.ExtraFiles = r, []*os.File{w}
	}
	if err := d.adopt(p); err != nil {
		return nil, "", err
	}
	if told == nil {
		return p, "", nil
	}
	p.cmd.ExtraFiles[0].Close()
	line, err := firstLine(ctx, told)
	if err != nil {
		p.stop()
		d.forget(p)
		return nil, "", p.fail(fmt.Errorf("wait for %s: %w", p.name, err))
	}
	return p, line, nil
}

// adopt starts p and takes it among the programs that Close ends.
func (d *Desktop) adopt(p *program) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing {
		return fmt.Errorf("start %s: the desktop is closed", p.name)
	}
	if err := d.keep.do(p.cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	d.log.Debug("started", "program", p.name, "pid", p.cmd.Process.Pid)
	d.programs = append(d.programs, p)
	go p.reap()
	return nil
}

// forget takes an ended program off the list of those that must be alive.
func (d *Desktop) forget(p *program) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, q := range d.programs {
		if q == p {
			d.programs = append(d.programs[:i:i], d.programs[i+1:]...)
			return
		}
	}
}

// firstLine reads the line with which a program says that it is ready.
func firstLine(ctx context.Context, r *os.File) (string, error) {
	defer context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Unix(1, 0)) })()
	line, err := bufio.NewReader(r).ReadString('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return "", errors.New("it ended before it was ready")
	}
	return strings.TrimSpace(line), err
}

// reap waits for the program's end and then ends what is left of its group.
// The group is signalled before the program is reaped: until then its number
// cannot belong to anybody else.
func (p *program) reap() {
	pid := p.cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	unix.Kill(-pid, unix.SIGKILL)
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop ends the program and its group, and returns when they have ended.
func (p *program) stop() {
	select {
	case <-p.done:
		return
	default:
	}
	p.cmd.Process.Signal(unix.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(grace):
	}
	p.cmd.Process.Kill()
	<-p.done
}

// fail is err with the end of the program's log.
func (p *program) fail(err error) error {
	text, readErr := os.ReadFile(p.log)
	if readErr != nil || len(text) == 0 {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 15 {
		lines = lines[len(lines)-15:]
	}
	return fmt.Errorf("%w; the log of %s ends:\n\t%s", err, p.name, strings.Join(lines, "\n\t"))
}
