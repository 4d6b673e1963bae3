package secevent

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// MediaType is a token's when it is pushed (RFC 8935, section 2.1).
const MediaType = "application/secevent+jwt"

// MaxToken is the size in bytes of the largest token that is read.
const MaxToken = 64 << 10

// MaxAge is how far a token's time of making may be from now, either way: for so
// long on both sides its receiver has to remember it.
const MaxAge = 5 * time.Minute

// Transmitter is whom events are taken from.
type Transmitter struct {
	Issuer string
	Keys   jose.JSONWebKeySet // public ones
}

// Receiver reads tokens that are meant for Audience.
type Receiver struct {
	Audience     string
	Transmitters []Transmitter
}

// algorithms is the closed list of what may sign a token: asymmetric ones.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}

// set is a token's claims (RFC 8417, section 2.2).
type set struct {
	Issuer   string                     `json:"iss"`
	ID       string                     `json:"jti"`
	Audience jwt.Audience               `json:"aud"`
	Issued   *jwt.NumericDate           `json:"iat"`
	Expires  *jwt.NumericDate           `json:"exp"`
	Subject  json.RawMessage            `json:"sub_id"`
	Events   map[string]json.RawMessage `json:"events"`
}

// Read verifies a token and returns its event. Its error is always an *Error,
// and a token that is refused has told nothing.
func (r Receiver) Read(token []byte, now time.Time) (*Event, error) {
	e, refusal := r.read(token, now)
	if refusal != nil {
		return nil, refusal
	}
	return e, nil
}

func (r Receiver) read(token []byte, now time.Time) (*Event, *Error) {
	if len(token) > MaxToken {
		return nil, Refuse(InvalidRequest, "the token is larger than %d bytes", MaxToken)
	}
	t, err := jwt.ParseSigned(strings.TrimSpace(string(token)), algorithms)
	if err != nil || len(t.Headers) != 1 {
		return nil, Refuse(InvalidRequest, "the body is not a signed token in compact form with an asymmetric algorithm")
	}
	if typ, _ := t.Headers[0].ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(strings.TrimPrefix(typ, "application/"), "secevent+jwt") {
		return nil, Refuse(InvalidRequest, "the token's typ is not secevent+jwt")
	}
	var unproven set
	if err := t.UnsafeClaimsWithoutVerification(&unproven); err != nil {
		return nil, Refuse(InvalidRequest, "the token's claims are damaged")
	}
	v, refusal := r.verify(t, unproven.Issuer)
	if refusal != nil {
		return nil, refusal
	}
	e, refusal := r.check(v, now)
	if refusal != nil {
		refusal.Signed = true
	}
	return e, refusal
}

// check reads the event of verified claims that are for this audience and now.
func (r Receiver) check(v *set, now time.Time) (*Event, *Error) {
	switch {
	case !v.Audience.Contains(r.Audience):
		return nil, Refuse(InvalidAudience, "the token is not for this audience")
	case v.ID == "" || len(v.ID) > 256:
		return nil, Refuse(InvalidRequest, "the token's jti is missing or too long")
	case v.Issued == nil:
		return nil, Refuse(InvalidRequest, "the token's iat is missing")
	case v.Issued.Time().Before(now.Add(-MaxAge)):
		return nil, Refuse(InvalidRequest, "the token is older than %v", MaxAge)
	case v.Issued.Time().After(now.Add(MaxAge)):
		return nil, Refuse(InvalidRequest, "the token is of the future; compare the clocks")
	case v.Expires != nil && !now.Before(v.Expires.Time()):
		return nil, Refuse(InvalidRequest, "the token has expired")
	case len(v.Events) != 1:
		return nil, Refuse(InvalidRequest, "the token has %d events; send one", len(v.Events))
	}
	return v.event()
}

// verify is the token's claims, signed by a key of its issuer's.
func (r Receiver) verify(t *jwt.JSONWebToken, issuer string) (*set, *Error) {
	known, tried := false, 0
	h := t.Headers[0]
	for _, from := range r.Transmitters {
		if from.Issuer != issuer {
			continue
		}
		known = true
		for _, k := range from.Keys.Keys {
			if h.KeyID != "" && k.KeyID != "" && k.KeyID != h.KeyID || k.Algorithm != "" && k.Algorithm != h.Algorithm || !k.Valid() || !k.IsPublic() {
				continue
			}
			tried++
			v := &set{}
			if t.Claims(k.Key, v) == nil && v.Issuer == issuer {
				return v, nil
			}
		}
	}
	switch {
	case !known:
		return nil, Refuse(InvalidIssuer, "the issuer is no transmitter here")
	case tried == 0:
		return nil, Refuse(InvalidKey, "the transmitter has no such key here")
	}
	return nil, Refuse(AuthenticationFailed, "the signature is not the transmitter's")
}

// event reads the one event of verified claims.
func (v *set) event() (*Event, *Error) {
	e := &Event{ID: v.ID, Issuer: v.Issuer, At: v.Issued.Time()}
	for typ, raw := range v.Events {
		var b body
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, Refuse(InvalidRequest, "the event is damaged")
		}
		if refusal := e.fill(typ, b); refusal != nil {
			return nil, refusal
		}
		if at := time.Unix(b.Timestamp, 0); b.Timestamp > 0 && at.Before(e.At) {
			e.At = at
		}
		subject := v.Subject
		if subject == nil {
			subject = b.Subject
		}
		var refusal *Error
		if e.User, refusal = readUser(subject, v.Issuer); refusal != nil {
			return nil, refusal
		}
	}
	if len(e.Why) > 256 {
		e.Why = strings.ToValidUTF8(e.Why[:256], "")
	}
	return e, nil
}
