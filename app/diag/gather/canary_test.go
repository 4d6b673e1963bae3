package gather

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
)

// canaries are secrets that were put somewhere; none may be found in a report.
type canaries map[string]string

// search looks for them in all that is saved, and shown: in clear, and as others
// would write them down.
func (c canaries) search(t *testing.T, r diag.Report) {
	t.Helper()
	files := append([]diag.File{{Name: "the checks", Text: fmt.Sprintf("%+v", r.Checks)}}, r.Files...)
	for what, secret := range c {
		if secret == "" {
			t.Errorf("there is no %s", what)
			continue
		}
		for _, f := range files {
			for _, written := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
				if strings.Contains(f.Text, written) {
					i := strings.Index(f.Text, written)
					t.Errorf("%s tells %s: …%s…", f.Name, what, f.Text[max(0, i-60):min(len(f.Text), i+60)])
				}
			}
		}
	}
}

// has says that files are there and tell something: an archive of nothing would
// hold no secret either.
func has(t *testing.T, r diag.Report, want map[string]string) {
	t.Helper()
	for name, text := range want {
		found := false
		for _, f := range r.Files {
			found = found || f.Name == name && strings.Contains(f.Text, text)
		}
		if !found {
			t.Errorf("%s does not tell %q", name, text)
		}
	}
}

// planted is a state whose every free text has a secret in it, each in a way in
// which one could get there.
func planted() session.State {
	s := session.State{Revision: 1, At: time.Now(), Control: session.ControlChannel{Phase: session.ControlLost}, User: session.User{Name: "ada"}}
	s.Apps = []session.App{{ID: "wiki", Name: "Wiki", Host: "wiki.harbour.example",
		Link: "https://admin:canary-link-login@wiki.harbour.example/?api_key=canary-link-key", OpenWith: "https://wiki.harbour.example/cb?code=canary-link-code",
		Why: session.Why{Title: "Denied", Detail: "Authorization: Bearer canary-bearer-0123456789"}}}
	s.Problems = []session.Problem{{Code: "x", Title: "It failed", Detail: "password=canary-problem", Fix: "Open tidegate:enrol?code=canary-problem-link"}}
	s.Events = []session.Event{{Seq: 1, At: s.At, Kind: "vpn-failed", Text: "openconnect said COOKIE='canary-vpn-cookie'; DSID=canary-vpn-dsid"}}
	s.VPN.Connections = []session.VPNConnection{{VPNSettings: session.VPNSettings{ID: "v", Address: "https://ada:canary-vpn-login@vpn.example/x?token=canary-vpn-token"},
		Problem: &session.Problem{Title: "It did not connect", Detail: "webvpn=canary-webvpn; the key is -----BEGIN PRIVATE KEY-----\nY2FuYXJ5LXBlbQ==\n-----END PRIVATE KEY-----"}}}
	s.VPN.Prompt = &session.VPNPrompt{ID: "p", Message: "Your passcode: canary-vpn-message"}
	s.VPN.Warnings = []session.VPNWarning{{Feature: session.VPNAlwaysOn, Title: "Always on", Detail: "It is", Evidence: "seen in /home/ada/vpn.conf with secret=canary-evidence"}}
	s.Local.DNS = &session.DNS{NameService: session.NameService{Why: "client_secret: canary-dns"}}
	s.Prompt = &session.Prompt{ID: "i", Kind: session.PromptInteraction, Interactions: []wire.Interaction{{Kind: wire.InteractionMessage, Message: "see https://u:canary-message@intranet/"}}}
	return s
}

func TestPlantedSecretsAreLeftOut(t *testing.T) {
	t.Parallel()
	var lines diag.Lines
	log := slog.New(slog.NewTextHandler(&lines, nil))
	log.Info("plain words stay", "file", "/home/ada/.config/tidegate/x")
	log.Info("sent", "cookie", "canary-log-cookie", "token", "canary-log-token", "header", "Set-Cookie: __Host-tidegate=canary-log-header; Secure")
	log.Info("got eyJhbGciOiJFZERTQSJ9.Y2FuYXJ5LWp3dA.c2lnbmF0dXJl", "error", errors.New("dial socks5://u:canary-log-proxy@10.0.0.1: refused"))
	log.Info("raw", "value", "Yx3kQ9vB2mT7pL0sW8dR4fH6jN1cZ5aG")
	environment := map[string]string{
		"HTTPS_PROXY": "http://ada:canary-proxy@proxy.example:3128", "http_proxy": "http://canary-proxy-token@proxy.example:3128",
		"https_proxy": "ada:canary-proxy-bare@proxy.example:3128", "ALL_PROXY": "socks5h://ada:canary/proxy?slash#@proxy.example:1080", "all_proxy": "://canary@x", "AWS_SECRET_ACCESS_KEY": "canary-env",
		"TIDEGATE_TOKEN": "canary-env-ours", "XDG_RUNTIME_DIR": "/home/ada/run", "XDG_CURRENT_DESKTOP": "GNOME", "SSH_AUTH_SOCK": "/tmp/canary-env-socket",
	}
	var wanted Wanted
	wanted.Apply(session.Wanted{Session: "canary-session-id", Sites: []session.WantedSite{{ID: "hq", ClaimsToken: "canary-claims-token", EntitlementToken: "canary-entitlement-token"}}})
	r, _ := diagnose(t, Options{Version: "1", Home: "/home/ada", Log: lines.Text, Peers: wanted.Peers,
		State:   func(context.Context) (session.State, error) { return planted(), nil },
		Getenv:  func(name string) string { return environment[name] },
		Explain: func(string) (session.Lookup, error) { return session.Lookup{}, errors.New("pwd=canary-explain") },
	})
	secrets := canaries{"any": "canary", "the user's folder": "/home/ada", "a key": "Y2FuYXJ5", "what is random": "Yx3kQ9vB2mT7pL0sW8dR4fH6jN1cZ5aG"}
	secrets.search(t, r)
	has(t, r, map[string]string{
		"summary.txt": "[wrong]", "checks.json": `"control-channel"`, "state.json": "wiki.harbour.example", "events.txt": "vpn-failed", "versions.txt": "GNOME",
		"log.txt": "plain words stay", "names.txt": "wiki.harbour.example", "network.txt": "lo",
	})
}

