package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// labProcess is the lab, as a process of its own, and what it said of itself.
type labProcess struct {
	cmd        *exec.Cmd
	in         io.WriteCloser
	lines      chan string // what it prints, without the prefix; closed at its end
	controller string
	config     string   // the controller's file
	greeting   []string // who can sign in, and what to try, for people
	link       string   // maya's
	password   string   // maya's
}

// person is who plays the tour.
const person = "maya"

// startLab starts the lab and returns when it is ready.
func startLab(ctx context.Context, program string, args ...string) (*labProcess, error) {
	l := &labProcess{cmd: exec.Command(program, append([]string{"lab"}, args...)...), lines: make(chan string, 64)}
	l.cmd.Stderr = os.Stderr
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		l.in, err = l.cmd.StdinPipe()
	}
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the lab: %w", err)
	}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			if line, ok := strings.CutPrefix(s.Text(), "lab: "); ok {
				l.lines <- line
			}
		}
	}()
	for {
		line, err := l.read(ctx)
		if err != nil {
			l.close()
			return nil, err
		}
		switch f := strings.Fields(line); f[0] {
		case "controller":
			l.controller = f[1]
		case "link":
			if f[1] == person {
				l.link = f[2]
			}
		case "config":
			l.config = f[1]
		case "try:":
			l.greeting = append(l.greeting, line)
		case "person":
			l.greeting = append(l.greeting, line)
			if rest, ok := strings.CutPrefix(line, "person "+person+", password "); ok {
				l.password = rest
			}
		case "ready":
			return l, nil
		}
	}
}

func (l *labProcess) read(ctx context.Context) (string, error) {
	t := time.NewTimer(30 * time.Second)
	defer t.Stop()
	select {
	case line, ok := <-l.lines:
		if !ok {
			return "", fmt.Errorf("the lab has ended")
		}
		return line, nil
	case <-t.C:
		return "", fmt.Errorf("the lab says nothing")
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// ask types a line into the lab's terminal and returns its answer.
func (l *labProcess) ask(ctx context.Context, line string) (string, error) {
	if _, err := fmt.Fprintln(l.in, line); err != nil {
		return "", fmt.Errorf("ask the lab: %w", err)
	}
	answer, err := l.read(ctx)
	if err == nil && strings.HasPrefix(answer, "error") {
		err = fmt.Errorf("the lab: %s", answer)
	}
	return answer, err
}

// code is the next one-time code.
func (l *labProcess) code(ctx context.Context) (string, error) {
	answer, err := l.ask(ctx, "code "+person)
	return answer[strings.LastIndex(answer, " ")+1:], err
}

// packets is how many have passed between clients and the gateway.
func (l *labProcess) packets(ctx context.Context) (int64, error) {
	answer, err := l.ask(ctx, "packets")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(answer[strings.LastIndex(answer, " ")+1:], 10, 64)
}

func (l *labProcess) power(ctx context.Context, line string) error {
	_, err := l.ask(ctx, line)
	return err
}

// administer runs a command of the controller's administrator, and returns
// what it printed.
func (l *labProcess) administer(ctx context.Context, args ...string) (string, error) {
	var out, errOut bytes.Buffer
	c := exec.CommandContext(ctx, l.cmd.Path, append(args, "--config", l.config)...)
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}

// close ends the lab, which ends cleanly.
func (l *labProcess) close() error {
	l.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() {
		for range l.lines {
		}
		ended <- l.cmd.Wait()
	}()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the lab ended badly: %w", err)
		}
		return nil
	case <-time.After(10 * time.Second):
		l.cmd.Process.Kill()
		return fmt.Errorf("the lab did not end: %w", <-ended)
	}
}
