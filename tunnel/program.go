package tunnel

import (
	"errors"
	"io"
	"net"
	"sync"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// program is a program's connection as its flow's End has it: it is there before
// the program has been told anything, and reads and writes wait until then.
//
//	asked ──accept──► accepting ──► accepted ──► closed
//	  └─────Close─────────┴──────► refused
type program struct {
	offer front.Offer
	// failed is called once, without locks, when reading has failed, but for an
	// end: the program is gone, or has reset its connection.
	failed func(error)

	decided chan struct{} // closed when conn is there, or never will be

	mu      sync.Mutex
	begun   bool // one of the offer's functions has been called
	closed  bool
	abrupt  bool // Close resets
	telling bool // failed has been called
	ended   bool // it is being told, or was, that no more comes
	conn    front.Conn
	problem *wire.Problem // why it is refused
}

func newProgram(o front.Offer, failed func(error)) *program {
	return &program{offer: o, failed: failed, decided: make(chan struct{})}
}

// accept tells the program that it is connected, unless it has been told
// something already.
func (g *program) accept() {
	g.mu.Lock()
	if g.begun {
		g.mu.Unlock()
		return
	}
	g.begun = true
	g.mu.Unlock()
	conn, err := g.offer.Accept()
	g.mu.Lock()
	late, abrupt := g.closed, g.abrupt
	if err == nil && !late {
		g.conn = conn
	}
	g.mu.Unlock()
	close(g.decided)
	switch {
	case err != nil:
		g.tell(err)
	case late && abrupt:
		reset(conn)
	case late:
		conn.Close()
	}
}

// because is why the program will be refused, if it is.
func (g *program) because(p *wire.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p != nil {
		g.problem = p
	}
}

// peer is the connection; nil while there is none.
func (g *program) peer() front.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn
}

// wait returns the connection when it has been decided whether there is one.
func (g *program) wait() (front.Conn, error) {
	<-g.decided
	if c := g.peer(); c != nil {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (g *program) tell(err error) {
	g.mu.Lock()
	told := g.telling || g.closed
	g.telling = true
	g.mu.Unlock()
	if !told {
		g.failed(err)
	}
}

func (g *program) Read(b []byte) (int, error) {
	c, err := g.wait()
	if err != nil {
		return 0, err
	}
	n, err := c.Read(b)
	if errors.Is(err, io.EOF) {
		if broken := flows.Broken(c); broken != nil && !g.ending() {
			err = broken
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		g.tell(err)
	}
	return n, err
}

func (g *program) ending() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

func (g *program) Write(b []byte) (int, error) {
	c, err := g.wait()
	if err != nil {
		return 0, err
	}
	return c.Write(b)
}

func (g *program) CloseWrite() error {
	c, err := g.wait()
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	return c.CloseWrite()
}

// SetLinger does not wait: what is not there yet is reset when it comes.
func (g *program) SetLinger(sec int) error {
	g.mu.Lock()
	g.abrupt = sec == 0
	c := g.conn
	g.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.SetLinger(sec)
}

// Close refuses the program where it has been told nothing.
func (g *program) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	refuse, c, why := !g.begun, g.conn, g.problem
	g.begun = true
	g.mu.Unlock()
	switch {
	case refuse:
		if why == nil {
			why = &wire.Problem{Code: wire.CodeAppUnreachable, Title: "The connection was given up"}
		}
		close(g.decided)
		g.offer.Refuse(why)
	case c != nil:
		return c.Close()
	}
	return nil
}
