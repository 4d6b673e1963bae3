package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tidegate/tidegate/internal/wire"
)

// rawConnectors send a CONNECT with an authority that no client's library would,
// and yield the status; 0: the gateway would not even read it.
var rawConnectors = map[string]func(t *testing.T, s *site, authority, bearer string) int{
	"h1": func(t *testing.T, s *site, authority, bearer string) int {
		c := s.tcp(t, s.g.Addr(), s.device, "http/1.1")
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n\r\n", authority, authority, bearer)
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodConnect})
		if err != nil {
			return 0
		}
		return res.StatusCode
	},
	"h2": func(t *testing.T, s *site, authority, bearer string) int {
		c := s.tcp(t, s.g.Addr(), s.device, "h2")
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, http2.ClientPreface)
		f := http2.NewFramer(c, c)
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		f.WriteSettings()
		var block strings.Builder
		e := hpack.NewEncoder(&block)
		for _, h := range [][2]string{{":method", "CONNECT"}, {":authority", authority}, {"proxy-authorization", bearer}} {
			e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true})
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return 0
			}
			switch frame := frame.(type) {
			case *http2.MetaHeadersFrame:
				var status int
				fmt.Sscan(frame.PseudoValue("status"), &status)
				return status
			case *http2.RSTStreamFrame, *http2.GoAwayFrame:
				return 0
			}
		}
	},
	"h3": func(t *testing.T, s *site, authority, bearer string) int {
		c := s.foreignH3(t, s.g.Addr(), s.device, false)
		str := c.connect(authority, "proxy-authorization", bearer)
		str.SetReadDeadline(time.Now().Add(20 * time.Second))
		if kind, n, err := str.frame(); err != nil || kind != 0x01 {
			return 0
		} else if block := make([]byte, n); true {
			io.ReadFull(str.Stream, block)
			fields, _ := qpackFields(block)
			var status int
			fmt.Sscan(fields[":status"], &status)
			return status
		}
		return 0
	},
}

// TestHostileAuthorities: on no lane does a spelling lead where the entitlement
// does not, and one that is read at all is read the same on each.
func TestHostileAuthorities(t *testing.T) {
	for lane, connect := range rawConnectors {
		t.Run(lane, func(t *testing.T) {
			var conns atomic.Int64
			s := newSite(t, func(c *net.TCPConn) { conns.Add(1); echo(c) }, func(o *Options) {
				o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
					switch host {
					case "rebind.test":
						return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("fd00:ec2::254")}, nil
					}
					return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
				}
			})
			bearer := s.ticket().entitle("rebind", "rebind.test", s.port, "").entitle("all", "0.0.0.0/0", s.port, "").entitle("six", "::/0", s.port, "").bearer()
			p := s.port
			for authority, want := range map[string]int{
				fmt.Sprintf("app.test:%d", p):                http.StatusOK,
				fmt.Sprintf("APP.Test.:%d", p):               http.StatusOK,
				fmt.Sprintf("rebind.test:%d", p):             http.StatusForbidden,
				fmt.Sprintf("127.0.0.1:%d", p):               http.StatusForbidden,
				fmt.Sprintf("[::1]:%d", p):                   http.StatusForbidden,
				fmt.Sprintf("0.0.0.0:%d", p):                 http.StatusForbidden,
				fmt.Sprintf("169.254.169.254:%d", p):         http.StatusForbidden,
				fmt.Sprintf("[fe80::1]:%d", p):               http.StatusForbidden,
				fmt.Sprintf("user@app.test:%d", p):           0,
				fmt.Sprintf("user:pw@app.test:%d", p):        0,
				fmt.Sprintf("app.test:%d@evil.test:80", p):   0,
				fmt.Sprintf("https://app.test:%d", p):        0,
				fmt.Sprintf("https://app.test:%d/", p):       0,
				fmt.Sprintf("app.test:%d/", p):               0,
				fmt.Sprintf("app.test:%d?x", p):              0,
				fmt.Sprintf("app.test:%d#x", p):              0,
				fmt.Sprintf("app.test..:%d", p):              0,
				fmt.Sprintf("0x7f.1:%d", p):                  0,
				fmt.Sprintf("127.1:%d", p):                   0,
				fmt.Sprintf("2130706433:%d", p):              0,
				fmt.Sprintf("0177.0.0.1:%d", p):              0,
				fmt.Sprintf("127.0.0.1.:%d", p):              0,
				fmt.Sprintf("[::ffff:127.0.0.1]:%d", p):      0,
				fmt.Sprintf("[::ffff:7f00:1]:%d", p):         0,
				fmt.Sprintf("[::1%%25lo]:%d", p):             0,
				fmt.Sprintf("[::1%%lo]:%d", p):               0,
				fmt.Sprintf("app.test%%2e:%d", p):            0,
				fmt.Sprintf("app\u3002test:%d", p):           0,
				"app.test":                                   0,
				"app.test:":                                  0,
				"app.test:0":                                 0,
				"app.test:65536":                             0,
				fmt.Sprintf("app.test:%d", 65536+int(p)):     0,
				fmt.Sprintf("app.test:0%d", p):               0,
				fmt.Sprintf("app.test:+%d", p):               0,
				fmt.Sprintf("app.test:%d,app.test:%d", p, p): 0,
				fmt.Sprintf(":%d", p):                        0,
				"":                                           0,
				"*":                                          0,
				"/" + wire.PathDataSession:                   0,
			} {
				before := conns.Load()
				status := connect(t, s, authority, bearer)
				// What cannot be read is refused by the gateway, or by its HTTP server before.
				if status != want && !(want == 0 && status/100 == 4 && status != http.StatusProxyAuthRequired) {
					t.Errorf("%q: answered %d, want %d", authority, status, want)
				}
				if want == http.StatusOK {
					// The answer can come before the application has taken the connection up.
					for end := time.Now().Add(10 * time.Second); conns.Load() == before && time.Now().Before(end); {
						time.Sleep(time.Millisecond)
					}
				}
				if reached := conns.Load() != before; reached != (want == http.StatusOK) {
					t.Errorf("%q reached the application: %v", authority, reached)
				}
			}
		})
	}
}
