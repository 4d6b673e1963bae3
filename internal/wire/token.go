package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The types of tokens; one is never accepted for another.
const (
	TypeClaims      = "claims+jwt"
	TypeEntitlement = "ent+jwt"
	TypePolicy      = "policy+jwt"
)

// Leeway is how far two clocks may be apart for a token's times.
const Leeway = 30 * time.Second

// algorithms is the closed list of what may sign a token.
var algorithms = []jose.SignatureAlgorithm{jose.ES256}

// Token is what all tokens carry. It is bound to the device certificate by
// its thumbprint (RFC 8705, section 3.1).
type Token struct {
	ID       string           `json:"jti"`
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"` // the user
	Audience jwt.Audience     `json:"aud,omitempty"`
	Session  SessionID        `json:"sid"`
	Device   DeviceID         `json:"dev"`
	Issued   *jwt.NumericDate `json:"iat"`
	Expires  *jwt.NumericDate `json:"exp"`
	Confirm  struct {
		Thumbprint string `json:"x5t#S256"`
	} `json:"cnf"`
	// Revision rises with the policies that it was made from. That of entitlement
	// tokens rises too where the client's move has made older ones void, to no
	// more than that of a claims token of the same policies.
	Revision uint64  `json:"rev"`
	Trigger  Trigger `json:"why,omitempty"` // why it was made
	// Serial rises with each token of a session's, whatever the clocks do.
	Serial uint64 `json:"ser,omitempty"`
}

// ClaimsToken tells a gateway who the user is, what the device reported and
// when the user answered which interaction.
type ClaimsToken struct {
	Token
	User   UserClaims   `json:"user"`
	System SystemClaims `json:"system"`
	Claims DeviceClaims `json:"device"`
	// Responses are the user response claims: each interaction's stamp.
	Responses map[InteractionKind]time.Time `json:"responses,omitempty"`
}

// UserClaims are what the directory says of the user.
type UserClaims struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name,omitempty"`
	Groups      []string `json:"groups,omitempty"`
}

// SystemClaims are what the controller saw for itself.
type SystemClaims struct {
	Address string `json:"address,omitempty"` // the client's, at sign-in
}

// EntitlementToken tells a gateway of one site (the audience) what the user is
// entitled to, and the client which applications there are.
type EntitlementToken struct {
	Token
	Site     Site     `json:"site"`
	Settings Settings `json:"settings"`
	// Address is where the client was when the token was made. Roaming renews
	// entitlement tokens alone, so the newer token's address counts.
	Address      string        `json:"address,omitempty"`
	Entitlements []Entitlement `json:"entitlements"`
}

// Site is where a token's gateways are.
type Site struct {
	ID       SiteID    `json:"id"`
	Name     string    `json:"name"`
	Gateways []Gateway `json:"gateways"`
}

// Gateway is one of a site's. Address is host:port.
type Gateway struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Entitlement allows actions while all of its conditions hold; none means always.
type Entitlement struct {
	ID         EntitlementID `json:"id"`
	Name       string        `json:"name"`
	Actions    []Action      `json:"actions"`
	Conditions []Condition   `json:"conditions,omitempty"`
	Shortcuts  []Shortcut    `json:"shortcuts,omitempty"`
}

// Action says what becomes of traffic to destinations.
type Action struct {
	Effect   Effect   `json:"effect" yaml:"effect"`
	Protocol Protocol `json:"protocol" yaml:"protocol"`
	// Hosts are names, wildcards (see Wildcard), addresses, CIDRs, and resolver
	// names such as dns://wiki.corp.example, whose present addresses are meant. Of
	// the entitlements that allow a name only those count that name it exactly or,
	// where none does, by the longest wildcard.
	Hosts []string `json:"hosts,omitempty" yaml:"hosts"`
	Ports []uint16 `json:"ports,omitempty" yaml:"ports"` // none for icmp
	// Script is the entitlement script that yields further hosts.
	Script string `json:"script,omitempty" yaml:"script"`
	// HoldEarly keeps payload that came in 0-RTT, which might be a replay, until
	// the handshake is complete. It costs a round trip.
	HoldEarly bool `json:"hold_early,omitempty" yaml:"holdEarly"`
}

