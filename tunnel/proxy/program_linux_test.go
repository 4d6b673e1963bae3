package proxy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/tidegate/tidegate/internal/wire"
)

// Programs as they are use the proxy, by names that nothing here resolves.
func TestPrograms(t *testing.T) {
	r := newRouter()
	web, _ := origin(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method+" "+r.Host) })
	r.lead("wiki.corp", 80, wire.TCP, web)
	r.lead("fd00::7", 80, wire.TCP, web)
	r.lead("shell.corp", 22, wire.TCP, sshServer(t))
	r.lead("closed.corp", 80, wire.TCP, closedPort(t))
	p := start(t, r)
	at := p.Addr().String()
	sshTo := func(protocol string) []string {
		return []string{"ssh", "-F", "none", "-o", "ProxyCommand=nc -X " + protocol + " -x " + at + " %h %p", "-o", "StrictHostKeyChecking=no",
			"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "ada@shell.corp", "say"}
	}
	curl := func(args ...string) []string { return append([]string{"curl", "-sS", "--max-time", "60"}, args...) }
	for _, tt := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"curl by SOCKS", curl("--socks5-hostname", at, "http://wiki.corp/"), "GET wiki.corp", 0},
		{"curl by SOCKS, IPv6", curl("--socks5-hostname", at, "http://[fd00::7]/"), "GET [fd00::7]", 0},
		{"curl by HTTP", curl("-x", "http://"+at, "http://wiki.corp/"), "GET wiki.corp", 0},
		{"curl by CONNECT", curl("-p", "-x", "http://"+at, "http://wiki.corp/"), "GET wiki.corp", 0},
		{"curl posts", curl("-x", "http://"+at, "-d", strings.Repeat("x", 4096), "-H", "Expect: 100-continue", "http://wiki.corp/"), "POST wiki.corp", 0},
		{"curl, refused", curl("--socks5-hostname", at, "http://closed.corp/"), "(5)", 97},
		{"curl, none of ours", curl("-p", "-x", "http://"+at, "http://example.com/"), "403", 56},
		{"curl resolves names itself", curl("--socks5", at, "--resolve", "wiki.corp:80:192.0.2.9", "http://wiki.corp/"), "(2)", 97},
		{"ssh by SOCKS", sshTo("5"), "hello from shell.corp", 0},
		{"ssh by CONNECT", sshTo("connect"), "hello from shell.corp", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), tt.args[0], tt.args[1:]...).CombinedOutput()
			code := 0
			if err != nil {
				exit, ok := err.(*exec.ExitError)
				if !ok {
					t.Fatal(err)
				}
				code = exit.ExitCode()
			}
			if !strings.Contains(string(out), tt.want) || code != tt.code {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
}

// A megabyte goes through both ways, and the end of each half arrives.
func TestBulk(t *testing.T) {
	r := newRouter()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
	}()
	r.lead("copy.corp", 7, wire.TCP, l.Addr().String())
	p := start(t, r)
	in := make([]byte, 1<<20)
	rand.Read(in)
	nc := exec.CommandContext(t.Context(), "nc", "-N", "-X", "5", "-x", p.Addr().String(), "copy.corp", strconv.Itoa(7))
	nc.Stdin = bytes.NewReader(in)
	if out, err := nc.Output(); err != nil || !bytes.Equal(out, in) {
		t.Errorf("%d bytes of %d, %v", len(out), len(in), err)
	}
}

// sshServer greets whoever comes.
func sshServer(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go greetBySSH(c, config)
		}
	}()
	return l.Addr().String()
}

func greetBySSH(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		ch, in, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range in {
				r.Reply(true, nil)
				if r.Type == "exec" {
					io.WriteString(ch, "hello from shell.corp\n")
					ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
					ch.Close()
				}
			}
		}()
	}
}
