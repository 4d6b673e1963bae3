package gateway

//lint:file-ignore SA1019 the client is to be another implementation's

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/netlab"
)

// TestVanishedTCPClient: a client whose link is down is found to be gone when it
// is sent something; while it is quiet, it is not.
func TestVanishedTCPClient(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, alpn := range []string{"http/1.1", "h2"} {
		t.Run(alpn, func(t *testing.T) {
			near, err := netlab.NewSpace()
			must(err)
			defer near.Close()
			away, err := netlab.NewSpace()
			must(err)
			defer away.Close()
			must(netlab.Connect(netlab.Wire{Space: near, Name: "a0", Address: netip.MustParsePrefix("10.9.0.1/24")}, netlab.Wire{Space: away, Name: "a1", Address: netip.MustParsePrefix("10.9.0.2/24")}))
			speak, over := make(chan struct{}), make(chan struct{})
			s := &site{authority: newAuthority(t)}
			s.device = s.authority.device("laptop-1")
			s.port = application(t, func(c *net.TCPConn) {
				b := make([]byte, 5)
				for range 2 {
					io.ReadFull(c, b)
					c.Write(b)
				}
				<-speak
				c.Write(b)
				io.Copy(io.Discard, c)
				close(over)
			})
			var l net.Listener
			must(away.Do(func() (err error) { l, err = net.Listen("tcp4", "10.9.0.2:443"); return err }))
			o := Options{Config: Config{Name: "gw", Site: "north", Listen: "127.0.0.1:0", State: s.enrolledState("127.0.0.1:1"), Hosts: map[string]string{"app.test": "127.0.0.1"}},
				Uplink: noController{}, Listener: l}
			s.g = startWith(t, o, func(g *Gateway) { g.lookEvery = 50 * time.Millisecond })

			var raw net.Conn
			must(near.Do(func() (err error) { raw, err = net.Dial("tcp4", "10.9.0.2:443"); return err }))
			defer raw.Close()
			pool := x509.NewCertPool()
			pool.AddCert(s.ca)
			c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "gateway.test", NextProtos: []string{alpn}, Certificates: []tls.Certificate{s.device.cert}})
			must(c.Handshake())
			at, bearer := fmt.Sprintf("app.test:%d", s.port), s.ticket().bearer()
			var flow io.ReadWriter
			if alpn == "h2" {
				cc, err := (&http2.Transport{}).NewClientConn(c)
				must(err)
				body, in := io.Pipe()
				defer in.Close()
				res, err := cc.RoundTrip(&http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: at}, Host: at, Header: http.Header{"Proxy-Authorization": {bearer}}, Body: body, ContentLength: -1})
				must(err)
				defer res.Body.Close()
				flow = readWriter{res.Body, in}
			} else {
				fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n\r\n", at, at, bearer)
				in := bufio.NewReader(c)
				res, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
				must(err)
				if res.StatusCode != http.StatusOK {
					t.Fatal(res.Status)
				}
				flow = readWriter{in, c}
			}
			ping(t, flow, "hello")
			time.Sleep(40 * 50 * time.Millisecond) // more than enough looks
			ping(t, flow, "again")
			must(near.Link("a0", false))
			time.Sleep(20 * 50 * time.Millisecond)
			select {
			case <-over:
				t.Fatal("the flow has ended, though nothing was sent")
			default:
			}
			close(speak)
			select {
			case <-over:
			case <-time.After(30 * time.Second):
				t.Fatal("nobody notices that the client is gone")
			}
		})
	}
}
