//go:build linux

package names

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	resolverstandby "github.com/tidegate/tidegate/dnssplit/resolver/standby"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// standby is the process that answers in a client's place. It ends with its
// input. Nil is none.
type standby struct {
	fds  []int
	cmd  *exec.Cmd
	in   io.Closer
	over chan struct{} // closed when cmd has ended
	last time.Time     // when it was started
}

// orders are what a standby is told.
type orders struct {
	Zones     []string         `json:"zones"`
	Upstreams []osdns.Upstream `json:"upstreams"`
}

// start starts it, in the place of the one before: between them nothing is lost.
func (s *standby) start(o Options, zones []string, upstreams []osdns.Upstream) {
	old := *s
	s.cmd, s.in, s.over = nil, nil, nil
	if err := s.run(o, orders{zones, upstreams}, time.Since(old.last) < calm); err != nil {
		o.Log.Error("answer names in a client's place", "err", err)
		over := make(chan struct{})
		s.over = over
		time.AfterFunc(calm, func() { close(over) }) // then it is tried again
	}
	old.kill()
}

func (s *standby) run(o Options, what orders, soon bool) error {
	if soon { // it ends as soon as it is started
		time.Sleep(gather)
	}
	s.last = time.Now()
	b, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("tell the standby: %w", err)
	}
	cmd := o.Standby()
	again, err := sockets.Double(s.fds)
	if err != nil {
		return err
	}
	for _, fd := range again {
		f := os.NewFile(uintptr(fd), "socket")
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the standby: %w", err)
	}
	if err := cmd.Start(); err != nil {
		in.Close()
		return fmt.Errorf("start the standby: %w", err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		cmd.Wait()
	}()
	s.cmd, s.in, s.over = cmd, in, over
	if _, err := in.Write(append(b, '\n')); err != nil {
		o.Log.Error("tell the standby", "err", err) // it has ended: that is seen
	}
	return nil
}

// ended is closed when it has ended by itself; nil: there is none to end.
func (s *standby) ended() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.over
}

func (s *standby) kill() {
	if s.cmd != nil {
		s.in.Close()
		s.cmd.Process.Kill()
		<-s.over
	}
}

// stop ends it, and gives the sockets up.
func (s *standby) stop() {
	if s != nil {
		s.kill()
		sockets.CloseAll(s.fds)
		*s = standby{}
	}
}

// Stand is the standby's process: it answers on the sockets that are descriptors
// 3 and 4, as in says, until in ends.
func Stand(ctx context.Context, in io.Reader, log *slog.Logger) error {
	read := json.NewDecoder(in)
	var what orders
	if err := read.Decode(&what); err != nil {
		return fmt.Errorf("hear what to stand in for: %w", err)
	}
	udp, tcp, err := sockets.Take([]int{3, 4})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // it ends with the process
		io.Copy(io.Discard, in)
		cancel()
	}()
	to := make([]resolver.Upstream, len(what.Upstreams))
	for i, o := range what.Upstreams {
		to[i] = resolver.Upstream(o)
	}
	err = resolverstandby.Standby{Log: log}.Run(ctx, udp, tcp, what.Zones, to)
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