// Effect is what an action does.
type Effect string

// The effects of actions. Whatever several actions say, blocking wins.
const (
	EffectAllow   Effect = "allow"
	EffectBlock   Effect = "block"   // refused, whatever allows it
	EffectAlert   Effect = "alert"   // refused, and the user's risk is raised
	EffectExclude Effect = "exclude" // taken out of what the same entitlement allows
)

// Protocol is an action's.
type Protocol string

// The protocols of actions.
const (
	TCP  Protocol = "tcp"
	UDP  Protocol = "udp"
	ICMP Protocol = "icmp"
)

// Condition guards an entitlement.
type Condition struct {
	ID ConditionID `json:"id"`
	// Criteria is a CEL expression, see package policy.
	Criteria string `json:"criteria"`
	// Variables are the names and types (bool, int, string) of what the criteria
	// read beyond the built-in claims: scripts.NAME and device.NAME.
	Variables map[string]string `json:"variables,omitempty"`
	// Interactions may be asked when the criteria fail.
	Interactions []Interaction `json:"interactions,omitempty"`
	// Any: one of the interactions suffices, and the user chooses (seed 003: ONE).
	Any bool `json:"any,omitempty"`
	// Reevaluate are the reevaluation times.
	Reevaluate Reevaluate `json:"reevaluate,omitzero"`
	// Denied is what the user is told on failure, in the administrator's words.
	Denied string `json:"denied,omitempty"`
}

// Reevaluate are the times at which a gateway reevaluates a condition and runs
// the scripts that it reads (seed 003), beside the instants that it foresees.
type Reevaluate struct {
	// At are times of day in minutes since midnight, UTC.
	At []int `json:"at,omitempty"`
	// Every is 5, 15 or 60 minutes, on the UTC clock; 0: never.
	Every Duration `json:"every,omitzero"`
}

// Shortcut is an application as the user sees it. Link says where it is:
// http, https, ssh or tcp, with host and port.
type Shortcut struct {
	ID          AppID  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Group       string `json:"group,omitempty"`
	Color       int    `json:"color,omitempty"` // 1 to 20; 0 chooses by name
	Icon        string `json:"icon,omitempty"`  // a name of package assets; empty chooses by link
	Link        string `json:"link"`
}

// PolicyToken is what the controller tells its gateways, signed: Revision rises
// and never falls, and a gateway refuses a lower one.
type PolicyToken struct {
	Revision uint64           `json:"rev"`
	Issuer   string           `json:"iss"`
	Issued   *jwt.NumericDate `json:"iat"`
	// Revoked sessions; a gateway ends them and admits them never again. An
	// entry may be dropped after its instant, when its tokens have expired.
	Revoked map[SessionID]time.Time `json:"revoked,omitempty"`
	// Ended says why, of a revoked session: CodeSignedOut, or CodeRevoked, which
	// is also meant where nothing stands here.
	Ended map[SessionID]Code `json:"ended,omitempty"`
	// Renew are the sessions whose tokens of older policies are void, because
	// they allow what no policy allows any more. A gateway passes nothing more
	// by such tokens, and ends the session unless newer ones come soon.
	Renew map[SessionID]Renewal `json:"renew,omitempty"`
	// Risk are the users whose risk differs from RiskLow.
	Risk map[string]Risk `json:"risk,omitempty"`
}

// Renewal says from which revision on a session's tokens are good, each of both. It may
// be dropped after Until, when all of the session's tokens have expired.
type Renewal struct {
	Revision uint64    `json:"rev"`
	Until    time.Time `json:"until"`
}

