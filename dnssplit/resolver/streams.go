package resolver

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	mostStreams  = 64               // connections; beyond, whichever was silent the longest ends
	mostPipeline = 16               // lookups of a connection whose answers it has not taken
	streamIdle   = 20 * time.Second // for the next lookup to come, whole (RFC 7766, section 6.2.3)
	streamSlow   = 5 * time.Second  // for an answer to be taken
)

// streams are the connections of clients that ask by TCP.
type streams struct {
	resolver *Resolver
	wg       sync.WaitGroup
	mu       sync.Mutex
	open     map[*stream]time.Time // since when they are silent
	closed   bool
}

// stream is one connection. One goroutine reads lookups, and one writes answers as
// they become known.
type stream struct {
	conn    net.Conn
	room    chan struct{} // has a token for each lookup whose answer is not written
	answers chan []byte   // with their length; has room for as many
	once    sync.Once
	ended   chan struct{} // closed with the connection
}

func newStreams(r *Resolver) *streams {
	return &streams{resolver: r, open: map[*stream]time.Time{}}
}

// serve accepts connections until the listener is closed, and waits for their end.
func (t *streams) serve(l net.Listener) error {
	defer t.wg.Wait()
	for failed := 0; ; {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			if !noDescriptors(err) { // which passes
				failed++ // that of a client that is gone, on some systems
			}
			if failed == mostErrors {
				t.close()
				return err
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		failed = 0
		t.add(conn)
	}
}

func (t *streams) add(conn net.Conn) {
	s := &stream{
		conn: conn,
		room: make(chan struct{}, mostPipeline), answers: make(chan []byte, mostPipeline),
		ended: make(chan struct{}),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close()
		return
	}
	if len(t.open) >= mostStreams {
		var silent *stream
		for o, at := range t.open {
			if silent == nil || at.Before(t.open[silent]) {
				silent = o
			}
		}
		silent.end()
		delete(t.open, silent)
	}
	t.open[s] = time.Now()
	t.wg.Go(s.write)
	t.wg.Go(func() {
		defer s.end()
		t.serveOne(s)
		t.mu.Lock()
		delete(t.open, s)
		t.mu.Unlock()
	})
}

// close ends all connections.
func (t *streams) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for s := range t.open {
		s.end()
	}
}

// heard notes that a connection is not silent.
func (t *streams) heard(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.open[s]; ok {
		t.open[s] = time.Now()
	}
}

// serveOne reads lookups until the client has no more, and waits for their answers.
func (t *streams) serveOne(s *stream) {
	var d desk
	var msg [2 + queryMax]byte
	for {
		select {
		case s.room <- struct{}{}:
		case <-s.ended:
			return
		}
		s.conn.SetReadDeadline(time.Now().Add(streamIdle))
		if _, err := io.ReadFull(s.conn, msg[:2]); err != nil {
			<-s.room
			if err == io.EOF {
				s.drain()
			}
			return
		}
		n := int(binary.BigEndian.Uint16(msg[:]))
		if n > queryMax {
			return
		}
		if _, err := io.ReadFull(s.conn, msg[2:2+n]); err != nil {
			return
		}
		t.heard(s)
		b, later := t.resolver.handle(nil, msg[2:2+n], asker{tcp: s}, &d)
		switch {
		case later:
		case len(b) == 0: // no lookup at all
			return
		default:
			s.send(b)
		}
	}
}

// end ends the connection.
func (s *stream) end() {
	s.once.Do(func() {
		close(s.ended)
		s.conn.Close()
	})
}

// drain waits until all answers are written.
func (s *stream) drain() {
	enough := time.After(streamIdle)
	for range mostPipeline {
		select {
		case s.room <- struct{}{}:
		case <-s.ended:
			return
		case <-enough:
			return
		}
	}
}

// send has an answer be written, of which it makes a copy. It does not block: each
// lookup has one answer, and room for it.
func (s *stream) send(b []byte) {
	framed := make([]byte, 2, 2+len(b))
	binary.BigEndian.PutUint16(framed, uint16(len(b)))
	select {
	case s.answers <- append(framed, b...):
	default:
	}
}

// write writes answers until the connection ends.
func (s *stream) write() {
	defer s.end()
	for {
		select {
		case b := <-s.answers:
			s.conn.SetWriteDeadline(time.Now().Add(streamSlow))
			if _, err := s.conn.Write(b); err != nil {
				return
			}
			<-s.room
		case <-s.ended:
			return
		}
	}
}
