package local

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Devices carries TUN devices that programs of this user open in namespaces of
// their own. Safe for concurrent use.
type Devices interface {
	// Names are the applications' hosts and the addresses that stand for them,
	// IPv4 and IPv6.
	Names() map[string][2]netip.Addr
	// Server is where, within a device, lookups are answered, at port 53.
	Server() netip.Addr
	// Carry carries a device until ctx ends or the device is gone, and closes it.
	Carry(ctx context.Context, device *os.File) error
}

// maxDevices is how many are carried at once.
const maxDevices = 32

// devices takes a device over and carries it until those who gave it are gone.
func (s *Server) devices(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, title string) {
		(&wire.Problem{Code: wire.CodeOverload, Status: status, Title: title}).Write(w)
	}
	switch {
	case s.o.Devices == nil:
		refuse(http.StatusNotImplemented, "Tidegate carries no devices here")
		return
	case r.Header.Get("Upgrade") != protocolDevice || r.ContentLength != 0:
		badRequest(w, "this is for `tidegate run`")
		return
	}
	select {
	case s.carried <- struct{}{}:
		defer func() { <-s.carried }()
	default:
		refuse(http.StatusServiceUnavailable, "Too many programs run by `tidegate run`; end one of them first")
		return
	}
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		shuttingDown(w)
		return
	}
	defer raw.Close()
	own, ok := raw.(*ownConn)
	if !ok || buffered.Reader.Buffered() > 0 { // descriptors come with the next byte, or are lost
		return
	}
	stop := context.AfterFunc(r.Context(), func() { own.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s.carry(r.Context(), own.UnixConn)
}

// carry takes the device from c.
func (s *Server) carry(ctx context.Context, c *net.UnixConn) {
	if ctx.Err() != nil {
		return
	}
	c.SetDeadline(time.Now().Add(handoverTime))
	if _, err := c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocolDevice + "\r\n\r\n")); err != nil {
		return
	}
	files, err := receiveFiles(c, handover, 2)
	if err != nil {
		s.o.Log.Warn("a device was not handed over", "error", err)
		return
	}
	device, process := files[0], files[1]
	defer process.Close()
	if err := writeFrame(c, names{s.o.Devices.Names(), s.o.Devices.Server()}); err != nil {
		device.Close()
		return
	}
	c.SetDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Whoever is still there keeps the device: the process that gave it, which
	// may close what it has inherited, or those that have inherited it.
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		defer cancel()
		var there sync.WaitGroup
		there.Go(func() { untilClosed(ctx, c) })
		there.Go(func() { untilExited(ctx, process) })
		there.Wait()
	})
	if err := s.o.Devices.Carry(ctx, device); err != nil && ctx.Err() == nil {
		s.o.Log.Warn("a device is carried no more", "error", err)
	}
	cancel()
}

// untilClosed returns when the far end has closed c, or said what it must not, or
// ctx has ended.
func untilClosed(ctx context.Context, c *net.UnixConn) {
	defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })()
	c.Read(make([]byte, 1))
}
