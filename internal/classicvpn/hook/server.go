package hook

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// waiting is how many may be heard at once: openconnect runs one after another.
const waiting = 4

// Server is where the command of one openconnect is heard.
type Server struct {
	l     *net.UnixListener
	token string
	log   *slog.Logger
}

// Listen listens in a folder, which it makes, or finds to be the user's alone. log
// may be nil.
func Listen(dir string, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a folder for the VPN: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at the folder for the VPN: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !owned(info) {
		return nil, fmt.Errorf("%s is not a folder of yours alone; remove it", dir)
	}
	path := filepath.Join(dir, "hook")
	// What is there is of one that has ended: there is one for each profile.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen for the VPN: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for the VPN: %w", err)
	}
	return &Server{l: l, token: rand.Text(), log: log}, nil
}

// Env is what leads the command here.
func (s *Server) Env() []string {
	return []string{SocketEnv + "=" + s.l.Addr().String(), TokenEnv + "=" + s.token}
}

// Serve has do carry out what is heard, one after another, until Close: the command
// waits for it, and fails with it. It returns when all that it started has ended.
func (s *Server) Serve(ctx context.Context, do func(ctx context.Context, env []string) error) {
	var one sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, waiting)
	ctx, cancel := context.WithCancel(ctx)
	defer all.Wait()
	defer cancel()
	for {
		c, err := s.l.AcceptUnix()
		if err != nil {
			return
		}
		select {
		case free <- struct{}{}:
		default:
			c.Close()
			continue
		}
		all.Go(func() {
			defer func() { <-free }()
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			env, err := s.hear(c)
			if err != nil {
				s.log.Warn("a VPN's hook is refused", "error", err)
				return
			}
			one.Lock()
			defer one.Unlock()
			if err := do(ctx, env); err == nil {
				c.Write([]byte(done))
			}
		})
	}
}

// hear reads what our own openconnect's command says, and refuses all others.
func (s *Server) hear(c *net.UnixConn) ([]string, error) {
	uid, err := peer(c)
	if err != nil {
		return nil, err
	}
	if uid != os.Getuid() {
		return nil, fmt.Errorf("user %d has connected", uid)
	}
	c.SetReadDeadline(time.Now().Add(sayTime))
	m, err := readMessage(c)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(m.Token), []byte(s.token)) != 1 {
		return nil, errors.New("it is of another time")
	}
	return m.Env, nil
}

// Close ends Serve.
func (s *Server) Close() error { return s.l.Close() }
