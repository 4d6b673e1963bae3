//go:build linux

// Package client asks the helper for a network device. The tray process uses
// it. Each call is a connection of its own: the device lives as long as its
// descriptor, whatever becomes of the helper. Safe for concurrent use.
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
	reply, f, err := h.call(ctx, protocol.Request{Verb: protocol.OpenTUN})
	if err != nil {
		return nil, err
	}
	if f == nil || reply.Device == nil {
		if f != nil {
			f.Close()
		}
		return nil, errors.New("the helper's answer has no device")
	}
	return &Device{File: f, Device: *reply.Device}, nil
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
	reply, f, err := h.call(ctx, r)
	if f != nil {
		f.Close()
	}
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

// call asks for one thing. A descriptor is the caller's to close.
func (h Helper) call(ctx context.Context, r protocol.Request) (reply protocol.Reply, f *os.File, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := h.dial(ctx)
	if err != nil {
		return protocol.Reply{}, nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	b, err := protocol.Encode(r)
	if err != nil {
		return protocol.Reply{}, nil, err
	}
	defer func() {
		if err != nil && f != nil {
			f.Close()
			f = nil
		}
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("ask the helper: %w", context.Cause(ctx))
		}
	}()
	if _, err = c.Write(b); err != nil {
		return protocol.Reply{}, nil, fmt.Errorf("ask the helper: %w", err)
	}
	b, f, err = receive(c)
	if err != nil {
		return protocol.Reply{}, f, fmt.Errorf("ask the helper: %w", err)
	}
	if reply, err = protocol.DecodeReply(b); err != nil {
		return protocol.Reply{}, f, fmt.Errorf("ask the helper: %w", err)
	}
	if reply.Refusal != nil {
		return protocol.Reply{}, f, reply.Refusal
	}
	return reply, f, nil
}

// receive reads one message and the descriptor beside it, if there is one.
func receive(c *net.UnixConn) (b []byte, f *os.File, err error) {
	var first [1]byte
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, nob, _, _, err := c.ReadMsgUnix(first[:], oob)
	if err != nil {
		return nil, nil, err
	}
	if f, err = passed(oob[:nob]); err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return nil, f, io.ErrUnexpectedEOF
	}
	b, err = protocol.Read(io.MultiReader(bytes.NewReader(first[:]), c))
	return b, f, err
}

// passed takes the descriptor that was passed, and closes any beyond the first.
func passed(oob []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("take the descriptor: %w", err)
	}
	var fds []int
	for _, m := range messages {
		if got, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) == 0 {
		return nil, nil
	}
	for _, fd := range fds[1:] {
		unix.Close(fd)
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		return nil, fmt.Errorf("take the descriptor: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "/dev/net/tun"), nil
}
