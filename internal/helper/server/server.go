//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// Options for New. Config and Journal are needed.
type Options struct {
	Config Config
	// GID is Config.Group's number; negative: there is no such group.
	GID int
	// Journal is a folder that is this server's alone.
	Journal string
	// Sessions is logind's folder of them; empty: where it is.
	Sessions string
	// Names is the part for names, which has undone at its start what nobody wants;
	// nil: there is none, and Undo leaves that to others.
	Names Names
	// Senses is the part that looks; nil: there is none, and Sense is refused.
	Senses Senses
	// Log gets what was done and refused; nil discards it.
	Log *slog.Logger
}

// Bounds of what strangers can hold.
const (
	maxConns = 256
	maxOwn   = 8                // of maxConns, one user's
	connTime = 10 * time.Second // for a request, and between two
	sweeping = time.Minute      // should the kernel's news of devices be lost
)

// Server serves one socket. Make it with New.
type Server struct {
	o       Options
	journal journal
	conns   chan struct{}
	count   count
	dns     *dns
	senses  senses
	vpn     *vpn

	mu      sync.Mutex // one request at a time
	records map[uint32]record
	led     map[uint32]*taken
	// handing has a channel for each user whose descriptor is on its way, and is
	// ours too until then: the next request waits for it to be closed.
	handing map[uint32]chan struct{}
}

// New makes a Server, and takes up what the last one has left. It starts nothing.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sessions == "" {
		o.Sessions = "/run/systemd/sessions"
	}
	s := &Server{o: o, journal: journal{o.Journal}, conns: make(chan struct{}, maxConns), count: count{of: map[uint32]int{}}, handing: map[uint32]chan struct{}{}, dns: newDNS(o.Names), vpn: newVPN()}
	s.senses.news, s.led = make(chan struct{}), map[uint32]*taken{}
	var err error
	if s.records, err = s.journal.load(); err != nil {
		return nil, err
	}
	if s.dns.record, err = s.journal.loadDNS(); err != nil {
		o.Log.Error("what was asked for names is undone", "err", err)
	}
	if s.vpn.record, err = s.journal.loadVPN(); err != nil {
		o.Log.Error("what was done for a VPN is undone as far as it is known", "err", err)
		s.vpn.record = o.Config.lostVPN()
	}
	// The administrator's list may be another by now.
	s.dns.record.Domains, _ = o.Config.domains(s.dns.record.Domains, nil)
	return s, nil
}

// Run serves until ctx ends, and closes l. Devices live on: they are their
// users' clients'.
func (s *Server) Run(ctx context.Context, l *net.UnixListener) error {
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	g.Go(func() error { return s.watch(ctx) })
	g.Go(func() error { return s.runDNS(ctx) })
	g.Go(func() error { return s.runSenses(ctx) })
	g.Go(func() error { return s.runLed(ctx) })
	g.Go(func() error { return s.runVPN(ctx) })
	g.Go(func() error {
		for {
			c, err := l.AcceptUnix()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ECONNABORTED) {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				return fmt.Errorf("accept: %w", err)
			}
			select {
			case s.conns <- struct{}{}:
			default:
				c.Close()
				continue
			}
			g.Go(func() error {
				defer func() { <-s.conns }()
				defer c.Close()
				defer context.AfterFunc(ctx, func() { c.Close() })()
				s.serve(ctx, c)
				return nil
			})
		}
	})
	return g.Wait()
}

// Undo undoes all that was done for anybody, for when the helper goes for good.
func (s *Server) Undo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for uid := range s.records {
		if refusal := s.close(uid); refusal != nil {
			all = append(all, fmt.Errorf("undo what was done for user %d: %w", uid, refusal))
		}
	}
	all = append(all, s.journal.saveDNS(dnsRecord{}), s.clearVPN(context.Background()))
	return errors.Join(all...)
}

// keep writes a record down.
func (s *Server) keep(r record) error {
	if err := s.journal.save(r); err != nil {
		return err
	}
	s.records[r.UID] = r
	return nil
}

