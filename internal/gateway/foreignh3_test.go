package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2/hpack"
)

// h3Foreign is an HTTP/3 client from the RFCs alone, on bare QUIC: frames and
// settings (RFC 9114), field sections without dynamic table (RFC 9204),
// datagrams (RFC 9297).
type h3Foreign struct {
	t    *testing.T
	conn *quic.Conn
}

// foreignH3 connects; datagrams says whether the client takes them.
func (a *authority) foreignH3(t *testing.T, to net.Addr, d device, datagrams bool) *h3Foreign {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.ca)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, to.String(), &tls.Config{RootCAs: pool, ServerName: "gateway.test", NextProtos: []string{"h3"}, Certificates: []tls.Certificate{d.cert}},
		&quic.Config{EnableDatagrams: datagrams})
	if err != nil {
		t.Fatal(err)
	}
	c := &h3Foreign{t: t, conn: conn}
	control, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	var settings []byte
	if datagrams {
		settings = quicvarint.Append(quicvarint.Append(settings, 0x33), 1) // SETTINGS_H3_DATAGRAM
	}
	b := quicvarint.Append(nil, 0x00) // a control stream
	b = quicvarint.Append(b, 0x04)    // SETTINGS
	b = quicvarint.Append(b, uint64(len(settings)))
	if _, err := control.Write(append(b, settings...)); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			s, err := conn.AcceptUniStream(context.Background())
			if err != nil {
				return
			}
			go io.Copy(io.Discard, s)
		}
	}()
	t.Cleanup(func() { conn.CloseWithError(0x100, ""); <-drained })
	return c
}

// h3Request is a request stream of h3Foreign.
type h3Request struct {
	*quic.Stream
	left uint64 // of the DATA frame that is being read
}

// request sends a header; fields are pairs.
func (c *h3Foreign) request(fields ...string) *h3Request {
	c.t.Helper()
	s, err := c.conn.OpenStream()
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := s.Write(h3Header(fields...)); err != nil {
		c.t.Fatal(err)
	}
	return &h3Request{Stream: s}
}

// h3Header is a HEADERS frame; fields are pairs.
func h3Header(fields ...string) []byte {
	block := []byte{0, 0} // no dynamic table
	for i := 0; i < len(fields); i += 2 {
		block = qpackInt(block, 0x20, 3, uint64(len(fields[i]))) // a literal with a literal name
		block = append(block, fields[i]...)
		block = qpackInt(block, 0x00, 7, uint64(len(fields[i+1])))
		block = append(block, fields[i+1]...)
	}
	b := quicvarint.Append(nil, 0x01)
	return append(quicvarint.Append(b, uint64(len(block))), block...)
}

// connect is a CONNECT.
func (c *h3Foreign) connect(authority string, more ...string) *h3Request {
	return c.request(append([]string{":method", "CONNECT", ":authority", authority}, more...)...)
}

func (s *h3Request) frame() (kind, length uint64, err error) {
	r := quicvarint.NewReader(s.Stream)
	if kind, err = quicvarint.Read(r); err == nil {
		length, err = quicvarint.Read(r)
	}
	return kind, length, err
}

// answer reads the answer's header: its status, and the fields that have a
// literal name, as RFC 9204 has them.
func (s *h3Request) answer(t *testing.T) (int, map[string]string) {
	t.Helper()
	kind, n, err := s.frame()
	if err != nil || kind != 0x01 {
		t.Fatalf("an answer of frame %d: %v", kind, err)
	}
	block := make([]byte, n)
	if _, err := io.ReadFull(s.Stream, block); err != nil {
		t.Fatal(err)
	}
	fields, err := qpackFields(block)
	if err != nil {
		t.Fatal(err)
	}
	status, err := strconv.Atoi(fields[":status"])
	if err != nil {
		t.Fatalf("the answer is %v", fields)
	}
	return status, fields
}

