package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// codeLife is how long an enrolment code may wait to be redeemed.
const codeLife = 24 * time.Hour

// NewEnrolment makes a link that enrols one device, once, for a user, within
// 24 hours. The controller must be listening.
func (c *Controller) NewEnrolment(ctx context.Context, user string) (wire.EnrolmentLink, error) {
	if c.config().Users[user] == nil {
		return wire.EnrolmentLink{}, fmt.Errorf("there is no user %q; see the User resources of the configuration", user)
	}
	return c.newCode(ctx, codeRecord{User: user})
}

// NewGatewayEnrolment is NewEnrolment for a gateway.
func (c *Controller) NewGatewayEnrolment(ctx context.Context, name string) (wire.EnrolmentLink, error) {
	if c.config().Gateways[name] == nil {
		return wire.EnrolmentLink{}, fmt.Errorf("there is no gateway %q; see the Gateway resources of the configuration", name)
	}
	return c.newCode(ctx, codeRecord{Gateway: name})
}

func (c *Controller) newCode(ctx context.Context, rec codeRecord) (wire.EnrolmentLink, error) {
	link := wire.EnrolmentLink{Controller: c.PublicAddr(), CA: c.authority.fingerprint(), Code: wire.NewID(), Name: linkName(c.config().Title)}
	if link.Controller == "" {
		return link, errors.New("the controller does not listen yet")
	}
	rec.Expires = time.Now().Add(codeLife)
	_, err := c.codes().change(ctx, codeKey(link.Code), codeTTL, func(v *codeRecord) error { *v = rec; return nil })
	if err != nil {
		return wire.EnrolmentLink{}, fmt.Errorf("new enrolment: %w", err)
	}
	c.audit(record{kind: "enrolment-made", user: rec.User + rec.Gateway, allow: true})
	return link, nil
}

func (c *Controller) codes() records[codeRecord] { return records[codeRecord]{c.store} }

func codeKey(code string) string {
	sum := sha256.Sum256([]byte(code))
	return recordKey(kindCode, hex.EncodeToString(sum[:]))
}

// codeTTL forgets a code after its expiry; a configured one is remembered for
// good, or it would be good again after a restart.
func codeTTL(v codeRecord) time.Duration {
	if v.Expires.IsZero() {
		return 0
	}
	return max(time.Until(v.Expires), time.Second)
}

// configuredCodes stores the codes of the configuration that are not known yet.
func (c *Controller) configuredCodes(ctx context.Context) error {
	for _, g := range c.config().Gateways {
		if g.Enrolment == "" {
			continue
		}
		_, err := c.codes().change(ctx, codeKey(g.Enrolment), codeTTL, func(v *codeRecord) error {
			if v.Gateway != "" || v.User != "" {
				return errKeep
			}
			v.Gateway = g.Name
			return nil
		})
		if err != nil {
			return fmt.Errorf("enrolment code of gateway %s: %w", g.Name, err)
		}
	}
	return nil
}

var errCode = errors.New("the enrolment code is void")

// redeem uses a code up. Of any number of callers at once one succeeds.
func (c *Controller) redeem(ctx context.Context, code string) (codeRecord, error) {
	return c.codes().change(ctx, codeKey(code), codeTTL, func(v *codeRecord) error {
		known := v.User != "" && c.config().Users[v.User] != nil || v.Gateway != "" && c.config().Gateways[v.Gateway] != nil
		if !known || v.Used || !v.Expires.IsZero() && !time.Now().Before(v.Expires) {
			return errCode
		}
		v.Used = true
		return nil
	})
}

// maxEnrol is the size in bytes of the largest enrolment request: anybody may
// send one.
const maxEnrol = 16 << 10

