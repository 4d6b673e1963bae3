package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a throw-away controller's: its CA and its signing key.
type authority struct {
	t       *testing.T
	ca      *x509.Certificate
	caKey   *ecdsa.PrivateKey
	signKey *ecdsa.PrivateKey
	kid     string
	serial  atomic.Int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, caKey: newKey(t), signKey: newKey(t)}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.ca = a.sign(tmpl, tmpl, &a.caKey.PublicKey)
	var err error
	if a.kid, err = wire.KeyID(&a.signKey.PublicKey); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(tmpl, parent *x509.Certificate, pub any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, a.caKey)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// leaf issues a certificate; uri names the device, or what the test wants.
func (a *authority) leaf(pub any, uri string, change func(*x509.Certificate)) *x509.Certificate {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(100 + a.serial.Add(1)), Subject: pkix.Name{CommonName: "leaf"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(900 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"gateway.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			a.t.Fatal(err)
		}
		tmpl.URIs = []*url.URL{u}
	}
	if change != nil {
		change(tmpl)
	}
	return a.sign(tmpl, a.ca, pub)
}

// device is an enrolled device.
type device struct {
	id   wire.DeviceID
	cert tls.Certificate
}

func (a *authority) device(id wire.DeviceID) device {
	k := newKey(a.t)
	leaf := a.leaf(&k.PublicKey, "tidegate:device/"+string(id), nil)
	return device{id: id, cert: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: k, Leaf: leaf}}
}

func (a *authority) token(typ string, v any) string {
	a.t.Helper()
	s, err := wire.Sign(a.signKey, a.kid, typ, v)
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

func (a *authority) jwks() []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &a.signKey.PublicKey, KeyID: a.kid, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func certPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// ticket is what a test's tokens are made from.
type ticket struct {
	authority    *authority
	device       device
	session      wire.SessionID
	site         wire.SiteID
	lifetime     time.Duration
	settings     wire.Settings
	groups       []string
	claims       wire.DeviceClaims
	responses    map[wire.InteractionKind]time.Time
	entitlements []wire.Entitlement
	revision     uint64       // of the policy
	why          wire.Trigger // in both tokens
	address      string       // likewise
	issued       time.Time    // zero: now
	instance     string
}

func (a *authority) ticket(d device) ticket {
	return ticket{authority: a, device: d, session: "s-1", site: "north", lifetime: 24 * time.Hour, settings: wire.DefaultSettings(), groups: []string{"staff"}}
}

// entitle adds an entitlement to tcp host:port under criteria; none where empty.
func (k ticket) entitle(id wire.EntitlementID, host string, port uint16, criteria string, asks ...wire.InteractionKind) ticket {
	e := wire.Entitlement{ID: id, Name: string(id), Actions: []wire.Action{{Effect: "allow", Protocol: "tcp", Hosts: []string{host}, Ports: []uint16{port}}}}
	if criteria != "" {
		c := wire.Condition{ID: "cond-" + wire.ConditionID(id), Criteria: criteria}
		for _, a := range asks {
			c.Interactions = append(c.Interactions, wire.Interaction{Kind: a})
		}
		e.Conditions = append(e.Conditions, c)
	}
	k.entitlements = append(k.entitlements[:len(k.entitlements):len(k.entitlements)], e)
	return k
}

func (k ticket) answered(kind wire.InteractionKind, at time.Time) ticket {
	k.responses = map[wire.InteractionKind]time.Time{kind: at}
	return k
}

func (k ticket) base() wire.Token {
	issued := k.issued
	if issued.IsZero() {
		issued = time.Now()
	}
	t := wire.Token{ID: wire.NewID(), Issuer: "test", Subject: "alice", Session: k.session, Device: k.device.id, Revision: k.revision, Trigger: k.why, Serial: uint64(issued.UnixNano()),
		Issued: jwt.NewNumericDate(issued), Expires: jwt.NewNumericDate(time.Now().Add(k.lifetime))}
	t.Confirm.Thumbprint = wire.Thumbprint(k.device.cert.Certificate[0])
	return t
}

// request signs both tokens.
func (k ticket) request() wire.SessionRequest {
	c := wire.ClaimsToken{Token: k.base(), User: wire.UserClaims{Name: "alice", Groups: k.groups}, System: wire.SystemClaims{Address: k.address}, Claims: k.claims, Responses: k.responses}
	e := wire.EntitlementToken{Token: k.base(), Site: wire.Site{ID: k.site}, Settings: k.settings, Address: k.address, Entitlements: k.entitlements}
	e.Audience = jwt.Audience{string(k.site)}
	return wire.SessionRequest{ClaimsToken: k.authority.token(wire.TypeClaims, c), EntitlementToken: k.authority.token(wire.TypeEntitlement, e), Instance: k.instance}
}

// enrolledState is a state folder of a gateway that has been enrolled and knows
// the keys and a policy.
func (a *authority) enrolledState(controller string) string {
	a.t.Helper()
	dir := folder(a.t.TempDir())
	key, err := dir.loadKey()
	if err != nil {
		a.t.Fatal(err)
	}
	leaf := a.leaf(&key.PublicKey, "tidegate:gateway/gw", nil)
	if _, err := dir.keep(key, &enrolled{Controller: controller, Device: "gw", Certificate: certPEM(leaf), CA: certPEM(a.ca)}); err != nil {
		a.t.Fatal(err)
	}
	if err := dir.write(fileKeys, a.jwks()); err != nil {
		a.t.Fatal(err)
	}
	if err := dir.write(filePolicy, []byte(a.token(wire.TypePolicy, wire.PolicyToken{Revision: 1}))); err != nil {
		a.t.Fatal(err)
	}
	return string(dir)
}

func (a *authority) link(controller string) string {
	return wire.EnrolmentLink{Controller: controller, CA: sha256.Sum256(a.ca.Raw), Code: "code-1"}.String()
}

// start runs a gateway until the test ends.
func start(t *testing.T, o Options) *Gateway {
	t.Helper()
	return startWith(t, o, func(*Gateway) {})
}

func startWith(t *testing.T, o Options, prepare func(*Gateway)) *Gateway {
	t.Helper()
	if o.Config.Name == "" {
		o.Config.Name = "gw"
	}
	if o.Config.Site == "" {
		o.Config.Site = "north"
	}
	if o.Config.Listen == "" {
		o.Config.Listen = "127.0.0.1:0"
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	prepare(g)
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return g
}