// memory is a session's Vault and Records.
type memory struct {
	mu    sync.Mutex
	items map[session.VaultItem][]byte
	e     session.KeptEnrolments
}

func (m *memory) LoadChoices() (session.KeptChoices, error) { return session.KeptChoices{}, nil }

func (m *memory) SaveChoices(session.KeptChoices) error { return nil }

func (m *memory) Get(_ context.Context, item session.VaultItem) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.items[item]; ok {
		return b, nil
	}
	return nil, session.ErrNoSecret
}

func (m *memory) Set(_ context.Context, item session.VaultItem, secret []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[item] = bytes.Clone(secret)
	return nil
}

func (m *memory) Delete(_ context.Context, item session.VaultItem) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, item)
	return nil
}

func (m *memory) Opened(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (m *memory) active() (session.Enrolled, error) {
	k, err := m.LoadEnrolments()
	return k.Enrolled, err
}

func (m *memory) LoadEnrolments() (session.KeptEnrolments, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.e, nil
}

func (m *memory) SaveEnrolments(e session.KeptEnrolments) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.e = e
	return nil
}

// plane notes what is wanted, tokens and all.
type plane struct {
	Wanted
	mu   sync.Mutex
	last session.Wanted
}

func (p *plane) Apply(w session.Wanted) {
	p.Wanted.Apply(w)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = w
}

// The secrets of a whole session that is signed in: those that the user typed, and
// those that the session lives by.
func TestSecretsOfASessionAreLeftOut(t *testing.T) {
	t.Parallel()
	l, err := lab.Start(t.Context(), lab.Options{Config: lab.DefaultConfig().Quick(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	link, err := l.Link(t.Context(), "maya")
	if err != nil {
		t.Fatal(err)
	}
	var lines diag.Lines
	kept, below := &memory{items: map[session.VaultItem][]byte{}}, &plane{}
	s := session.New(session.Options{Controller: &control.Controller{}, Dataplane: below, Vault: kept, Records: kept, Version: "1",
		Log: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	until := func(what string, is func(*session.State) bool) {
		for st := range s.Watch(ctx) {
			if is(&st) {
				return
			}
		}
		t.Fatalf("the session is not %s", what)
	}
	const password = "time-and-tide"
	if err := s.Do(ctx, session.Enrol{Link: session.Secret(link.String())}); err != nil {
		t.Fatal(err)
	}
	until("enrolled", func(st *session.State) bool {
		return st.Enrolment.Enrolled() && st.Prompt != nil && st.Prompt.Kind == session.PromptSignIn
	})
	if err := s.Do(ctx, session.SignIn{Password: password}); err != nil {
		t.Fatal(err)
	}
	until("signed in", func(st *session.State) bool {
		return st.Control.Phase == session.ControlEstablished && len(st.Apps) > 0
	})
	r, checks := diagnose(t, Options{Version: "1", Log: lines.Text, Enrolled: kept.active, Peers: below.Peers,
		State: func(ctx context.Context) (session.State, error) {
			for st := range s.Watch(ctx) {
				return st, nil
			}
			return session.State{}, ctx.Err()
		}})
	outcomes(t, checks, map[string]diag.Outcome{"sign-in": diag.Good, "control-channel": diag.Good, "controller-quic": diag.Good, "clock": diag.Good})
	below.mu.Lock()
	defer below.mu.Unlock()
	site := below.last.Sites[0]
	secrets := canaries{"the password": password, "the link's code": link.Code, "the claims token": site.ClaimsToken, "the entitlement token": site.EntitlementToken,
		"the cookie": string(kept.items[session.ItemCookie]), "the device key": string(kept.items[session.ItemDeviceKey])}
	if der, err := x509.MarshalPKCS8PrivateKey(below.last.Identity.Key); err != nil {
		t.Error(err)
	} else {
		secrets["the device key in PEM"] = strings.Split(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "\n")[1]
	}
	secrets.search(t, r)
	has(t, r, map[string]string{"state.json": `"maya"`, "events.txt": "signed in", "summary.txt": "gateway"})
}