// enrol serves wire.PathEnrol, for devices and gateways.
func (c *Controller) enrol(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q wire.EnrolRequest
	if p := readBodyOf(w, r, maxEnrol, &q); p != nil {
		return p
	}
	// Taken when the request is whole: who sends slowly keeps nobody out.
	select {
	case c.enrolling <- struct{}{}:
		defer func() { <-c.enrolling }()
	default:
		return refuse(wire.CodeOverload)
	}
	pub, err := readCSR(q.CSR)
	if err != nil {
		return badRequest(err)
	}
	if len(q.Code) > wire.MaxLink || !shortText(q.Hostname) || !shortText(q.OS) {
		return badRequest(errors.New("a member is too long"))
	}
	rec, err := c.redeem(r.Context(), q.Code)
	if errors.Is(err, errCode) {
		c.audit(record{kind: "enrol-refused", target: remoteHost(r)})
		return refuse(wire.CodeEnrolCode)
	}
	if err != nil {
		return c.internal("redeem enrolment code", err)
	}
	var reply wire.EnrolReply
	if rec.Gateway != "" {
		reply, err = c.enrolGateway(r.Context(), rec.Gateway, pub)
	} else {
		reply, err = c.enrolDevice(r.Context(), rec.User, pub, q)
	}
	if err != nil {
		return c.internal("enrol", err)
	}
	reply.Controller = c.config().Title
	c.audit(record{kind: "enrolled", user: rec.User + rec.Gateway, target: string(reply.Device), allow: true})
	wire.WriteJSON(w, http.StatusOK, reply)
	return nil
}

func shortText(s string) bool { return len(s) <= 256 && utf8.ValidString(s) }

// readCSR returns the key of a PKCS#10 request whose holder signed it.
func readCSR(text string) (*ecdsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) != 0 {
		return nil, errors.New("csr is not one PEM block of a certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, errors.New("csr is damaged")
	}
	pub, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, errors.New("csr is not over a P-256 key")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errors.New("csr is not signed by its key")
	}
	return pub, nil
}

func (c *Controller) enrolDevice(ctx context.Context, user string, pub *ecdsa.PublicKey, q wire.EnrolRequest) (wire.EnrolReply, error) {
	id := wire.NewID()
	reply, key, err := c.certify(pub, identityURI(identityDevice, id), nil, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return reply, err
	}
	reply.Device, reply.User = wire.DeviceID(id), user
	_, err = c.devices().change(ctx, recordKey(kindDevice, id), nil, func(v *deviceRecord) error {
		*v = deviceRecord{ID: reply.Device, User: user, Key: key, Hostname: q.Hostname, OS: q.OS, Enrolled: time.Now()}
		return nil
	})
	return reply, err
}

func (c *Controller) enrolGateway(ctx context.Context, name string, pub *ecdsa.PublicKey) (wire.EnrolReply, error) {
	g := c.config().Gateways[name]
	if g == nil {
		return wire.EnrolReply{}, store.ErrNotFound
	}
	host, _, _ := config.SplitAddress(g.Address, false)
	reply, key, err := c.certify(pub, identityURI(identityGateway, name), []string{host}, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return reply, err
	}
	reply.Device = wire.DeviceID(name)
	_, err = records[gatewayRecord]{c.store}.change(ctx, recordKey(kindGateway, name), nil, func(v *gatewayRecord) error {
		v.Key = key
		return nil
	})
	return reply, err
}

// certify issues a certificate, in the chain that goes into the reply.
func (c *Controller) certify(pub *ecdsa.PublicKey, id *url.URL, hosts []string, usage ...x509.ExtKeyUsage) (wire.EnrolReply, string, error) {
	der, err := c.authority.issue(pub, id, hosts, usage...)
	if err != nil {
		return wire.EnrolReply{}, "", err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return wire.EnrolReply{}, "", err
	}
	return wire.EnrolReply{Certificate: string(certPEM(der)) + string(certPEM(c.authority.cert.Raw))}, keyThumbprint(leaf), nil
}

// linkName is the organisation's name as it fits in a link; empty where it does not.
func linkName(title string) string {
	if len(title) > wire.MaxName {
		return ""
	}
	return title
}
