package lab_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sshServer is a real OpenSSH server for one key of the user who runs the test.
type sshServer struct {
	addr       string
	user       string
	userKey    string
	knownHosts string // names the server bastion.harbour.example
	cmd        *exec.Cmd
	ended      chan error
}

func startSSH(ctx context.Context, dir string) (*sshServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	s := &sshServer{user: me.Username, userKey: filepath.Join(dir, "user"), knownHosts: filepath.Join(dir, "known_hosts"), ended: make(chan error, 1)}
	for _, name := range []string{"host", "user"} {
		out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	host, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.knownHosts, []byte("bastion.harbour.example "+string(host)), 0o600); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = l.Addr().String()
	l.Close()
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists on it
			return nil, err
		}
	}
	_, port, _ := strings.Cut(s.addr, ":")
	log := filepath.Join(dir, "log")
	s.cmd = exec.Command("/usr/sbin/sshd", "-D", "-E", log, "-f", "/dev/null", "-p", port,
		"-o", "ListenAddress=127.0.0.1", "-o", "HostKey="+filepath.Join(dir, "host"), "-o", "PidFile=none",
		"-o", "AuthorizedKeysFile="+filepath.Join(dir, "user.pub"), "-o", "StrictModes=no",
		"-o", "PasswordAuthentication=no", "-o", "PermitRootLogin=yes", "-o", "UsePAM=no")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sshd: %w", err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	for {
		c, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			return s, c.Close()
		}
		select {
		case err := <-s.ended:
			b, _ := os.ReadFile(log)
			return nil, fmt.Errorf("sshd ended: %v\n%s", err, b)
		case <-ctx.Done():
			s.stop()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *sshServer) stop() {
	s.cmd.Process.Kill()
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
	}
}
