//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/names"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// Names is the helper's part for names, as names.Link is one.
type Names interface {
	Run(ctx context.Context, anew, news func()) error
	Open(ctx context.Context) (fds []int, err error)
	Apply(ctx context.Context, domains []string, strict bool) (protocol.DNS, error)
	ApplyVPN(ctx context.Context, v *osdns.VPN) (osdns.Mode, error)
	Stand(ctx context.Context, fds []int) ([]int, error)
	Rest(ctx context.Context) error
}

// Bounds of what the part for names takes.
const (
	namesTime = 15 * time.Second
	standing  = 2 * time.Second // until it is tried again to answer in a client's place
)

// errSlow is why something was not done.
var errSlow = errors.New("the part of the helper for names does not answer; see: journalctl -u tidegate-helper")

// dns is who answers names on this machine. There is one user at a time.
//
//	         OpenDNSSocket             ApplyDNS
//	nobody ───────────────► lease ──────────────► lease, record
//	   ▲                      │ it ends              │ it ends      ▲
//	   ├──────────────────────┘                      ▼              │ OpenDNSSocket,
//	   └──────────────── Close ◄────────────── record alone ────────┘ anybody's
//
// With the record alone names of ours fail: where the system asks us for those
// only, by there being no socket; where it asks us for all, by the standby, to
// which the client's sockets go.
type dns struct {
	names Names // nil: there is none
	// abreast is of what the part says of itself.
	abreast abreast

	// turn is of who has the part for names do something.
	turn chan struct{}
	// Whoever's turn it is owns these.
	record dnsRecord
	all    bool    // every name comes to us
	fds    []int   // the client's sockets too, where all; else none
	had    *uint32 // who was given them; nil: nobody was
	stands bool
	// due is when what the part was to do and could not is tried again; zero: it
	// could.
	due  time.Time
	wait time.Duration

	mu    sync.Mutex
	lease *lease // nil: nobody answers
}

// lease is a user's right to answer names, which ends with a connection.
type lease struct {
	uid uint32
	c   *net.UnixConn
	// Under dns.mu: given says that the sockets have gone their way, news that
	// something was to be told before.
	given, news bool
}

func newDNS(n Names) *dns {
	return &dns{names: n, turn: make(chan struct{}, 1)}
}

// held is the lease there is.
func (d *dns) held() *lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lease
}