// Thumbprint is the x5t#S256 of a certificate in DER (RFC 8705, section 3.1).
func Thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Sign issues v (a ClaimsToken, EntitlementToken or PolicyToken) as a JWT of
// the given type under key, whose id stands in the header.
func Sign(key *ecdsa.PrivateKey, keyID, typ string, v any) (string, error) {
	opt := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", keyID)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, opt)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	t, err := jwt.Signed(s).Claims(v).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	return t, nil
}

// Keys are the public keys that may have signed a token, by key id.
type Keys map[string]crypto.PublicKey

// KeyID is the id of a signing key: its RFC 7638 thumbprint.
func KeyID(pub crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: pub}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("key id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// VerifyClaims verifies a claims token: signature, type, times at now, and that
// it is bound to cert. Any doubt is an error.
func (k Keys) VerifyClaims(token string, cert *x509.Certificate, now time.Time) (*ClaimsToken, error) {
	t := &ClaimsToken{}
	if err := k.verify(token, TypeClaims, t); err != nil {
		return nil, err
	}
	return t, t.check(TypeClaims, cert, now)
}

// VerifyEntitlement verifies an entitlement token like VerifyClaims, and that
// it is for the site.
func (k Keys) VerifyEntitlement(token string, site SiteID, cert *x509.Certificate, now time.Time) (*EntitlementToken, error) {
	t := &EntitlementToken{}
	if err := k.verify(token, TypeEntitlement, t); err != nil {
		return nil, err
	}
	if !t.Audience.Contains(string(site)) || t.Site.ID != site {
		return nil, fmt.Errorf("%s: is for another site", TypeEntitlement)
	}
	return t, t.check(TypeEntitlement, cert, now)
}

// VerifyPolicy verifies what the controller tells its gateways.
func (k Keys) VerifyPolicy(token string) (*PolicyToken, error) {
	t := &PolicyToken{}
	return t, k.verify(token, TypePolicy, t)
}

func (k Keys) verify(token, typ string, v any) error {
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return fmt.Errorf("%s: %w", typ, err)
	}
	if len(t.Headers) != 1 || t.Headers[0].ExtraHeaders[jose.HeaderType] != typ {
		return fmt.Errorf("%s: is a token of another type", typ)
	}
	key, ok := k[t.Headers[0].KeyID]
	if !ok {
		return fmt.Errorf("%s: signed by a key that is not the controller's", typ)
	}
	if err := t.Claims(key, v); err != nil {
		return fmt.Errorf("%s: %w", typ, err)
	}
	return nil
}

func (t *Token) check(typ string, cert *x509.Certificate, now time.Time) error {
	switch {
	case t.Issued == nil || t.Expires == nil || t.Session == "" || t.Subject == "" || t.Device == "":
		return fmt.Errorf("%s: a claim is missing", typ)
	case now.Before(t.Issued.Time().Add(-Leeway)):
		return fmt.Errorf("%s: is not valid yet; compare the clocks", typ)
	case !now.Before(t.Expires.Time()):
		return fmt.Errorf("%s: has expired", typ)
	case cert == nil || t.Confirm.Thumbprint != Thumbprint(cert.Raw):
		return fmt.Errorf("%s: is bound to another device", typ)
	}
	return nil
}

// ReadEntitlements reads an entitlement token that came over the control
// channel, without verifying it: the client shows what is in it, and only the
// gateway's verdict counts.
func ReadEntitlements(token string) (*EntitlementToken, error) {
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TypeEntitlement, err)
	}
	v := &EntitlementToken{}
	if err := t.UnsafeClaimsWithoutVerification(v); err != nil {
		return nil, fmt.Errorf("%s: %w", TypeEntitlement, err)
	}
	if v.Expires == nil || CheckID(string(v.Site.ID)) != nil {
		return nil, fmt.Errorf("%s: a claim is missing", TypeEntitlement)
	}
	return v, nil
}
