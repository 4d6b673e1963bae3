package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// h3Body is a CONNECT of HTTP/3 (RFC 9114, section 4.4).
type h3Body struct{ *http3.Stream }

func takeH3(w http.ResponseWriter, taker http3.HTTPStreamer) (body, error) {
	w.WriteHeader(http.StatusOK)
	str, err := taker.HTTPStream()
	if err != nil {
		return nil, fmt.Errorf("answer CONNECT: %w", err)
	}
	return h3Body{str}, nil
}

func (b h3Body) halves() bool  { return true }
func (b h3Body) finish() error { return b.Stream.Close() }
func (b h3Body) deafen()       { b.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError)) }

func (b h3Body) reset(code quic.StreamErrorCode) {
	b.CancelRead(code)
	b.CancelWrite(code)
}

func (b h3Body) leave(bool) {}

// h2Body is a CONNECT of HTTP/2 (RFC 9113, section 8.5).
type h2Body struct {
	w  http.ResponseWriter
	r  *http.Request
	rc *http.ResponseController
}

// h2Buffer is what net/http's server gathers before it makes a frame of it; more
// than that goes out at once, as it is.
const h2Buffer = 4 << 10

func takeH2(w http.ResponseWriter, r *http.Request) (body, error) {
	b := h2Body{w: w, r: r, rc: http.NewResponseController(w)}
	w.WriteHeader(http.StatusOK)
	if err := b.rc.Flush(); err != nil {
		return nil, fmt.Errorf("answer CONNECT: %w", err)
	}
	return b, nil
}

func (b h2Body) Read(p []byte) (int, error) { return b.r.Body.Read(p) }

func (b h2Body) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	if err == nil && len(p) <= h2Buffer {
		err = b.rc.Flush()
	}
	return n, err
}

func (b h2Body) halves() bool { return false }

// finish has the handler leave, which ends the stream.
func (b h2Body) finish() error { return b.rc.SetReadDeadline(past) }

func (b h2Body) deafen() {} // finish does

// past is a deadline that has expired.
var past = time.Unix(1, 0)

func (b h2Body) reset(quic.StreamErrorCode) {
	b.rc.SetReadDeadline(past)
	b.rc.SetWriteDeadline(past) // resets the stream at once
}

func (b h2Body) leave(lost bool) {
	if lost {
		panic(http.ErrAbortHandler)
	}
}

// h1Body is a CONNECT of HTTP/1.1 (RFC 9110, section 9.3.6): the rest of its
// connection.
type h1Body struct {
	net.Conn
	in *bufio.Reader
}

func takeH1(w http.ResponseWriter) (body, error) {
	head := bytes.NewBufferString("HTTP/1.1 200 Connection established\r\n")
	w.Header().Write(head)
	head.WriteString("\r\n")
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("answer CONNECT: %w", err)
	}
	conn.SetDeadline(time.Time{})
	if _, err := conn.Write(head.Bytes()); err != nil {
		conn.Close()
		return nil, fmt.Errorf("answer CONNECT: %w", err)
	}
	return h1Body{conn, rw.Reader}, nil
}

// Read takes what the server has read already, and then reads past it: its reader
// ends the request with the client's direction.
func (b h1Body) Read(p []byte) (int, error) {
	if n := b.in.Buffered(); n > 0 {
		return b.in.Read(p[:min(len(p), n)])
	}
	return b.Conn.Read(p)
}

func (b h1Body) halves() bool { return true }

func (b h1Body) finish() error {
	if c, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return fmt.Errorf("%T has no CloseWrite", b.Conn)
}

func (b h1Body) deafen() { b.SetReadDeadline(past) }

// reset closes the TCP connection below TLS: TLS itself would wait to say goodbye.
func (b h1Body) reset(quic.StreamErrorCode) {
	abortTLS(b.Conn)
}

// abortTLS is abortConn, below TLS where there is any.
func abortTLS(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	abortConn(c)
}

// abortConn closes a connection with a TCP reset.
func abortConn(c net.Conn) {
	for inner, ok := c, true; ok; inner, ok = unwrapConn(inner) {
		if l, ok := inner.(interface{ SetLinger(int) error }); ok {
			l.SetLinger(0) // fails only on a socket that is closed
			break
		}
	}
	c.Close()
}

func unwrapConn(c net.Conn) (net.Conn, bool) {
	w, ok := c.(interface{ NetConn() net.Conn })
	if !ok {
		return nil, false
	}
	return w.NetConn(), true
}

func (b h1Body) leave(bool) { b.Conn.Close() }
