//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// Bounds of what is done for VPNs.
const (
	// takeOver is how long a device without a lease is kept when the helper starts:
	// its client may have outlived the last one.
	takeOver = 10 * time.Second
	// leaving is how long the next lease waits for the last one's end.
	leaving = 3 * time.Second
	// gatherVPN is how long what others change is waited for, calmVPN how long after
	// one look the next is put off.
	gatherVPN = 100 * time.Millisecond
	calmVPN   = 500 * time.Millisecond
)

// vpn is the classic VPN of this machine: one user's.
//
//	        OpenVPN              ApplyVPN
//	nobody ────────► lease, device ────────► lease, device, routes, rules, names
//	   ▲                │  it ends                │ it ends
//	   ├────────────────┴─────────────────────────┤
//	   └── 10 s, no lease ◄── the record alone ◄──┘ the helper ends
//	                                │ OpenVPN, the same user's: all as it was
//	                                ▼
//	                           lease, device, ...
type vpn struct {
	// turn is of who does something.
	turn chan struct{}
	// Whoever's turn it is owns these.
	record vpnRecord
	plan   vpnPlan        // of record.Asked
	not    []netip.Prefix // of the plan's routes, those that somebody else has
	told   protocol.VPNTold
	taken  taken
	named  bool      // the part for names has what the plan says
	undue  time.Time // when what could not be undone is tried again; zero: it could

	// look has a token when the world may be another, and unnamed says that the part
	// for names may be.
	look    chan struct{}
	unnamed atomic.Bool

	mu    sync.Mutex
	lease *lease        // nil: nobody has it
	freed chan struct{} // closed when lease ends
}

func newVPN() *vpn {
	return &vpn{turn: make(chan struct{}, 1), look: make(chan struct{}, 1)}
}

func (v *vpn) held() (*lease, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lease, v.freed
}

// news says that the world may be another.
func (v *vpn) news() {
	select {
	case v.look <- struct{}{}:
	default:
	}
}

// handedVPN says that the client knows its device.
func (s *Server) handedVPN(l *lease) {
	s.vpn.mu.Lock()
	l.given = true
	news := l.news
	s.vpn.mu.Unlock()
	if news {
		s.turnOfVPN(context.Background(), func(context.Context) { s.tellVPN(l) })
	}
}

// turnOfVPN does f when nobody else does something about the VPN.
func (s *Server) turnOfVPN(ctx context.Context, f func(context.Context)) {
	s.vpn.turn <- struct{}{}
	defer func() { <-s.vpn.turn }()
	ctx, cancel := context.WithTimeoutCause(ctx, namesTime, errSlow)
	defer cancel()
	f(ctx)
}

// openVPN gives a user the VPN of this machine, and its device. The lease is that of
// the connection.
func (s *Server) openVPN(uid uint32, c *net.UnixConn) (l *lease, d *protocol.Device, refusal *protocol.Refusal) {
	if !s.o.Config.allowsVPN() {
		return nil, nil, protocol.Refuse(protocol.Outside, "this machine's administrator lets nobody connect a VPN here (vpn in %s)", ConfigPath)
	}
	if s.o.Names == nil {
		return nil, nil, protocol.Refuse(protocol.Failed, "this helper has names answered by nobody")
	}
	v := s.vpn
	for end := time.Now().Add(leaving); ; {
		if old, freed := v.held(); old != nil { // its end may be under way
			select {
			case <-freed:
			case <-time.After(time.Until(end)):
			}
		}
		again := false
		s.turnOfVPN(context.Background(), func(ctx context.Context) {
			if old, _ := v.held(); old != nil && time.Now().Before(end) { // who asked before has it by now
				again = true
				return
			}
			l, d, refusal = s.leaseVPN(ctx, uid, c)
		})
		if !again {
			return l, d, refusal
		}
	}
}

