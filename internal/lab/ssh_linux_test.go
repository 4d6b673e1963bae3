package lab_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
)

// sshServer is an SSH server for one key, which runs what it is asked to. The
// client is the real one; a real server's package would open a port for the
// whole network on the machine that runs the tests.
type sshServer struct {
	addr       string
	userKey    string
	knownHosts string // names the server bastion.harbour.example
	l          net.Listener
	config     *ssh.ServerConfig
	wg         sync.WaitGroup
	ctx        context.Context
	cancel     context.CancelFunc
}

func startSSH(ctx context.Context, dir string) (*sshServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &sshServer{userKey: filepath.Join(dir, "user"), knownHosts: filepath.Join(dir, "known_hosts")}
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	hostKey, err := ssh.NewSignerFromKey(host)
	if err != nil {
		return nil, err
	}
	public, user, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	allowed, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(user, "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.userKey, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	line := append([]byte("bastion.harbour.example "), ssh.MarshalAuthorizedKey(hostKey.PublicKey())...)
	if err := os.WriteFile(s.knownHosts, line, 0o600); err != nil {
		return nil, err
	}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(k.Marshal(), allowed.Marshal()) {
			return nil, fmt.Errorf("another key")
		}
		return nil, nil
	}}
	s.config.AddHostKey(hostKey)
	if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.addr = s.l.Addr().String()
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.wg.Go(s.serve)
	return s, nil
}

func (s *sshServer) stop() {
	s.cancel()
	s.l.Close()
	s.wg.Wait()
}

func (s *sshServer) serve() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.greet(c) })
	}
}

func (s *sshServer) greet(c net.Conn) {
	stop := context.AfterFunc(s.ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		if n.ChannelType() != "session" {
			n.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.session(ch, requests) })
	}
}

// session runs the command of an exec request (RFC 4254, section 6.5).
func (s *sshServer) session(ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	for r := range requests {
		var exe struct{ Command string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &exe) != nil {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		cmd := exec.CommandContext(s.ctx, "sh", "-c", exe.Command)
		cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
		status := struct{ Status uint32 }{}
		if cmd.Run() != nil {
			status.Status = 1
		}
		ch.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}
