package controller

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// device is who proved to be at the other end.
type device struct {
	deviceRecord
	cert *x509.Certificate
}

const (
	identityDevice  = "device/"
	identityGateway = "gateway/"
)

// identityURI is the SAN of a certificate: tidegate:device/<id> or tidegate:gateway/<name>.
func identityURI(kind, id string) *url.URL { return &url.URL{Scheme: "tidegate", Opaque: kind + id} }

// proven returns the id of the certificate whose key the peer holds: the leaf
// that TLS verified, never another of the chain.
func proven(r *http.Request, kind string) (string, *x509.Certificate) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return "", nil
	}
	leaf := r.TLS.PeerCertificates[0]
	now := time.Now() // a connection may outlive its certificate
	if leaf.IsCA || len(leaf.URIs) != 1 || now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return "", nil
	}
	id, ok := strings.CutPrefix(leaf.URIs[0].String(), "tidegate:"+kind)
	if !ok || wire.CheckID(id) != nil {
		return "", nil
	}
	return id, leaf
}

// device returns the device behind a request, as the store has it now.
func (c *Controller) device(r *http.Request) (*device, *wire.Problem) {
	id, cert := proven(r, identityDevice)
	if cert == nil {
		return nil, refuse(wire.CodeDevice)
	}
	d := &device{cert: cert}
	if p := c.deviceState(r.Context(), wire.DeviceID(id), keyThumbprint(cert), &d.deviceRecord); p != nil {
		return nil, p
	}
	return d, nil
}

// deviceState reads a device and says whether it may do anything.
func (c *Controller) deviceState(ctx context.Context, id wire.DeviceID, key string, rec *deviceRecord) *wire.Problem {
	v, err := c.devices().get(ctx, recordKey(kindDevice, string(id)))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(wire.CodeDevice)
	case err != nil:
		return c.internal("read device", err)
	case v.Revoked || subtle.ConstantTimeCompare([]byte(v.Key), []byte(key)) != 1:
		return refuse(wire.CodeDevice)
	}
	*rec = v
	return nil
}

// gateway returns the gateway behind a request.
func (c *Controller) gateway(r *http.Request) (*config.Gateway, *wire.Problem) {
	name, cert := proven(r, identityGateway)
	g := c.config().Gateways[name]
	if cert == nil || g == nil {
		return nil, refuse(wire.CodeDevice)
	}
	v, err := records[gatewayRecord]{c.store}.get(r.Context(), recordKey(kindGateway, name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, c.internal("read gateway", err)
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(v.Key), []byte(keyThumbprint(cert))) != 1 {
		return nil, refuse(wire.CodeDevice)
	}
	return g, nil
}

// user returns a user who may do something now, or nil.
func (c *Controller) user(ctx context.Context, name string) (*config.User, error) {
	u := c.config().Users[name]
	if u == nil || u.Disabled {
		return nil, nil
	}
	v, err := c.users().get(ctx, recordKey(kindUser, name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if v.Revoked {
		return nil, nil
	}
	return u, nil
}