// leaseVPN is openVPN for whose turn it is.
func (s *Server) leaseVPN(ctx context.Context, uid uint32, c *net.UnixConn) (*lease, *protocol.Device, *protocol.Refusal) {
	v := s.vpn
	if old, _ := v.held(); old != nil || v.record.Name != "" && v.record.UID != uid {
		if old != nil && old.uid == uid {
			return nil, nil, protocol.Refuse(protocol.Busy, "another Tidegate of yours has a VPN")
		}
		return nil, nil, protocol.Refuse(protocol.Busy, "another user has a VPN on this machine, until it is disconnected")
	}
	if err := s.deviceVPN(ctx, uid); errors.Is(err, errForeign) {
		name := vpnName(uid)
		return nil, nil, protocol.Refuse(protocol.Failed, "there is a network device %s that is not Tidegate's: have it removed (as root: ip link delete %s), and try again", name, name)
	} else if err != nil {
		return nil, nil, failed(err)
	}
	l := &lease{uid: uid, c: c}
	v.mu.Lock()
	v.lease, v.freed = l, make(chan struct{})
	v.mu.Unlock()
	return l, &protocol.Device{Name: v.record.Name, MTU: v.plan.MTU}, nil
}

// deviceVPN takes over the device that the last helper has left, or makes one.
func (s *Server) deviceVPN(ctx context.Context, uid uint32) error {
	v := s.vpn
	if v.record.Name != "" && v.record.Index != 0 && v.record.whole() {
		s.o.Log.Info("a VPN is taken over", "uid", uid, "device", v.record.Name)
		return nil
	}
	if err := s.clearVPN(ctx); err != nil {
		return err
	}
	r := vpnRecord{UID: uid, Name: vpnName(uid)}
	if r.there() {
		return errForeign // and is not to be written down as ours
	}
	if err := s.keepVPN(r); err != nil {
		return err
	}
	index, err := makeVPN(r.Name, uid, s.o.Config.vpnGroup())
	if err == nil {
		r.Index = index
		err = s.keepVPN(r)
	}
	if err != nil {
		if errors.Is(err, errForeign) {
			return errors.Join(err, s.keepVPN(vpnRecord{}))
		}
		return errors.Join(err, s.clearVPN(ctx))
	}
	return nil
}

func (s *Server) keepVPN(r vpnRecord) error {
	if err := s.journal.saveVPN(r); err != nil {
		return err
	}
	s.vpn.record = r
	return nil
}

// endVPN ends a lease, whose connection has ended, and all that was done.
func (s *Server) endVPN(l *lease) {
	s.turnOfVPN(context.Background(), func(ctx context.Context) {
		v := s.vpn
		v.mu.Lock()
		mine := v.lease == l
		if mine {
			v.lease = nil
			close(v.freed)
		}
		v.mu.Unlock()
		if !mine {
			return
		}
		s.o.Log.Info("a VPN has ended", "uid", l.uid)
		if err := s.clearVPN(ctx); err != nil {
			s.o.Log.Error("undo what was done for a VPN", "uid", l.uid, "err", err)
			v.news()
		}
	})
}

// clearVPN undoes all. What is known by its device goes first, and at once.
func (s *Server) clearVPN(ctx context.Context) error {
	v := s.vpn
	if v.record.Name == "" {
		return nil
	}
	for _, step := range []func() error{
		v.record.removeDevice,
		func() error { return s.o.Config.unrule(vpnPlan{}) },
		unguardVPN,
	} {
		if err := step(); err != nil {
			v.undue = time.Now().Add(standing)
			return err
		}
	}
	if s.o.Names != nil { // else whoever undoes it all has done so
		if _, err := s.o.Names.ApplyVPN(ctx, nil); err != nil {
			v.undue = time.Now().Add(standing)
			return err
		}
	}
	v.plan, v.not, v.told, v.taken, v.named, v.undue = vpnPlan{}, nil, protocol.VPNTold{}, taken{}, false, time.Time{}
	return s.keepVPN(vpnRecord{})
}

