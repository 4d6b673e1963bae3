package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// errAway says that a program is not on this machine and could not be had.
var errAway = errors.New("it is not here")

// program is a server that runs in a namespace.
type program struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser // of a role; nil for others
	said   bytes.Buffer
	ended  chan struct{}
	once   sync.Once
	result error
}

// startRole starts this binary in a role.
func startRole(in *netlab.Space, role string, args ...string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	p := &program{name: role, cmd: exec.Command(self, append([]string{"role", role}, args...)...)}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return p, p.start(in)
}

// start starts a program of the machine's.
func (w *world) start(path string, args ...string) (*program, error) {
	p := &program{name: filepath.Base(path), cmd: exec.Command(path, args...)}
	return p, p.start(w.near)
}

func (p *program) start(in *netlab.Space) error {
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.ended = make(chan struct{})
	if err := in.Start(p.cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		p.result = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// stop ends the program and waits for it. That it was ended is no error.
func (p *program) stop() error {
	if p == nil || p.ended == nil {
		return nil
	}
	p.once.Do(func() {
		select {
		case <-p.ended:
			p.result = fmt.Errorf("%s has ended by itself: %w\n%s", p.name, p.result, p.said.String())
			return
		default:
		}
		if p.stdin != nil {
			p.stdin.Close()
		} else {
			p.cmd.Process.Signal(syscall.SIGTERM)
		}
		timer := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
		defer timer.Stop()
		<-p.ended
		if p.stdin == nil {
			p.result = nil
		} else if p.result != nil {
			p.result = fmt.Errorf("%s: %w\n%s", p.name, p.result, p.said.String())
		}
	})
	return p.result
}

// fetched is a program of a Debian package that is unpacked below build, and not
// installed: its scripts would start a server on this machine.
func fetched(ctx context.Context, pkg, program string) (path string, err error) {
	dir, err := filepath.Abs(filepath.Join("build", "bench", pkg))
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "root", program)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	get := exec.CommandContext(ctx, "apt-get", "download", "-q", pkg)
	get.Dir = dir
	if out, err := get.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: apt-get download %s: %w: %s", errAway, pkg, err, bytes.TrimSpace(out))
	}
	files, err := filepath.Glob(filepath.Join(dir, pkg+"_*.deb"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("%w: apt-get download %s left nothing", errAway, pkg)
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", files[len(files)-1], filepath.Join(dir, "root")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack %s: %w: %s", pkg, err, bytes.TrimSpace(out))
	}
	return path, nil
}
