package virtual

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// transmitter is somebody outside whose signals the controller takes.
type transmitter struct {
	key  *ecdsa.PrivateKey
	sent int
}

const transmitterIssuer = "https://idp.test"

func (l *Lab) newTransmitter() *transmitter {
	l.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	return &transmitter{key: key}
}

// resource is the transmitter in YAML.
func (s *transmitter) resource() string {
	jwk, err := json.Marshal(jose.JSONWebKey{Key: s.key.Public(), KeyID: "idp", Algorithm: "ES256", Use: "sig"})
	if err != nil {
		panic(err) // of a key that was just made
	}
	return fmt.Sprintf(`apiVersion: tidegate.org/v1
kind: Transmitter
metadata: {name: idp}
spec: {issuer: %q, keys: [%s]}
---
`, transmitterIssuer, jwk)
}

// Signal is an event of CAEP about the lab's user: its type's last word, and
// what it says.
type Signal struct {
	Event string
	Says  map[string]any
}

// RiskHigh says that the user's risk is high.
func RiskHigh() Signal {
	return Signal{"risk-level-change", map[string]any{"principal": "USER", "current_level": "HIGH", "previous_level": "LOW"}}
}

// Signal sends the controller a signed Security Event Token, as whoever watches
// users outside does.
func (l *Lab) Signal(s Signal) {
	l.t.Helper()
	l.transmitter.sent++
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: l.transmitter.key},
		(&jose.SignerOptions{}).WithType("secevent+jwt").WithHeader("kid", "idp"))
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": transmitterIssuer, "aud": issuer, "jti": fmt.Sprint("signal-", l.transmitter.sent), "iat": time.Now().Unix(),
		"sub_id": map[string]any{"format": "opaque", "id": User},
		"events": map[string]any{"https://schemas.openid.net/secevent/caep/event-type/" + s.Event: s.Says},
	}).Serialize()
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost,
		fmt.Sprintf("https://%s:%d%s", controllerHost, controllerPort, wire.PathSignals), strings.NewReader(token))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	res, err := l.overUDP(l.outside, nil, session.Enrolled{}).RoundTrip(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		b, _ := io.ReadAll(res.Body)
		l.t.Fatalf("the signal was answered %d: %s", res.StatusCode, b)
	}
	l.Settle()
}