// applyVPN has the VPN be as q says.
func (s *Server) applyVPN(uid uint32, q protocol.Request) (told *protocol.VPNTold, refusal *protocol.Refusal) {
	s.turnOfVPN(context.Background(), func(ctx context.Context) {
		v := s.vpn
		if l, _ := v.held(); l == nil || l.uid != uid || v.record.device() == nil {
			refusal = protocol.Refuse(protocol.NoVPN, "you have no device for a VPN")
			return
		}
		var next vpnPlan
		if q.VPN != nil {
			w, err := s.world(ctx)
			if err != nil {
				refusal = failed(err)
				return
			}
			if next, refusal = s.o.Config.vpnPlan(v.record.Name, *q.VPN, w); refusal != nil {
				return
			}
		}
		old, oldNot, asked := v.plan, v.not, v.record.Asked
		r := v.record
		r.Asked = q.VPN
		err := s.keepVPN(r)
		if err == nil {
			err = s.moveVPN(ctx, next)
		}
		if err == nil && next.Server.IsValid() {
			err = past(next.Server, r.Index)
		}
		if err != nil {
			ctx, cancel := context.WithTimeout(context.Background(), namesTime)
			defer cancel()
			r.Asked, v.not = asked, oldNot
			back := s.moveVPN(ctx, old)
			if back == nil {
				back = s.keepVPN(r)
			}
			if back != nil {
				err = errors.Join(err, fmt.Errorf("and what was is not as it was: %w", back))
			}
			var said *protocol.Refusal
			if refusal = failed(err); errors.As(err, &said) && back == nil {
				refusal = said
			}
			return
		}
		v.taken = taken{}
		v.told.Taken = nil
		t := v.told
		told = &t
	})
	if told != nil && s.dns.held() != nil {
		s.dns.abreast.wait() // else the first of the VPN's names are asked of the network
	}
	return told, refusal
}

// moveVPN has the device, routes, rules and names be as the plan says, which is
// written down. What goes past the VPN has its way before the VPN's routes would take
// it, so that no packet goes round and round.
func (s *Server) moveVPN(ctx context.Context, next vpnPlan) error {
	v, c := s.vpn, s.o.Config
	l := v.record.device()
	if l == nil {
		return errors.New("the VPN's device has gone")
	}
	index := l.Attrs().Index
	v.named = false
	var early, late []netip.Prefix
	for _, p := range next.Routes {
		if slices.ContainsFunc(next.Past, p.Overlaps) {
			late = append(late, p)
		} else {
			early = append(early, p)
		}
	}
	told := protocol.VPNTold{Taken: v.told.Taken}
	out := &leaver{left: map[protocol.Code][]string{}}
	for why, all := range next.Left {
		out.left[why] = slices.Clone(all)
	}
	var not []netip.Prefix
	add := func(routes []netip.Prefix) func() error {
		return func() error {
			theirs, without, err := addRoutes(index, next, routes)
			for _, p := range theirs {
				out.leave(protocol.Conflict, p.String())
			}
			for _, p := range without {
				out.leave(protocol.Outside, p.String())
			}
			not = slices.Concat(not, theirs, without)
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return dropRoutes(index, next.Routes) },
		func() error { return c.guardVPN(v.record.Name, next) },
		func() error { return c.rule(next, nil) },
		func() error { return configureVPN(l, next, c.vpnGroup()) },
		add(early),
		func() error { return s.nameVPN(ctx, next, &told) },
		add(late),
		func() error { return c.unrule(next) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if told.Left = out.left; len(out.left) == 0 {
		told.Left = nil
	}
	v.plan, v.not, v.told, v.named = next, not, told, true
	return nil
}

// nameVPN has the part for names do what the plan says. It keeps the physical adapter's
// table, too.
func (s *Server) nameVPN(ctx context.Context, p vpnPlan, told *protocol.VPNTold) (err error) {
	if len(p.Addresses) == 0 {
		_, err = s.o.Names.ApplyVPN(ctx, nil)
		return err
	}
	told.Mode, err = s.o.Names.ApplyVPN(ctx, &p.DNS)
	return err
}

// world is what a VPN is held against now.
func (s *Server) world(ctx context.Context) (w world, err error) {
	nets, refusal := here(s.vpn.record.Name)
	if refusal != nil {
		return world{}, refusal
	}
	w.here = nets
	s.mu.Lock()
	for _, r := range s.records {
		w.led = append(w.led, r.led()...)
	}
	s.mu.Unlock()
	s.turnOf(ctx, func(context.Context) { w.zones = slices.Clone(s.dns.record.Domains) })
	return w, nil
}