// Read reads the DATA frames.
func (s *h3Request) Read(p []byte) (int, error) {
	for s.left == 0 {
		kind, n, err := s.frame()
		if err != nil {
			return 0, err
		}
		if kind != 0x00 {
			if _, err := io.CopyN(io.Discard, s.Stream, int64(n)); err != nil {
				return 0, err
			}
			continue
		}
		s.left = n
	}
	n, err := s.Stream.Read(p[:min(uint64(len(p)), s.left)])
	s.left -= uint64(n)
	if err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Write writes a DATA frame.
func (s *h3Request) Write(p []byte) (int, error) {
	b := quicvarint.Append(nil, 0x00)
	b = quicvarint.Append(b, uint64(len(p)))
	if _, err := s.Stream.Write(append(b, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// qpackInt appends an integer with a prefix of so many bits (RFC 7541, section 5.1).
func qpackInt(b []byte, first byte, bits uint, n uint64) []byte {
	most := uint64(1)<<bits - 1
	if n < most {
		return append(b, first|byte(n))
	}
	b = append(b, first|byte(most))
	for n -= most; n >= 128; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

var errQPACK = errors.New("the field section cannot be read")

func readQPACKInt(r *bytes.Reader, bits uint) (first byte, n uint64, err error) {
	if first, err = r.ReadByte(); err != nil {
		return 0, 0, errQPACK
	}
	most := byte(1)<<bits - 1
	n = uint64(first & most)
	if first&most != most {
		return first, n, nil
	}
	for shift := uint(0); shift < 56; shift += 7 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, 0, errQPACK
		}
		if n += uint64(c&0x7f) << shift; c < 0x80 {
			return first, n, nil
		}
	}
	return 0, 0, errQPACK
}

// readQPACKString reads a string whose Huffman bit stands above its length.
func readQPACKString(r *bytes.Reader, bits uint) (string, byte, error) {
	first, n, err := readQPACKInt(r, bits)
	if err != nil || n > uint64(r.Len()) {
		return "", 0, errQPACK
	}
	b := make([]byte, n)
	r.Read(b)
	if first&(1<<bits) == 0 {
		return string(b), first, nil
	}
	s, err := hpack.HuffmanDecodeToString(b)
	return s, first, err
}

// statuses are those of the static table (RFC 9204, appendix A).
var statuses = map[uint64]string{24: "103", 25: "200", 26: "304", 27: "404", 28: "503", 63: "100", 64: "204", 65: "206", 66: "302", 67: "400", 68: "403", 69: "421", 70: "425", 71: "500"}

// qpackFields reads a field section; names from the static table are "#N", but
// for :status.
func qpackFields(block []byte) (map[string]string, error) {
	r := bytes.NewReader(block)
	for _, bits := range []uint{8, 7} {
		if _, n, err := readQPACKInt(r, bits); err != nil || n != 0 { // no dynamic table
			return nil, errQPACK
		}
	}
	name := func(i uint64) string {
		if statuses[i] != "" {
			return ":status"
		}
		return fmt.Sprintf("#%d", i)
	}
	out := map[string]string{}
	for r.Len() > 0 {
		first, _ := r.ReadByte()
		r.UnreadByte()
		switch {
		case first&0x80 != 0: // indexed
			_, i, err := readQPACKInt(r, 6)
			if err != nil || first&0x40 == 0 {
				return nil, errQPACK
			}
			out[name(i)] = statuses[i]
		case first&0x40 != 0: // a literal with a name of the table
			_, i, err := readQPACKInt(r, 4)
			if err != nil || first&0x10 == 0 {
				return nil, errQPACK
			}
			if out[name(i)], _, err = readQPACKString(r, 7); err != nil {
				return nil, err
			}
		case first&0x20 != 0: // a literal with a literal name
			key, _, err := readQPACKString(r, 3)
			if err != nil {
				return nil, err
			}
			if out[key], _, err = readQPACKString(r, 7); err != nil {
				return nil, err
			}
		default:
			return nil, errQPACK
		}
	}
	return out, nil
}

// datagram sends an HTTP datagram of the request (RFC 9297, section 2.1).
func (c *h3Foreign) datagram(s *h3Request, payload []byte) {
	c.t.Helper()
	if err := c.conn.SendDatagram(append(quicvarint.Append(nil, uint64(s.StreamID())/4), payload...)); err != nil {
		c.t.Fatal(err)
	}
}

// received waits for the next datagram of the request.
func (c *h3Foreign) received(s *h3Request) []byte {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	for {
		b, err := c.conn.ReceiveDatagram(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if id, n, err := quicvarint.Parse(b); err == nil && id == uint64(s.StreamID())/4 {
			return b[n:]
		}
	}
}