// serve answers a connection's requests.
func (s *Server) serve(ctx context.Context, c *net.UnixConn) {
	p, err := peerOf(c)
	if err != nil {
		s.o.Log.Error("a connection is refused", "err", err)
		return
	}
	defer p.close()
	if !s.count.enter(p.uid) {
		return
	}
	defer s.count.leave(p.uid)
	for {
		if err := c.SetDeadline(time.Now().Add(connTime)); err != nil {
			return
		}
		b, err := protocol.Read(c)
		if err != nil {
			return
		}
		var reply protocol.Reply
		var lease *lease
		var fds []int
		r, err := protocol.DecodeRequest(b)
		answered := s.dns.abreast.asks()
		switch {
		case err != nil:
			reply.Refusal = protocol.Refuse(protocol.BadRequest, "%v", err)
		case r.Verb != protocol.Close && !s.admits(p): // what is one's own may be closed by one who is leaving
			reply.Refusal = protocol.Refuse(protocol.Stranger, "you may not use the helper: this machine's administrator lets members of the group %q, and whoever sits at its screen", s.o.Config.Group)
		case r.Verb == protocol.OpenDNSSocket:
			lease, fds, reply.Refusal = s.openDNS(p.uid, c)
		case r.Verb == protocol.Sense:
			s.sense(ctx, c, p.uid)
			return
		case r.Verb == protocol.OpenVPN:
			lease, reply.Device, reply.Refusal = s.openVPN(p.uid, c)
		default:
			reply, fds = s.do(p.uid, r)
		}
		if reply.Refusal != nil {
			s.o.Log.Warn("refused", "uid", p.uid, "verb", r.Verb, "code", reply.Refusal.Code, "why", reply.Refusal.Text)
		}
		c.SetDeadline(time.Now().Add(connTime)) // what was done may have taken long
		err = send(c, reply, fds)
		switch {
		case r.Verb == protocol.OpenTUN && len(fds) > 0:
			s.handed(p.uid)
		case r.Verb == protocol.ApplyDNS && reply.Refusal == nil:
			answered()
		}
		if lease != nil {
			handed, end := s.dns.handed, s.endDNS
			if r.Verb == protocol.OpenVPN {
				handed, end = s.handedVPN, s.endVPN
			}
			if err == nil {
				handed(lease)
				hold(c)
			}
			if ctx.Err() == nil { // else it is the helper that goes
				end(lease)
			}
			return
		}
		if err != nil || reply.Refusal != nil && reply.Refusal.Code == protocol.BadRequest {
			return
		}
	}
}

// hold waits for the end of a connection on which nothing more is to come.
func hold(c *net.UnixConn) {
	c.SetReadDeadline(time.Time{})
	c.Read(make([]byte, 1))
}

// send writes a reply with the descriptors, which are closed here.
func send(c *net.UnixConn, reply protocol.Reply, fds []int) error {
	var oob []byte
	if len(fds) > 0 {
		defer sockets.CloseAll(fds)
		oob = unix.UnixRights(fds...)
	}
	b, err := protocol.Encode(reply)
	if err != nil {
		return err
	}
	n, _, err := c.WriteMsgUnix(b, oob, nil)
	if err == nil && n < len(b) {
		_, err = c.Write(b[n:])
	}
	return err
}

// do does what a user who may asks for. Descriptors are the caller's to close.
func (s *Server) do(uid uint32, r protocol.Request) (reply protocol.Reply, fds []int) {
	var refusal *protocol.Refusal
	switch r.Verb {
	case protocol.ApplyDNS:
		reply.DNS, refusal = s.applyDNS(uid, r)
	case protocol.ApplyVPN:
		reply.VPN, refusal = s.applyVPN(uid, r)
	case protocol.Close:
		refusal = s.closeDNS(uid)
		if other := s.doRoutes(uid, r, &reply, &fds); refusal == nil {
			refusal = other
		}
	default:
		refusal = s.doRoutes(uid, r, &reply, &fds)
	}
	if refusal != nil {
		return protocol.Reply{Refusal: refusal}, nil
	}
	s.vpn.news() // what is ours may be other than it was
	s.o.Log.Info("done", "uid", uid, "verb", r.Verb, "routes", r.Routes, "networks", r.Networks, "left", reply.Left, "domains", len(r.Domains))
	return reply, fds
}

// doRoutes does what is about the device.
func (s *Server) doRoutes(uid uint32, r protocol.Request, reply *protocol.Reply, fds *[]int) (refusal *protocol.Refusal) {
	s.lock(uid)
	defer s.mu.Unlock()
	switch r.Verb {
	case protocol.OpenTUN:
		var fd int
		if reply.Device, fd, refusal = s.open(uid); refusal == nil {
			*fds = []int{fd}
			s.handing[uid] = make(chan struct{})
		}
	case protocol.ApplyRoutes:
		reply.Left, refusal = s.apply(uid, r)
	case protocol.Close:
		refusal = s.close(uid)
	}
	return refusal
}

// lock locks mu when no descriptor of the user's is on its way.
func (s *Server) lock(uid uint32) {
	for {
		s.mu.Lock()
		way, ok := s.handing[uid]
		if !ok {
			return
		}
		s.mu.Unlock()
		<-way // at most connTime
	}
}

// handed says that the user's descriptor has gone its way.
func (s *Server) handed(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.handing[uid])
	delete(s.handing, uid)
}

func failed(err error) *protocol.Refusal {
	return protocol.Refuse(protocol.Failed, "%v", err)
}

