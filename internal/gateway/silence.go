package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

const (
	// lookEvery is how often a connection that was sent something is looked at.
	lookEvery = 5 * time.Second
	// silentLooks is at how many of them it may owe an answer and nothing have come:
	// after the last, 15 seconds have passed at least. A foreign client's flows end
	// with its connection, which is left more time.
	silentLooks        = 4
	silentLooksForeign = 13
	// retireAfter is how long a connection may be without a session.
	retireAfter = 15 * time.Second
)

// silence ends a connection that was sent something and from which nothing comes
// any more: its client is gone, or a NAT has forgotten it. Its flows are parked
// then, and the client is woken, rather than left waiting for a day.
//
//	at rest ──(something is sent)──► looked at ──(silent at all looks)──► ended
//	   ▲                                │
//	   └──(three looks without news)────┘
//
// At rest it has no timer: a connection that nothing is sent on may be as silent
// as it likes. Looks are counted, rather than time measured, so that a machine
// that stood still ends nobody's connection. A nil silence watches nothing. Safe
// for concurrent use.
type silence struct {
	pulse   pulse
	session func() *session // nil: it has none
	gone    <-chan struct{} // closed when the connection has ended
	end     func(why string)
	every   time.Duration // it is looked at

	mu       sync.Mutex
	looking  bool
	retiring bool // it is to be seen whether it has a session
	writing  int  // what is being sent, and may wait for the client
	sent     bool // something was, since the last look

	received     uint64 // by the last look; the looks' own, like what follows
	owing, still int    // for how many looks it has owed, or has been at rest
}

// pulse is what the transport of a connection tells of it. It is asked by one
// goroutine at a time.
type pulse interface {
	// beat returns how many packets have come, and whether what was sent since the
	// last beat that saw any come wants an answer; false: nothing is known any more.
	beat() (received uint64, owes, ok bool)
}

// listenTo makes the silence of a connection that begins; p may be nil.
func (g *Gateway) listenTo(ctx context.Context, p pulse, gone <-chan struct{}, end func()) *silence {
	if p == nil {
		return nil
	}
	s := &silence{pulse: p, session: carrierOf(ctx).current, gone: gone, every: g.lookEvery,
		end: func(why string) {
			g.log.Info("a connection is closed", "why", why)
			end()
		}}
	s.retire()
	return s
}

// foreign says whether its client may be one that knows nothing of flows which
// outlive connections.
func (s *silence) foreign() bool {
	session := s.session()
	return session == nil || session.bond.instance == ""
}

// begin notes that something is about to be sent, finish that it was handed on.
// Whoever calls begin has to call finish.
func (s *silence) begin() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing++
	if s.looking {
		return
	}
	s.looking, s.owing, s.still = true, 0, 0
	s.received, _, _ = s.pulse.beat()
	time.AfterFunc(s.every, s.look)
}

func (s *silence) finish() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing--
	s.sent = true
}

// note is both, of what somebody else sends.
func (s *silence) note() {
	s.begin()
	s.finish()
}

func (s *silence) look() {
	if s.silent() {
		s.end("nothing comes back on it")
	}
}

// retire ends the connection after a while, unless it has a session by then, or is
// in use: nothing would be sent on it that shows that the client is gone. It is
// called when the connection begins, and when a session that it had has ended.
func (s *silence) retire() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.retiring {
		s.retiring = true
		time.AfterFunc(retireAfter, s.retired)
	}
}

func (s *silence) retired() {
	s.mu.Lock()
	s.retiring = false
	looking := s.looking // a request may be under way
	useless := !s.over() && s.session() == nil
	if useless && !looking {
		_, _, useless = s.pulse.beat() // of one that was taken over nobody says that it has ended
	}
	s.mu.Unlock()
	switch {
	case !useless:
	case looking:
		s.retire()
	default:
		s.end("it has no session")
	}
}

// silent says whether the connection is to be ended, or sees to the next look.
func (s *silence) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	received, owes, ok := s.pulse.beat()
	most := silentLooks
	if s.owing+1 >= silentLooks && s.foreign() {
		most = silentLooksForeign
	}
	switch over := s.over(); {
	case over || !ok:
		s.looking = false
		return false
	case received != s.received:
		s.received, s.owing, s.still, s.sent = received, 0, 0, false
	case owes:
		if s.owing++; s.owing >= most {
			s.looking = false
			return true
		}
	case s.writing > 0 || s.sent: // it may go out yet
		s.sent, s.still = false, 0
	default:
		if s.still++; s.still >= silentLooks {
			s.looking = false
			return false
		}
	}
	time.AfterFunc(s.every, s.look)
	return false
}

func (s *silence) over() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// h3Pulse counts QUIC's packets, of which those count as received that have been
// decrypted.
type h3Pulse struct {
	conn           *quic.Conn
	sent, received uint64 // when any had come last
}

// beat implements pulse. One packet may be a late acknowledgement, another have
// been sent just when the packets were counted; what is not answered is sent again
// and again.
func (p *h3Pulse) beat() (received uint64, owes, ok bool) {
	s := p.conn.ConnectionStats()
	if s.PacketsReceived != p.received {
		p.received, p.sent = s.PacketsReceived, s.PacketsSent
	}
	return p.received, s.PacketsSent > p.sent+2, true
}

// endH3 tells the client, should it hear it after all.
func endH3(c *quic.Conn) {
	c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
}
