package gatewaybench

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
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
	// Tokens are of each session: a client needs one to itself.
	Tokens map[wire.SessionID]wire.SessionRequest `json:"tokens"`
	// Hosts and Ports are what the device is entitled to.
	Hosts []string `json:"hosts"`
	Ports []uint16 `json:"ports"`
}

// bedFile is the Bed's, in its folder, beside the gateway's state.
const bedFile = "bed.json"

// MakeBed writes a folder: a gateway that is reached at the addresses, and a
// device that is entitled to the hosts' ports by TCP and UDP, without condition,
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

// Serve runs the bed's gateway, and calls ready when it listens.
func Serve(ctx context.Context, dir, listen string, log *slog.Logger, ready func(net.Addr)) error {
	g, err := gateway.New(gateway.Options{Uplink: away{}, Log: log, Config: gateway.Config{Name: "bench", Site: site, Listen: listen, State: dir}})
	if err != nil {
		return err
	}
	if err := g.Listen(); err != nil {
		return err
	}
	ready(g.Addr())
	return g.Run(ctx)
}
