//go:build linux

// Package client asks the helper for a network device, and to have names come to
// us. The tray process uses it. Each call is a connection of its own: the device
// lives as long as its descriptor, whatever becomes of the helper. Safe for
// concurrent use.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// ErrAbsent says that no helper is installed here, or that this user may not
// reach it.
var ErrAbsent = errors.New("there is no helper")

// patience bounds a call whose context has no end.
const patience = 20 * time.Second

// Helper is the one that listens at a path; the zero value is the system's.
type Helper struct{ Socket string }

// Device is a TUN, as protocol.OpenTUN makes it.
type Device struct {
	File *os.File // not blocking; its Close removes the device
	protocol.Device
}

// Ping says whether the helper is there and answers: ErrAbsent, another error,
// or nil. It changes nothing.
func (h Helper) Ping(ctx context.Context) error {
	c, err := h.dial(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// OpenTUN has the helper make this user's device. A refusal is a
// *protocol.Refusal.
func (h Helper) OpenTUN(ctx context.Context) (*Device, error) {
	reply, fds, err := h.ask(ctx, protocol.Request{Verb: protocol.OpenTUN})
	if err != nil {
		return nil, err
	}
	if len(fds) != 1 || reply.Device == nil {
		sockets.CloseAll(fds)
		return nil, errors.New("the helper's answer has no device")
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		sockets.CloseAll(fds)
		return nil, fmt.Errorf("take the device: %w", err)
	}
	return &Device{File: os.NewFile(uintptr(fds[0]), "/dev/net/tun"), Device: *reply.Device}, nil
}

// ApplyRoutes has exactly these routes and networks reached through the device,
// and returns the networks that are not; see protocol.ApplyRoutes.
func (h Helper) ApplyRoutes(ctx context.Context, routes, networks []netip.Prefix) (left map[protocol.Code][]netip.Prefix, err error) {
	reply, err := h.plain(ctx, protocol.Request{Verb: protocol.ApplyRoutes, Routes: routes, Networks: networks})
	return reply.Left, err
}

// Close has the helper undo all that it did for this user.
func (h Helper) Close(ctx context.Context) error {
	_, err := h.plain(ctx, protocol.Request{Verb: protocol.Close})
	return err
}

func (h Helper) plain(ctx context.Context, r protocol.Request) (protocol.Reply, error) {
	reply, fds, err := h.ask(ctx, r)
	sockets.CloseAll(fds)
	return reply, err
}

func (h Helper) dial(ctx context.Context) (*net.UnixConn, error) {
	path := h.Socket
	if path == "" {
		path = protocol.Socket
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %v", ErrAbsent, err)
	case err != nil:
		return nil, fmt.Errorf("reach the helper: %w", err)
	}
	u := c.(*net.UnixConn)
	if err := roots(u); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// roots refuses a helper that is not root's: it would be somebody's own.
func roots(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at the helper: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return fmt.Errorf("look at the helper: %w", err)
	}
	if failed != nil {
		return fmt.Errorf("look at the helper: %w", failed)
	}
	if cred.Uid != 0 {
		return fmt.Errorf("the helper's socket is served by user %d and not by root", cred.Uid)
	}
	return nil
}

// ask asks for one thing. The descriptors are the caller's to close.
func (h Helper) ask(ctx context.Context, r protocol.Request) (protocol.Reply, []int, error) {
	reply, fds, c, err := h.call(ctx, r)
	if err == nil {
		c.Close()
	}
	return reply, fds, err
}

// call is ask, and leaves the connection as it is.
func (h Helper) call(ctx context.Context, r protocol.Request) (reply protocol.Reply, fds []int, c *net.UnixConn, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if c, err = h.dial(ctx); err != nil {
		return protocol.Reply{}, nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			return
		}
		c.Close()
		sockets.CloseAll(fds)
		reply, fds, c = protocol.Reply{}, nil, nil
		if ctx.Err() != nil {
			err = fmt.Errorf("ask the helper: %w", context.Cause(ctx))
		}
	}()
	b, err := protocol.Encode(r)
	if err != nil {
		return reply, nil, c, err
	}
	if _, err = c.Write(b); err != nil {
		return reply, nil, c, fmt.Errorf("ask the helper: %w", err)
	}
	if b, fds, err = receive(c); err != nil {
		return reply, fds, c, fmt.Errorf("ask the helper: %w", err)
	}
	if reply, err = protocol.DecodeReply(b); err != nil {
		return reply, fds, c, fmt.Errorf("ask the helper: %w", err)
	}
	if reply.Refusal != nil {
		return reply, fds, c, reply.Refusal
	}
	return reply, fds, c, nil
}

// receive reads one message and the descriptors beside it, if there are any.
func receive(c *net.UnixConn) (b []byte, fds []int, err error) {
	var first [1]byte
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, nob, _, _, err := c.ReadMsgUnix(first[:], oob)
	if err != nil {
		return nil, nil, err
	}
	if fds, err = passed(oob[:nob]); err != nil {
		return nil, fds, err
	}
	if n == 0 {
		return nil, fds, io.ErrUnexpectedEOF
	}
	b, err = protocol.Read(io.MultiReader(bytes.NewReader(first[:]), c))
	return b, fds, err
}

// passed takes the descriptors that were passed.
func passed(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("take the descriptor: %w", err)
	}
	for _, m := range messages {
		if got, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, got...)
		}
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fds, nil
}
