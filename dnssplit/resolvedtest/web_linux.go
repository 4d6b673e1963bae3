package resolvedtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/internal/netlab"
)

// Hear has an address be one of a network's own, and listens there.
func Hear(t testing.TB, in *netlab.Space, at netip.AddrPort) net.Listener {
	t.Helper()
	if err := in.Address("lo", netip.PrefixFrom(at.Addr(), 32), true); err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	if err := in.Do(func() (err error) { l, err = net.Listen("tcp4", at.String()); return err }); err != nil {
		t.Fatal(err)
	}
	return l
}

// ServeWeb serves until the test ends, and all that it began.
func ServeWeb(t testing.TB, l net.Listener, h http.Handler) {
	var open sync.Map
	var conns sync.WaitGroup // they tell of errors by the test, which is to be there
	var over atomic.Bool
	s := &http.Server{Handler: h, ErrorLog: log.New(t.Output(), "", 0), ConnState: func(c net.Conn, now http.ConnState) {
		switch now {
		case http.StateNew:
			open.Store(c, nil)
			conns.Add(1)
			if over.Load() { // it came as the server was closed
				c.Close()
			}
		case http.StateClosed, http.StateHijacked:
			if _, ok := open.LoadAndDelete(c); ok {
				conns.Done()
			}
		}
	}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l) // until Close
	}()
	t.Cleanup(func() {
		over.Store(true)
		s.Close()
		<-ended
		conns.Wait()
	})
}

// DoH is a public resolver that is asked by HTTPS (RFC 8484).
type DoH struct {
	name   string
	key    string // of its certificate: base64 of SHA-256
	answer func(*dns.Msg) *dns.Msg

	mu    sync.Mutex
	asked []string
}

// ServeDoH has one that is reached by this name be in a network, at this address,
// until the test ends.
func ServeDoH(t testing.TB, in *netlab.Space, name string, at netip.Addr, answer func(*dns.Msg) *dns.Msg) *DoH {
	t.Helper()
	d := &DoH{name: name, answer: answer}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	d.key = base64.StdEncoding.EncodeToString(sum[:])
	l := Hear(t, in, netip.AddrPortFrom(at, 443))
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	ServeWeb(t, tls.NewListener(l, conf), d)
	return d
}

func (d *DoH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	if r.Method == http.MethodPost {
		b, err = io.ReadAll(io.LimitReader(r.Body, 1<<16))
	}
	var q dns.Msg
	if err != nil || q.Unpack(b) != nil || len(q.Question) != 1 {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	d.asked = append(d.asked, canonical(q.Question[0].Name))
	d.mu.Unlock()
	if b, err = d.answer(&q).Pack(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(b) // who asked has gone, if it fails
}

// Heard says whether it was asked for a name.
func (d *DoH) Heard(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.asked, name)
}
