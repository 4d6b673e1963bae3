package config

import (
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/tidegate/tidegate/internal/resource"
)

type (
	transmitterSpec struct {
		Issuer string    `yaml:"issuer" jsonschema:"required" jsonschema_description:"The issuer of its Security Event Tokens, a URL."`
		Keys   []jwkSpec `yaml:"keys" jsonschema:"required,minItems=1" jsonschema_description:"The public keys that sign them: a JWK set's keys."`
	}
	// jwkSpec is a public JSON Web Key (RFC 7517).
	jwkSpec struct {
		KeyType   string `yaml:"kty" json:"kty,omitempty" jsonschema:"required,enum=EC,enum=RSA,enum=OKP" jsonschema_description:"The family of algorithms."`
		KeyID     string `yaml:"kid" json:"kid,omitempty" jsonschema_description:"By which tokens name it."`
		Algorithm string `yaml:"alg" json:"alg,omitempty" jsonschema_description:"The algorithm, for example ES256."`
		Use       string `yaml:"use" json:"use,omitempty" jsonschema:"enum=sig" jsonschema_description:"What it is for: sig."`
		Curve     string `yaml:"crv" json:"crv,omitempty" jsonschema_description:"The curve of an EC or OKP key."`
		X         string `yaml:"x" json:"x,omitempty" jsonschema_description:"Of an EC or OKP key."`
		Y         string `yaml:"y" json:"y,omitempty" jsonschema_description:"Of an EC key."`
		N         string `yaml:"n" json:"n,omitempty" jsonschema_description:"The modulus of an RSA key."`
		E         string `yaml:"e" json:"e,omitempty" jsonschema_description:"The exponent of an RSA key."`
	}
)

// minRSA is the length in bits of the shortest RSA key (RFC 7518, section 3.3).
const minRSA = 2048

func (l *loader) transmitter(d *resource.Document) {
	var s transmitterSpec
	l.errs.Add(d.Decode(&s))
	t := &Transmitter{Name: d.Name, Issuer: s.Issuer}
	if u, err := url.Parse(s.Issuer); err != nil || u.Scheme != "https" || u.Host == "" {
		l.errs.Add(d.At("issuer").Errorf("issuer %q is not a URL with https; write the iss of its tokens, for example https://idp.example.com", s.Issuer))
	} else if i := slices.IndexFunc(l.conf.Transmitters, func(o *Transmitter) bool { return o.Issuer == s.Issuer }); i >= 0 {
		l.errs.Add(d.At("issuer").Errorf("the transmitter %s has the issuer %s too; write all of its keys there", l.conf.Transmitters[i].Name, s.Issuer))
	}
	if len(s.Keys) == 0 {
		l.errs.Add(d.At("keys").Errorf("the transmitter has no keys; write those of its JWK set, for example - {kty: EC, crv: P-256, kid: a, x: ..., y: ...}"))
	}
	for i, spec := range s.Keys {
		if wrong := checkJWK(spec); wrong != "" {
			l.errs.Add(d.At("keys", i).Errorf("%s", wrong))
			continue
		}
		k, err := spec.key()
		switch {
		case err != nil:
			l.errs.Add(d.At("keys", i).Errorf("this is not a public key: %v; copy it from the transmitter's JWK set", err))
			continue
		case len(s.Keys) > 1 && k.KeyID == "":
			l.errs.Add(d.At("keys", i).Errorf("the key has no kid, and there are others; write kid, as its tokens name it"))
		case slices.ContainsFunc(t.Keys.Keys, func(o jose.JSONWebKey) bool { return o.KeyID == k.KeyID }):
			l.errs.Add(d.At("keys", i, "kid").Errorf("the kid %q is there twice; remove one of the keys", k.KeyID))
		}
		t.Keys.Keys = append(t.Keys.Keys, k)
	}
	l.conf.Transmitters = append(l.conf.Transmitters, t)
}

func checkJWK(s jwkSpec) string {
	switch {
	case s.KeyType == "":
		return "the key has no kty; write EC, RSA or OKP"
	case s.KeyType != "EC" && s.KeyType != "RSA" && s.KeyType != "OKP":
		return "kty is no family of public keys; write EC, RSA or OKP"
	case s.Use != "" && s.Use != "sig":
		return "the key is not for signatures; write one with use: sig"
	}
	return ""
}

func (s jwkSpec) key() (k jose.JSONWebKey, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return k, err
	}
	if err := k.UnmarshalJSON(text); err != nil {
		return k, err
	}
	if !k.Valid() || !k.IsPublic() {
		return k, jose.ErrUnsupportedKeyType
	}
	if pub, ok := k.Key.(*rsa.PublicKey); ok && pub.N.BitLen() < minRSA {
		return k, jose.ErrInvalidKeySize
	}
	return k, nil
}
