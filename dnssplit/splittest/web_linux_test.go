package splittest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/internal/netlab"
)

// hear has an address be one of a network's own, and listens there.
func hear(t *testing.T, in *netlab.Space, at netip.AddrPort) net.Listener {
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

// serve serves until the test ends.
func serve(t *testing.T, l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ErrorLog: log.New(t.Output(), "", 0)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l) // until Close
	}()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
}

// site is a web site that says where it is and by which name it was reached.
func site(where string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<html><body>%s at %s</body></html>", r.Host, where)
	})
}

// sites serves a web site behind an address of ours, which is on the machine
// here, and one of the network's.
func (m *machine) sites(own, foreign string) {
	m.t.Helper()
	serve(m.t, hear(m.t, m.Space, netip.AddrPortFrom(m.first.Names[own][0], 80)), site("ours"))
	serve(m.t, hear(m.t, m.Physical.Space, netip.AddrPortFrom(address(foreign), 80)), site("the network"))
}

// doh is a public resolver that is asked by HTTPS (RFC 8484). It knows no names of
// ours, as none does.
type doh struct {
	network *network
	key     string // of its certificate: base64 of SHA-256

	mu    sync.Mutex
	asked []string
}

// dohName is the name that it is reached by.
const dohName = "doh.test"

func (m *machine) doh() *doh {
	m.t.Helper()
	d := &doh{network: m.network}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	now := time.Now()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: dohName}, DNSNames: []string{dohName}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		m.t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	d.key = base64.StdEncoding.EncodeToString(sum[:])
	l := hear(m.t, m.Physical.Space, netip.AddrPortFrom(address(dohName), 443))
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	serve(m.t, tls.NewListener(l, conf), d)
	return d
}

func (d *doh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	if r.Method == http.MethodPost {
		b, err = io.ReadAll(io.LimitReader(r.Body, 1<<16))
	}
	var q dns.Msg
	if err != nil || q.Unpack(b) != nil || len(q.Question) != 1 {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	name := canonical(q.Question[0].Name)
	d.mu.Lock()
	d.asked = append(d.asked, name)
	d.mu.Unlock()
	a := d.network.reply(&q)
	if ours(name) {
		a.Answer, a.Rcode = nil, dns.RcodeNameError
	}
	if b, err = a.Pack(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(b) // who asked has gone, if it fails
}

// heard says whether it was asked for a name.
func (d *doh) heard(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.asked, name)
}
