package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// socket is one to send a lookup to a target by: one of several, by chance. One
// that is worn stays in use where no other can be had.
func (w *forwarder) socket(t *target) (*socket, error) {
	w.mu.Lock()
	if t.server == w.self {
		w.mu.Unlock()
		return nil, errOurselves
	}
	slot := &t.sockets[w.random16()%spread]
	was, now := *slot, time.Now()
	full := len(w.sockets) >= mostSocket && (t.open(slot) != nil || !w.yield())
	fresh := was != nil && was.bound == t.bind(now) && was.used < wear && since(now, was.last) < idle
	w.mu.Unlock()
	if fresh {
		return was, nil
	}
	var conn net.Conn
	bound, err := false, errTooMany
	if !full {
		conn, bound, err = w.dial(context.Background(), "udp", t)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		if other := t.open(slot); other != nil && (full || noDescriptors(err)) {
			return other, nil
		}
		return nil, err
	case !w.serving:
		conn.Close()
		return nil, net.ErrClosed
	case *slot != nil && *slot != was: // opened meanwhile
		conn.Close()
		return *slot, nil
	}
	if *slot != nil {
		w.retireLocked(*slot)
	}
	s := &socket{conn: conn, target: t, bound: bound, last: now, flights: map[uint16]*flight{}}
	*slot = s
	w.sockets[s] = true
	w.wg.Go(func() { w.read(s) })
	return s, nil
}

// yield takes a socket out of use that waits for nothing, and says whether there is
// one. Called with the lock held.
func (w *forwarder) yield() bool {
	for s := range w.sockets {
		if !s.gone && len(s.flights) == 0 {
			w.retireLocked(s)
			return true
		}
	}
	return false
}

// retire takes a socket out of use: it is closed when its last lookup is over.
func (w *forwarder) retire(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retireLocked(s)
}

func (w *forwarder) retireLocked(s *socket) {
	s.gone = true
	for i, other := range s.target.sockets {
		if other == s {
			s.target.sockets[i] = nil
		}
	}
	if len(s.flights) == 0 {
		s.conn.Close()
	}
}

// read reads answers until the socket is closed.
func (w *forwarder) read(s *socket) {
	defer func() {
		w.mu.Lock()
		delete(w.sockets, s)
		w.mu.Unlock()
	}()
	buf := make([]byte, datagram+1)
	var f facts
	for {
		n, err := s.conn.Read(buf)
		if err == nil {
			if flight := w.match(s, buf[:n]); flight != nil {
				w.answered(flight, buf[:n], &f)
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// The server's machine said that nobody is there, or the network is gone.
		w.log.Debug("a server could not be asked", "server", s.target.server, "error", err)
		w.abandon(s)
		return
	}
}

// abandon takes a socket out of use, and has all who wait at it ask the next
// server: the kernel tells an error once, to whichever of them comes first.
func (w *forwarder) abandon(s *socket) {
	w.mu.Lock()
	var again []*flight
	for _, f := range s.flights {
		again = append(again, f)
	}
	w.retireLocked(s)
	for _, f := range again {
		w.unboard(f)
	}
	w.mu.Unlock()
	for _, f := range again {
		w.further(f, nil)
	}
}

// match takes the lookup out of a socket's table that a message answers. Any other
// message is a lie, or too late, and is ignored.
func (w *forwarder) match(s *socket, msg []byte) *flight {
	if len(msg) < headerLen {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := s.flights[binary.BigEndian.Uint16(msg)]
	if f == nil || !answers(msg, f.query.question()) {
		return nil
	}
	w.unboard(f)
	return f
}

// answered tells an answer, keeps it, or goes on where it does not help.
func (w *forwarder) answered(f *flight, msg []byte, facts *facts) {
	end := f.query.end
	if len(msg) > datagram { // the rest of it is lost
		msg = truncate(msg, end, 0)
	}
	whole := facts.examine(msg, end)
	switch {
	case facts.tc && f.asker.tcp != nil:
		w.exchange(f)
		return
	case facts.tc && !whole: // cut anywhere
		msg = truncate(msg, end, 0)
	case !whole:
		w.further(f, nil)
		return
	case facts.code == servFail || facts.code == refused:
		w.further(f, msg)
		return
	}
	w.arrived(f, msg, facts)
}

// arrived tells an answer, and keeps it, unless it leads to an address of ours.
func (w *forwarder) arrived(f *flight, msg []byte, facts *facts) {
	if networks(w.ours()).in(msg, f.query.end) {
		w.log.Debug("an answer has an address of ours and was not passed on", "server", f.target().server)
		f.bad = f.query.appendBlocked(nil)
		w.fail(f)
		return
	}
	w.landed(f)
	if f.query.plain {
		var key [keyMax]byte
		w.cache.put(f.epoch, f.hash, f.query.key(key[:0]), msg, facts, time.Now())
	}
	f.land(msg)
}

// further asks the next server. What the last of them said is told as it is.
func (w *forwarder) further(f *flight, said []byte) {
	if f.tries++; !w.over(f, false) {
		w.launch(f)
		return
	}
	f.bad = said
	w.fail(f)
}

// over says that no further try is made, unless there are others to ask since.
func (w *forwarder) over(f *flight, silent bool) bool {
	return f.exhausted(silent) && f.routes == w.routes.Load()
}

// exchange asks again by TCP, which the client did as well.
func (w *forwarder) exchange(f *flight) {
	select {
	case w.tcp <- struct{}{}:
	default:
		w.fail(f)
		return
	}
	w.mu.Lock()
	if !w.serving {
		w.mu.Unlock()
		<-w.tcp
		w.fail(f)
		return
	}
	id, ctx := w.random16(), w.ctx
	w.wg.Go(func() {
		msg, err := w.overTCP(ctx, f, id)
		<-w.tcp
		var facts facts
		switch {
		case err != nil:
			w.log.Debug("a server could not be asked by TCP", "server", f.target().server, "error", err)
			w.further(f, nil)
		case !facts.examine(msg, f.query.end) || facts.tc:
			w.further(f, nil)
		case facts.code == servFail || facts.code == refused:
			w.further(f, msg)
		default:
			w.arrived(f, msg, &facts)
		}
	})
	w.mu.Unlock()
}

// overTCP is the answer of a lookup's server by TCP.
func (w *forwarder) overTCP(ctx context.Context, f *flight, id uint16) ([]byte, error) {
	conn, _, err := w.dial(ctx, "tcp", f.target())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(patience))
	out := binary.BigEndian.AppendUint16(nil, uint16(len(f.query.msg)))
	out = append(out, f.query.msg...)
	binary.BigEndian.PutUint16(out[2:], id)
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	for range 4 { // who sends more than that is no resolver
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return nil, err
		}
		var msg bytes.Buffer // grows with what comes, not with what is promised
		if _, err := io.CopyN(&msg, conn, int64(binary.BigEndian.Uint16(length[:]))); err != nil {
			return nil, err
		}
		b := msg.Bytes()
		if len(b) >= headerLen && binary.BigEndian.Uint16(b) == id && answers(b, f.query.question()) {
			return b, nil
		}
	}
	return nil, errNoAnswer
}
