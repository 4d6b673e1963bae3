package openconnect

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// process is an openconnect that runs. It has a thread of its own for as long as it
// lives, so that it can be made to end with us.
type process struct {
	in   *os.File // its standard input, as we write it
	tty  *os.File // the terminal that its standard input is; nil: it is a pipe
	out  *os.File // its standard output; nil: with err
	err  *os.File // its standard error
	done chan struct{}

	process *os.Process // set before start returns
	state   *os.ProcessState
}

// ended says how it ended, once done is closed.
func (p *process) ended() *os.ProcessState { return p.state }

// close lets its pipes go.
func (p *process) close() {
	for _, f := range []*os.File{p.in, p.tty, p.out, p.err} {
		if f != nil {
			f.Close()
		}
	}
}

// kill ends it by force, and waits until it has.
func (p *process) kill() {
	p.process.Kill()
	<-p.done
}

// run starts c with pipes, on a thread that lives as long as it: the kernel ends what
// a thread has started with that thread.
func run(c *exec.Cmd, together bool) (*process, error) {
	p := &process{done: make(chan struct{})}
	var theirs []*os.File
	closeTheirs := func() {
		for _, f := range theirs {
			f.Close()
		}
	}
	pipe := func(ours **os.File, write bool) (*os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		their := w
		*ours = r
		if write {
			*ours, their = w, r
		}
		theirs = append(theirs, their)
		return their, nil
	}
	var in *os.File
	var err error
	if !together { // one that asks tells by a terminal what is to be hidden
		p.in, p.tty, _ = terminal() // where there are none, a pipe does
		in = p.tty
	}
	if in == nil {
		in, err = pipe(&p.in, true)
	}
	if err == nil {
		c.Stdin = in
		var f *os.File
		if f, err = pipe(&p.err, false); err == nil {
			c.Stderr, c.Stdout = f, f
		}
	}
	if err == nil && !together {
		var f *os.File
		if f, err = pipe(&p.out, false); err == nil {
			c.Stdout = f
		}
	}
	if err != nil {
		closeTheirs()
		p.close()
		return nil, err
	}
	c.SysProcAttr = attributes()
	started := make(chan error, 1)
	go func() {
		err := keepThread()
		if err == nil {
			err = c.Start()
		}
		closeTheirs()
		p.process = c.Process
		started <- err
		if err != nil {
			return
		}
		if p.tty != nil {
			go io.Copy(io.Discard, p.in) // what it echoes
		}
		c.Wait() // its state says all
		p.state = c.ProcessState
		close(p.done)
	}()
	if err := <-started; err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// environment is what openconnect gets of ours: without languages, so that its words
// are those that are known.
func environment(ours []string, more ...string) []string {
	e := slices.DeleteFunc(slices.Clone(ours), func(v string) bool {
		return strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG=") || strings.HasPrefix(v, "LANGUAGE=")
	})
	return append(append(e, more...), "LC_ALL=C.UTF-8")
}
