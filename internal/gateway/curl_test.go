package gateway

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// programs is a site whose application is a web server by TLS, and the files
// that programs of others need to come through the gateway.
type programs struct {
	*site
	web          string // https://app.test:port
	ca, cert, kp string // files
}

func newPrograms(t *testing.T, h http.Handler) *programs {
	t.Helper()
	p := &programs{site: newSite(t, echo, nil)}
	key := newKey(t)
	leaf := p.leaf(&key.PublicKey, "", func(c *x509.Certificate) { c.DNSNames = []string{"app.test"} })
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	p.port = uint16(srv.Listener.Addr().(*net.TCPAddr).Port)
	p.web = fmt.Sprintf("https://app.test:%d", p.port)
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	raw, err := x509.MarshalECPrivateKey(p.device.cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	p.ca, p.cert, p.kp = file("ca.pem", "CERTIFICATE", p.authority.ca.Raw), file("cert.pem", "CERTIFICATE", p.device.cert.Certificate[0]), file("key.pem", "EC PRIVATE KEY", raw)
	return p
}

// curl runs the program, with its answer's status behind the output.
func (p *programs) curl(t *testing.T, bearer string, args ...string) string {
	t.Helper()
	args = append([]string{"-sS", "--max-time", "60", "--proxy", "https://" + p.g.Addr().String(), "--proxy-cacert", p.ca, "--proxy-cert", p.cert, "--proxy-key", p.kp,
		"--cacert", p.ca, "--noproxy", "", "--proxy-header", "Proxy-Authorization: " + bearer, "-w", "\n%{http_connect} %{http_code}"}, args...)
	cmd := exec.Command("curl", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, _ := cmd.CombinedOutput() // curl's own status is of the application's
	return string(out)
}

// TestCurl is the program itself, with the gateway as its HTTPS proxy.
func TestCurl(t *testing.T) {
	p := newPrograms(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello %s", r.URL.Path) }))
	k := p.ticket()
	if out := p.curl(t, k.bearer(), p.web+"/wiki"); out != "hello /wiki\n200 200" {
		t.Errorf("curl: %s", out)
	}
	if out := p.curl(t, k.bearer(), "https://other.test/"); !strings.HasSuffix(out, "\n403 000") {
		t.Errorf("curl to what it is not entitled to: %s", out)
	}
	if out := p.curl(t, "Bearer no~pe", p.web); !strings.HasSuffix(out, "\n407 000") {
		t.Errorf("curl with bad tokens: %s", out)
	}
	if out := p.curl(t, k.bearer(), "http://app.test/"); !strings.Contains(out, string(wire.CodeNotAllowed)) || !strings.HasSuffix(out, " 501") {
		t.Errorf("curl without a tunnel: %s", out)
	}
}

// TestGit clones a repository, with the gateway as git's HTTPS proxy.
func TestGit(t *testing.T) {
	root := t.TempDir()
	home := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
		return strings.TrimSpace(string(out))
	}
	work, bare := filepath.Join(root, "work"), filepath.Join(root, "repo.git")
	git("init", "-q", work)
	if err := os.WriteFile(filepath.Join(work, "README"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("-C", work, "add", "README")
	git("-C", work, "commit", "-q", "-m", "first")
	git("clone", "-q", "--bare", work, bare)
	git("-C", bare, "update-server-info")
	p := newPrograms(t, http.FileServer(http.Dir(root)))
	to := filepath.Join(t.TempDir(), "clone")
	_, tokens, _ := strings.Cut(p.ticket().bearer(), " ")
	git("-c", "http.proxy=https://token:"+tokens+"@"+p.g.Addr().String(), "-c", "http.proxySSLCAInfo="+p.ca, "-c", "http.proxySSLCert="+p.cert, "-c", "http.proxySSLKey="+p.kp,
		"-c", "http.sslCAInfo="+p.ca, "clone", "-q", p.web+"/repo.git", to)
	if b, err := os.ReadFile(filepath.Join(to, "README")); err != nil || string(b) != "hello\n" {
		t.Errorf("the clone: %q, %v", b, err)
	}
}
