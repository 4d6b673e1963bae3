package gatewaybench

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/wire"
)

// Bed is a gateway without a controller, and one user's device, whose programs
// are other processes: what they need is in a folder.
type Bed struct {
	Site   wire.SiteID   `json:"site"`
	Device wire.DeviceID `json:"device"`
	Key    []byte        `json:"key"`         // PKCS#8
	Cert   []byte        `json:"certificate"` // DER
	CA     []byte        `json:"ca"`          // DER
	Sign   []byte        `json:"sign"`        // PKCS#8 of the key that signs tokens
	// Tokens are of each session: a client needs one to itself.
	Tokens map[wire.SessionID]wire.SessionRequest `json:"tokens"`
	// Hosts and Ports are what the device is entitled to.
	Hosts []string `json:"hosts"`
	Ports []uint16 `json:"ports"`
}

// bedFile is the Bed's, in its folder, beside the gateway's state.
const bedFile = "bed.json"

// MakeBed writes a folder: a gateway that is reached at the addresses, and a
// device that is entitled to the hosts' ports by TCP, UDP and ping, without condition,
// in each of the sessions.
func MakeBed(dir string, at []netip.Addr, hosts []string, ports []uint16, sessions []wire.SessionID) error {
	a, err := newAuthority()
	if err != nil {
		return err
	}
	var ips []net.IP
	for _, ip := range at {
		ips = append(ips, ip.AsSlice())
	}
	if err := a.enrol(dir, ips...); err != nil {
		return err
	}
	cert, err := a.leaf(3, "tidegate:device/bench")
	if err != nil {
		return err
	}
	b := Bed{Site: site, Device: "bench", Cert: cert.Leaf.Raw, CA: a.ca.Raw, Hosts: hosts, Ports: ports, Tokens: map[wire.SessionID]wire.SessionRequest{}}
	if b.Key, err = x509.MarshalPKCS8PrivateKey(cert.PrivateKey); err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	if b.Sign, err = x509.MarshalPKCS8PrivateKey(a.signKey); err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	for _, sid := range sessions {
		if b.Tokens[sid], err = a.entitle(&b, sid); err != nil {
			return err
		}
	}
	out, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode the bed: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, bedFile), out, 0o600)
}

// entitle makes a session's tokens.
func (a *authority) entitle(b *Bed, sid wire.SessionID) (r wire.SessionRequest, err error) {
	now := time.Now()
	base := wire.Token{ID: wire.NewID(), Issuer: "bench", Subject: "user", Session: sid, Device: b.Device,
		Issued: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(now.Add(12 * time.Hour)), Trigger: wire.TriggerClaimsToken}
	base.Confirm.Thumbprint = wire.Thumbprint(b.Cert)
	c := wire.ClaimsToken{Token: base, User: wire.UserClaims{Name: "user"}}
	e := wire.EntitlementToken{Token: base, Site: wire.Site{ID: site}, Settings: wire.DefaultSettings()}
	e.Audience = jwt.Audience{string(site)}
	e.Entitlements = []wire.Entitlement{{ID: "bench", Name: "bench", Actions: []wire.Action{
		{Effect: wire.EffectAllow, Protocol: wire.TCP, Hosts: b.Hosts, Ports: b.Ports},
		{Effect: wire.EffectAllow, Protocol: wire.UDP, Hosts: b.Hosts, Ports: b.Ports},
		{Effect: wire.EffectAllow, Protocol: wire.ICMP, Hosts: b.Hosts},
	}}}
	if r.ClaimsToken, err = wire.Sign(a.signKey, a.kid, wire.TypeClaims, c); err != nil {
		return r, err
	}
	r.EntitlementToken, err = wire.Sign(a.signKey, a.kid, wire.TypeEntitlement, e)
	return r, err
}

// ReadBed reads what MakeBed wrote.
func ReadBed(dir string) (*Bed, error) {
	f, err := os.ReadFile(filepath.Join(dir, bedFile))
	if err != nil {
		return nil, err
	}
	b := &Bed{}
	if err := json.Unmarshal(f, b); err != nil {
		return nil, fmt.Errorf("read the bed: %w", err)
	}
	return b, nil
}

// Renew makes new tokens for a session, in the place of those of the folder.
func (b *Bed) Renew(sid wire.SessionID) (wire.SessionRequest, error) {
	key, err := x509.ParsePKCS8PrivateKey(b.Sign)
	if err != nil {
		return wire.SessionRequest{}, fmt.Errorf("read the signing key: %w", err)
	}
	a := &authority{}
	var ok bool
	if a.signKey, ok = key.(*ecdsa.PrivateKey); !ok {
		return wire.SessionRequest{}, fmt.Errorf("read the signing key: it is a %T", key)
	}
	if a.kid, err = wire.KeyID(&a.signKey.PublicKey); err != nil {
		return wire.SessionRequest{}, err
	}
	return a.entitle(b, sid)
}

// Serving is how a bed's gateway is run.
type Serving struct {
	Dir, Listen string
	Log         *slog.Logger // nil: none
	Limits      gateway.Limits
	// Woken is told which clients are asked to resume; nil: there is no controller.
	Woken func([]wire.SessionID)
	// Ready is called when it listens.
	Ready func(*gateway.Gateway)
}

// Serve runs the bed's gateway.
func Serve(ctx context.Context, s Serving) error {
	o := gateway.Options{Uplink: away{}, Log: s.Log, Config: gateway.Config{Name: "bench", Site: site, Listen: s.Listen, State: s.Dir, Limits: s.Limits}}
	if s.Woken != nil {
		o.Uplink = waking(s.Woken)
	}
	g, err := gateway.New(o)
	if err != nil {
		return err
	}
	if err := g.Listen(); err != nil {
		return err
	}
	s.Ready(g)
	return g.Run(ctx)
}

// waking is a controller that hears reports and wakes clients, and no more.
type waking func([]wire.SessionID)

func (k waking) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.Path {
	case wire.PathGatewayReport:
	case wire.PathGatewayWake:
		var w wire.GatewayWake
		if err := json.NewDecoder(r.Body).Decode(&w); err != nil {
			return nil, err
		}
		k(w.Sessions)
	default:
		return nil, errors.New("the controller is away")
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}
