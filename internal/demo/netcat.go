package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// netcat is a real nc with a connection to an application.
type netcat struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	ended chan time.Time
}

func startNetcat(to netip.AddrPort) (*netcat, error) {
	if !to.IsValid() {
		return nil, errors.New("the application does not listen")
	}
	n := &netcat{cmd: exec.Command("nc", to.Addr().String(), fmt.Sprint(to.Port())), lines: make(chan string, 16), ended: make(chan time.Time, 1)}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		n.in, err = n.cmd.StdinPipe()
	}
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start netcat: %w", err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			n.lines <- s.Text()
		}
		at := time.Now()
		n.cmd.Wait()
		n.ended <- at
	}()
	return n, nil
}

// say writes a line and waits for its echo.
func (n *netcat) say(text string) error { return n.write(text+"\n", ": "+text) }

// get asks for a page, and leaves the connection open.
func (n *netcat) get() error { return n.write("GET / HTTP/1.1\r\nHost: lab\r\n\r\n", "</html>") }

// write writes text and waits for a line that ends with answer.
func (n *netcat) write(text, answer string) error {
	if _, err := io.WriteString(n.in, text); err != nil {
		return fmt.Errorf("write to netcat: %w", err)
	}
	t := time.NewTimer(15 * time.Second)
	defer t.Stop()
	for {
		select {
		case line := <-n.lines:
			if strings.HasSuffix(line, answer) {
				return nil
			}
		case at := <-n.ended:
			n.ended <- at
			return errors.New("netcat has ended: its connection was closed")
		case <-t.C:
			return fmt.Errorf("no answer to %q", text)
		}
	}
}

// reset waits until the connection is gone, and says when.
func (n *netcat) reset(ctx context.Context) (time.Time, error) {
	select {
	case at := <-n.ended:
		n.ended <- at
		return at, nil
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("the connection was not cut: %w", context.Cause(ctx))
	}
}

func (n *netcat) close() {
	n.cmd.Process.Kill()
	<-n.ended
}