// open makes a user's device.
func (s *Server) open(uid uint32) (*protocol.Device, int, *protocol.Refusal) {
	r, ok := s.records[uid]
	if !ok {
		r = record{UID: uid, Slot: s.slot()}
		if r.Slot == 0 {
			return nil, -1, protocol.Refuse(protocol.Full, "%d users have a device already", MaxDevices)
		}
	}
	nets, refusal := here("")
	if refusal != nil {
		return nil, -1, refusal
	}
	for _, a := range []netip.Addr{s.o.Config.address(0, r.Slot), s.o.Config.address(1, r.Slot)} {
		if at := slices.IndexFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) }); at >= 0 {
			return nil, -1, protocol.Refuse(protocol.Conflict, "the network that you are in uses %v, which has the device's own address %v", nets[at], a)
		}
	}
	fd, err := openTUN(r.name())
	if errors.Is(err, unix.EBUSY) {
		return nil, -1, protocol.Refuse(protocol.Busy, "another Tidegate of yours has the device")
	}
	if err != nil {
		return nil, -1, failed(err)
	}
	d, err := s.take(r)
	if err != nil {
		unix.Close(fd)
		return nil, -1, failed(err)
	}
	return d, fd, nil
}

// take configures a device that was just made. Where another went before it,
// what led to that one is undone; the guard stands all the while.
func (s *Server) take(r record) (*protocol.Device, error) {
	addr4, addr6 := s.o.Config.address(0, r.Slot), s.o.Config.address(1, r.Slot)
	if err := s.o.Config.unlead(r); err != nil {
		return nil, err
	}
	r.Index = 0
	if err := s.keep(r); err != nil {
		return nil, err
	}
	if err := s.o.Config.guard(r); err != nil {
		return nil, err
	}
	index, ok6, err := configure(r.name(), addr4, addr6)
	if err != nil {
		return nil, err
	}
	r.Index = index
	if err := s.keep(r); err != nil {
		return nil, err
	}
	d := &protocol.Device{Name: r.name(), MTU: mtu, Addr4: addr4}
	if ok6 {
		d.Addr6 = addr6
	}
	return d, nil
}

// slot is the first that is free; 0: none is.
func (s *Server) slot() int {
	used := map[int]bool{}
	for _, r := range s.records {
		used[r.Slot] = true
	}
	for n := 1; n <= MaxDevices; n++ {
		if !used[n] {
			return n
		}
	}
	return 0
}

// apply has exactly what q asks for lead to the user's device, or fails and
// leaves what was.
func (s *Server) apply(uid uint32, q protocol.Request) (left map[protocol.Code][]netip.Prefix, refusal *protocol.Refusal) {
	old, ok := s.records[uid]
	if !ok || !alive(old) {
		return nil, protocol.Refuse(protocol.NoDevice, "you have no device")
	}
	nets, refusal := here("")
	if refusal != nil {
		return nil, refusal
	}
	if refusal := s.o.Config.allows(q.Routes, nets); refusal != nil {
		return nil, refusal
	}
	next := old
	next.Routes = q.Routes
	next.Networks, left = s.o.Config.parts(q.Networks, nets, protocol.MaxRoutes-len(q.Routes))
	both := old.with(next)
	if len(both.Routes) > most || len(both.Networks) > most {
		return nil, failed(errors.New("what was led to the device before is not undone yet"))
	}
	// The journal names both until the old ones have gone.
	if err := s.keep(both); err != nil {
		return nil, failed(err)
	}
	if err := s.move(both, next); err != nil {
		if back := s.move(both, old); back != nil {
			err = errors.Join(err, fmt.Errorf("and what was is not as it was: %w", back))
		}
		return nil, failed(err)
	}
	delete(s.led, uid)
	s.tellLed()
	return left, nil
}

// move leaves of what may be there, which is written down, what is to be. The
// guard comes first: between the steps packets are dropped rather than let out.
func (s *Server) move(may, be record) error {
	for _, step := range []func() error{
		func() error { return s.o.Config.guard(may) },
		func() error { return s.o.Config.block(be, may) },
		func() error { return s.o.Config.lead(be) },
		func() error { return s.o.Config.guard(be) },
		func() error { return s.keep(be) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// close undoes all that was done for a user.
func (s *Server) close(uid uint32) *protocol.Refusal {
	r, ok := s.records[uid]
	if !ok {
		return nil
	}
	if alive(r) {
		if l, err := netlink.LinkByIndex(r.Index); err == nil {
			if err := netlink.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
				return failed(fmt.Errorf("remove the device: %w", err))
			}
		}
	}
	old := r
	r.Routes, r.Networks, r.Index = nil, nil, 0
	for _, step := range []func() error{
		func() error { return s.o.Config.unlead(r) },
		func() error { return s.o.Config.block(r, old) },
		func() error { return unguard(uid) },
		func() error { return s.journal.remove(uid) },
	} {
		if err := step(); err != nil {
			return failed(err)
		}
	}
	delete(s.records, uid)
	delete(s.led, uid)
	s.tellLed()
	return nil
}

// Prepare makes the journal's folder, for this user alone. It refuses one that is
// another's, or a link to somewhere.
func Prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the journal's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the journal's folder: %w", err)
	}
	if own, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(own.Uid) != os.Geteuid() {
		return fmt.Errorf("the journal's folder %s is not this user's own", dir)
	}
	return os.Chmod(dir, 0o700)
}