// runDNS has the part for names do what it is to do, whenever it is there anew.
func (s *Server) runDNS(ctx context.Context) error {
	d := s.dns
	if d.names == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	defer unlink()
	again, news := make(chan struct{}, 1), make(chan struct{}, 1)
	token := func(c chan struct{}) func() {
		return func() {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	ended := make(chan error, 1)
	changed := token(news)
	go func() {
		ended <- d.names.Run(linked, token(again), func() {
			d.abreast.changed()
			changed()
		})
	}()
	retry := time.NewTicker(standing)
	defer retry.Stop()
	for {
		select {
		case <-again:
			ours := false
			s.turnOf(ctx, func(ctx context.Context) {
				d.stands = false // it knows nothing
				if ours = len(d.record.Domains) > 0; ours {
					s.sayAgain(ctx)
				}
			})
			s.anewVPN(ctx)
			if !ours { // what a VPN's names are is not to be undone in between
				s.turnOf(ctx, s.sayAgain)
			}
		case <-news:
			s.turnOf(ctx, s.sayAgain)
			s.vpn.unnamed.Store(true)
			s.vpn.news()
		case <-retry.C:
			s.turnOf(ctx, func(ctx context.Context) {
				if !d.due.IsZero() && time.Now().After(d.due) {
					s.sayAgain(ctx)
				}
				s.standIn(ctx)
			})
		case err := <-ended:
			return err
		case <-ctx.Done():
			s.turnOf(context.WithoutCancel(ctx), s.leave)
			unlink()
			<-ended
			return ctx.Err()
		}
	}
}

// leave has the system ask nobody who has gone with the helper. The record has the
// next one take it up again.
func (s *Server) leave(ctx context.Context) {
	if !s.dns.stands {
		return
	}
	if _, err := s.dns.names.Apply(ctx, nil, false); err != nil {
		s.o.Log.Error("undo what the system was told of names", "err", err)
	}
}

// turnOf does f when nobody else has the part for names do something. f's time
// begins then.
func (s *Server) turnOf(ctx context.Context, f func(context.Context)) {
	s.dns.turn <- struct{}{}
	defer func() { <-s.dns.turn }()
	ctx, cancel := context.WithTimeoutCause(ctx, namesTime, errSlow)
	defer cancel()
	f(ctx)
}

// sayAgain has the part for names do what it is to do, hears what is told now, and
// has the client ask for it.
func (s *Server) sayAgain(ctx context.Context) {
	d := s.dns
	told, err := d.names.Apply(ctx, d.record.Domains, d.record.Strict)
	if err != nil {
		d.later()
		s.o.Log.Error("tell the system of names", "err", err, "again", d.wait)
		return
	}
	s.heard(ctx, told)
	s.standIn(ctx)
	d.tell()
}

// later has sayAgain tried later on.
func (d *dns) later() {
	d.wait = min(max(2*d.wait, standing), sweeping)
	d.due = time.Now().Add(d.wait)
}

// heard takes up what the part for names has told. Sockets are kept for a client
// that may not have had them yet, and where every name comes to us.
func (s *Server) heard(ctx context.Context, told protocol.DNS) {
	d := s.dns
	d.due, d.wait, d.all = time.Time{}, 0, told.Mode.All()
	if len(d.record.Domains) > 0 && d.all || len(d.record.Domains) == 0 && d.held() != nil {
		return
	}
	if err := d.rest(ctx); err != nil {
		s.o.Log.Error("have nobody answer in a client's place", "err", err)
		return
	}
	d.drop()
}

// standIn has names answered in a client's place, where that is needed.
func (s *Server) standIn(ctx context.Context) {
	d := s.dns
	if len(d.record.Domains) == 0 || !d.all || d.stands || d.held() != nil {
		return
	}
	fds, err := d.names.Stand(ctx, d.fds)
	if errors.Is(err, names.ErrInUse) {
		return // a client of before the helper's last start lives
	}
	if err != nil {
		s.o.Log.Error("answer names in a client's place", "err", err)
		return
	}
	if len(fds) > 0 {
		d.fds, d.had = fds, nil
	}
	d.stands = true
	s.o.Log.Info("names are answered in a client's place", "uid", d.record.UID)
}

// rest ends that.
func (d *dns) rest(ctx context.Context) error {
	if !d.stands {
		return nil
	}
	if err := d.names.Rest(ctx); err != nil {
		return err
	}
	d.stands = false
	return nil
}

// drop gives the sockets up.
func (d *dns) drop() {
	sockets.CloseAll(d.fds)
	d.fds, d.had = nil, nil
}

// handed says that the client has its sockets.
func (d *dns) handed(l *lease) {
	d.mu.Lock()
	l.given = true
	news := l.news
	d.mu.Unlock()
	if news {
		d.tell()
	}
}

// tell has the client ask again, once it has its sockets.
func (d *dns) tell() {
	d.mu.Lock()
	l := d.lease
	if l != nil && !l.given {
		l.news = true
		l = nil
	}
	d.mu.Unlock()
	if l == nil {
		return
	}
	b, err := protocol.Encode(protocol.Reply{})
	if err == nil {
		l.c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = l.c.Write(b)
	}
	if err != nil {
		l.c.Close() // it does not listen
	}
}

// openDNS gives a user the right to answer names, and the sockets, which are the
// caller's to close. The lease is that of the connection.
func (s *Server) openDNS(uid uint32, c *net.UnixConn) (l *lease, fds []int, refusal *protocol.Refusal) {
	d := s.dns
	if d.names == nil {
		return nil, nil, protocol.Refuse(protocol.Failed, "this helper has names answered by nobody")
	}
	s.turnOf(context.Background(), func(ctx context.Context) {
		if old := d.held(); old != nil {
			if old.uid == uid {
				refusal = protocol.Refuse(protocol.Busy, "another Tidegate of yours answers names")
			} else {
				refusal = protocol.Refuse(protocol.Busy, "another user's Tidegate answers names on this machine, until it ends")
			}
			return
		}
		var err error
		if fds, err = s.takeSockets(ctx, uid); err != nil {
			if errors.Is(err, names.ErrInUse) {
				refusal = protocol.Refuse(protocol.Failed, "another program answers at %v: end it (ss -lnp as root says which), and try again", protocol.DNSServer)
			} else {
				refusal = failed(err)
			}
			return
		}
		l = &lease{uid: uid, c: c}
		d.mu.Lock()
		d.lease = l
		d.mu.Unlock()
	})
	return l, fds, refusal
}

// takeSockets are the sockets for a user's client: those there are, or new ones,
// where another user was given them and may have kept them. Ours stay until it is
// known whether they are needed.
func (s *Server) takeSockets(ctx context.Context, uid uint32) ([]int, error) {
	d := s.dns
	if err := d.rest(ctx); err != nil {
		return nil, err
	}
	if d.had != nil && *d.had != uid {
		if err := sockets.Revoke(d.fds); err != nil {
			return nil, err
		}
		d.drop()
	}
	if d.fds == nil {
		fds, err := d.names.Open(ctx)
		if err != nil {
			return nil, err
		}
		d.fds = fds
	}
	d.had = &uid
	return sockets.Double(d.fds)
}

// applyDNS has the system ask the user's client for names.
func (s *Server) applyDNS(uid uint32, q protocol.Request) (reply *protocol.DNS, refusal *protocol.Refusal) {
	d := s.dns
	s.turnOf(context.Background(), func(ctx context.Context) {
		if l := d.held(); l == nil || l.uid != uid {
			refusal = protocol.Refuse(protocol.NoSocket, "your Tidegate does not answer names on this machine")
			return
		}
		nets, no := here("")
		if no != nil {
			refusal = no
			return
		}
		ours, left := s.o.Config.domains(q.Domains, nets)
		old, next := d.record, dnsRecord{UID: uid, Domains: ours, Strict: q.Strict}
		if err := s.journal.saveDNS(next); err != nil {
			refusal = failed(err)
			return
		}
		d.record = next
		told, err := d.names.Apply(ctx, next.Domains, next.Strict)
		if err != nil {
			if back := s.backDNS(old); back != nil {
				err = errors.Join(err, fmt.Errorf("and what was is not as it was: %w", back))
			}
			refusal = failed(err)
			return
		}
		told.Left = left
		reply = &told
		s.heard(ctx, told)
	})
	return reply, refusal
}

// backDNS has names be as they were before a request that failed.
func (s *Server) backDNS(old dnsRecord) error {
	ctx, cancel := context.WithTimeout(context.Background(), namesTime)
	defer cancel()
	told, err := s.dns.names.Apply(ctx, old.Domains, old.Strict)
	if err != nil {
		s.dns.later()
		return err // the record says what may be there
	}
	s.dns.record = old
	s.heard(ctx, told)
	return s.journal.saveDNS(old)
}

// endDNS ends a lease, whose connection has ended.
func (s *Server) endDNS(l *lease) {
	s.turnOf(context.Background(), func(ctx context.Context) {
		d := s.dns
		d.mu.Lock()
		mine := d.lease == l
		if mine {
			d.lease = nil
		}
		d.mu.Unlock()
		if !mine {
			return
		}
		s.o.Log.Info("nobody answers names any more", "uid", l.uid, "domains", len(d.record.Domains))
		if len(d.record.Domains) == 0 || !d.all {
			d.drop()
		}
		s.standIn(ctx)
	})
}

// closeDNS undoes what was done for a user's names.
func (s *Server) closeDNS(uid uint32) (refusal *protocol.Refusal) {
	d := s.dns
	if d.names == nil {
		return nil
	}
	s.turnOf(context.Background(), func(ctx context.Context) {
		d.mu.Lock()
		l := d.lease
		if l != nil && l.uid == uid {
			d.lease = nil
			l.c.Close()
		} else {
			l = nil
		}
		d.mu.Unlock()
		if len(d.record.Domains) > 0 && d.record.UID == uid {
			// It is nobody's wish any more, whatever becomes of it now.
			d.record = dnsRecord{}
			err := s.journal.saveDNS(d.record)
			told, failure := d.names.Apply(ctx, nil, false)
			if failure == nil {
				s.heard(ctx, told)
			} else {
				d.later()
			}
			if err := errors.Join(err, failure); err != nil {
				refusal = failed(err)
			}
			return
		}
		if d.held() == nil && len(d.record.Domains) == 0 {
			d.drop()
		}
	})
	return refusal
}
