package channel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// process is a role that plays in a namespace.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string       // of its output; closed at its end
	heard  func(line string) // is told of what a role says of its own accord; nil: nobody is
	errors bytes.Buffer
	once   sync.Once
	err    error
}

// start starts a role, and does not wait for it to be ready.
func start(in *netlab.Space, name string, args ...string) (*process, error) {
	return startHeard(in, nil, name, args...)
}

// startHeard starts a role of which heard is told the wakes.
func startHeard(in *netlab.Space, heard func(line string), name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: exec.Command(self, append([]string{"role", name}, args...)...), lines: make(chan string, 64), heard: heard}
	p.cmd.Stderr = &p.errors
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := in.Start(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(out)
		for s.Buffer(nil, 16<<20); s.Scan(); {
			if l := s.Text(); p.heard != nil && strings.HasPrefix(l, wakeLine) {
				p.heard(l)
			} else {
				p.lines <- l
			}
		}
	}()
	return p, nil
}

// line is the next line of output.
func (p *process) line(within time.Duration) (string, error) {
	select {
	case l, ok := <-p.lines:
		if !ok {
			return "", errors.Join(fmt.Errorf("%s has ended", p.name), p.stop())
		}
		return l, nil
	case <-time.After(within):
		return "", fmt.Errorf("%s says nothing for %v: %s", p.name, within, p.errors.String())
	}
}

// ready waits until the part is played, and returns what was told with it.
func (p *process) ready() (string, error) {
	l, err := p.line(time.Minute)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(l, "ready")
	if !ok {
		return "", fmt.Errorf("%s says %q", p.name, l)
	}
	return strings.TrimSpace(rest), nil
}

// tell gives a command and waits until it was obeyed.
func (p *process) tell(command string) error {
	if err := p.send(command); err != nil {
		return err
	}
	_, err := p.ready()
	return err
}

// send gives a command that is not answered, or whose answer is read elsewhere.
func (p *process) send(command string) error {
	if _, err := io.WriteString(p.stdin, command+"\n"); err != nil {
		return fmt.Errorf("tell %s to %s: %w", p.name, command, err)
	}
	return nil
}

// kill ends the process without a word, and waits for it.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.stop()
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	p.once.Do(func() {
		p.stdin.Close()
		timer := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
		defer timer.Stop()
		for range p.lines {
		}
		if err := p.cmd.Wait(); err != nil {
			p.err = fmt.Errorf("%s: %w\n%s", p.name, err, p.errors.String())
		}
	})
	return p.err
}

// load plays a load to its end.
func load(in *netlab.Space, args ...string) (loaded, error) {
	p, err := start(in, "load", args...)
	if err != nil {
		return loaded{}, err
	}
	out, err := p.result()
	err = errors.Join(err, p.stop())
	out.worked = p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	return out, err
}

// result is what a load has measured.
func (p *process) result() (out loaded, err error) {
	for {
		l, err := p.line(5 * time.Minute)
		if err != nil {
			return out, err
		}
		if strings.HasPrefix(l, "{") {
			return out, json.Unmarshal([]byte(l), &out)
		}
	}
}
