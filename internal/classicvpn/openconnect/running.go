package openconnect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/session"
)

// leave is how long openconnect has to take leave of the server and to run the hook,
// and last how long what it said last may take to come.
const (
	leave = 5 * time.Second
	last  = time.Second
)

// Tunnel is what a session is connected by.
type Tunnel struct {
	// Device is the network device, which is there and is the user's.
	Device   string
	Protocol session.VPNProtocol
	// Hook is the program that openconnect runs with the server's settings in its
	// environment, with arguments: a shell's command line.
	Hook string
	// Env are variables for the hook ("NAME=value"), beside those of this process.
	Env []string
	// Log tells what openconnect says, without secrets; nil: nobody.
	Log *slog.Logger
}

// Running is an openconnect that holds a tunnel. It ends with this process, whatever
// ends it.
type Running struct {
	process  *process
	log      *slog.Logger
	hidden   redactor
	stopping atomic.Bool
	once     sync.Once // tells it to leave
	ended    chan struct{}
	failure  *Failure // once ended is closed; nil: it was to end

	mu        sync.Mutex
	lines     []string // since it was last connected, or began to
	spoken    bool     // it has said something
	connected bool
	transport string
}

// Start starts openconnect on a session. Whether it has come to a tunnel tells the
// hook; why it has not tells Wait. The end of ctx stops it.
func (e Engine) Start(ctx context.Context, s Session, t Tunnel) (*Running, error) {
	if err := e.Speaks(t.Protocol); err != nil {
		return nil, err
	}
	if !s.Valid() {
		return nil, failed(session.VPNExpired, "there is no session")
	}
	if t.Device == "" || t.Hook == "" {
		return nil, failed(session.VPNFailed, "a tunnel needs a device and a hook")
	}
	args := tunnelArguments(s, t)
	long := len(s.cookie) > maxAnswer
	if long {
		args = append([]string{"--config=/dev/fd/3"}, args...)
	} else {
		args = append([]string{"--cookie-on-stdin"}, args...)
	}
	c := exec.Command(e.Path, args...)
	c.Env = environment(os.Environ(), t.Env...)
	if long {
		f, err := holding("cookie=" + s.cookie + "\n")
		if err != nil {
			return nil, failed(session.VPNFailed, clean(err.Error(), maxWord))
		}
		defer f.Close()
		c.ExtraFiles = []*os.File{f}
	}
	p, err := run(c, true)
	if err != nil {
		return nil, failed(session.VPNNoEngine, clean(err.Error(), maxWord))
	}
	r := &Running{process: p, log: t.Log, ended: make(chan struct{})}
	r.hidden.hide(s.cookie)
	for part := range strings.SplitSeq(s.cookie, ";") {
		_, value, _ := strings.Cut(part, "=")
		r.hidden.hide(value)
	}
	for _, v := range t.Env {
		if _, value, _ := strings.Cut(v, "="); len(value) >= 16 { // a token, or a path that need not be told
			r.hidden.hide(value)
		}
	}
	if !long { // a pipe takes it whole
		if _, err := io.WriteString(p.in, s.cookie+"\n"); err != nil {
			r.note("it took no cookie")
		}
	}
	p.in.Close()
	go r.watch()
	stop := context.AfterFunc(ctx, func() { r.Stop(context.Background()) })
	go func() {
		<-r.ended
		stop()
	}()
	return r, nil
}

// holding is a pipe with that in it, and no more to come. openconnect 9.01 cuts a
// line of its standard input at 1024 bytes, and a line of its configuration nowhere.
func holding(s string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	w.SetWriteDeadline(time.Now().Add(last)) // should it be more than a pipe holds
	_, err = io.WriteString(w, s)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("fill a pipe: %w", err)
	}
	return r, nil
}

// tunnelArguments are openconnect's, but for where the cookie is.
func tunnelArguments(s Session, t Tunnel) []string {
	args := []string{
		"--protocol=" + string(t.Protocol), "--no-system-trust", "--non-inter",
		"--servercert=" + s.Fingerprint, "--interface=" + t.Device, "--script=" + t.Hook,
	}
	if s.Resolve != "" {
		args = append(args, "--resolve="+s.Resolve)
	}
	return append(args, "--server="+s.server())
}

// watch reads what it says until it has ended.
func (r *Running) watch() {
	defer close(r.ended)
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := bufio.NewReaderSize(r.process.err, maxLine)
		for {
			line, cut, err := b.ReadLine()
			if err != nil {
				return
			}
			r.note(string(line))
			for cut && err == nil { // the rest of a line that is too long
				_, cut, err = b.ReadLine()
			}
		}
	}()
	<-r.process.done
	r.process.err.SetReadDeadline(time.Now().Add(last)) // what it has started might hold it open
	<-read
	r.process.close()
	if r.stopping.Load() {
		return
	}
	state := r.process.ended()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = ended(state.ExitCode(), !state.Exited(), r.lines, r.connected, &r.hidden)
}

// note takes a line.
func (r *Running) note(line string) {
	line = strings.ToValidUTF8(line, "")
	r.mu.Lock()
	r.spoken = true
	r.lines = keep(r.lines, line)
	if strings.HasPrefix(line, "Configured as ") {
		r.lines, r.connected = nil, true
	}
	if t, ok := transport(line); ok && r.connected {
		r.transport = t
	}
	r.mu.Unlock()
	if r.log != nil {
		r.log.Debug("openconnect says", "line", r.hidden.line(line, maxWord))
	}
}

// Reconnect has it connect to the server anew with the same session: after the
// network or its sleep has changed under it. One that is only beginning to connect
// does so anyway.
func (r *Running) Reconnect() error {
	select {
	case <-r.ended:
		return errors.New("reconnect: openconnect has ended")
	default:
	}
	r.mu.Lock()
	early := !r.connected
	r.mu.Unlock()
	if early { // the signal might end what does not know it yet
		return nil
	}
	if err := r.process.process.Signal(signalReconnect); err != nil {
		return fmt.Errorf("reconnect: %w", err)
	}
	return nil
}

// Stop has it take leave of the server, which ends the session, and waits until it
// has ended; after 5 seconds, or with the end of ctx, it is killed. It may be called
// more than once.
func (r *Running) Stop(ctx context.Context) error {
	r.stopping.Store(true)
	r.once.Do(func() { r.process.process.Signal(signalStop) }) // one that has ended needs none
	t := time.NewTimer(leave)
	defer t.Stop()
	select {
	case <-r.ended:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	r.process.process.Kill()
	<-r.ended
	return nil
}

// Wait waits until it has ended: nil where Stop or ctx ended it, otherwise a *Failure
// that says why. Every call returns the same.
func (r *Running) Wait() error {
	<-r.ended
	if r.failure == nil {
		return nil
	}
	return r.failure
}

// Done is closed when it has ended.
func (r *Running) Done() <-chan struct{} { return r.ended }

// Transport is what carries the packets now: "TLS", "DTLS" or "ESP"; empty: nothing
// yet.
func (r *Running) Transport() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.transport
}
