//go:build linux

// Command tidegate-helper opens network devices for users without privileges.
// systemd starts it when somebody connects to its socket; it takes nothing from
// its environment but that socket, and nothing from those who connect but the
// requests of package protocol.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/confine"
	"github.com/tidegate/tidegate/internal/helper/server"
)

func main() {
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "tidegate-helper:", err)
		os.Exit(1)
	}
}

func run() error {
	var o server.Options
	config := flag.String("config", server.ConfigPath, "what the administrator allows")
	socket := flag.String("socket", "", "listen here, where systemd passes no socket")
	flag.StringVar(&o.Journal, "journal", "/run/tidegate/helper", "a folder for what has to be undone")
	flag.StringVar(&o.Sessions, "sessions", "/run/systemd/sessions", "logind's folder of sessions")
	undo := flag.Bool("undo", false, "undo what was done for anybody, and end: before the helper is removed")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("it takes no arguments, and got %q", flag.Args())
	}
	var err error
	if o.Config, err = server.Load(*config); err != nil {
		return err
	}
	if o.GID, err = group(o.Config.Group); err != nil {
		return err
	}
	if err := server.Prepare(o.Journal); err != nil {
		return err
	}
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	if *undo {
		s, err := server.New(o)
		if err != nil {
			return err
		}
		return s.Undo()
	}
	if err := listen(*socket, o.GID); err != nil {
		return err
	}
	keep := []uintptr{unix.CAP_NET_ADMIN}
	if len(o.Config.Programs) > 0 {
		keep = append(keep, unix.CAP_SYS_PTRACE) // without it nobody's program is known
	}
	if err := confine.Capabilities(keep...); err != nil {
		return err
	}
	l, err := passed()
	if err != nil {
		return err
	}
	if err := confine.SystemCalls(); err != nil {
		return err
	}
	s, err := server.New(o)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return s.Run(ctx, l)
}

// group is the number of a group; -1 where there is none of that name.
func group(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("find the group %s: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}

// first is the first descriptor that systemd passes (sd_listen_fds(3)), own names
// one that this program passes to itself.
const (
	first = 3
	own   = "TIDEGATE_HELPER_SOCKET_FD"
)

// bySystemd says whether systemd has passed a socket to this process.
func bySystemd() bool {
	return os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") == "1"
}

// listen makes the socket where none was passed, and passes it on: what follows
// starts this program anew.
func listen(path string, gid int) error {
	if bySystemd() || os.Getenv(own) != "" {
		return nil
	}
	if path == "" {
		return errors.New("systemd passes no socket, and -socket names none")
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an old socket: %w", err)
		}
	}
	old := unix.Umask(0o777) // nobody's until it is ours and the group's
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if gid < 0 {
		gid = 0
	}
	if err := os.Chown(path, 0, gid); err != nil {
		return fmt.Errorf("give the socket to the group: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return fmt.Errorf("open the socket to the group: %w", err)
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return fmt.Errorf("pass the socket on: %w", err)
	}
	var fd int
	var failed error
	err = raw.Control(func(own uintptr) { fd, failed = unix.Dup(int(own)) }) // this one stays open
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("pass the socket on: %w", err)
	}
	return errors.Join(l.Close(), os.Setenv(own, strconv.Itoa(fd)))
}

// passed is the socket that was passed.
func passed() (*net.UnixListener, error) {
	fd := first
	if !bySystemd() {
		var err error
		if fd, err = strconv.Atoi(os.Getenv(own)); err != nil {
			return nil, errors.New("no socket is passed")
		}
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take the socket: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, errors.New("the socket that is passed is not Unix's")
	}
	return u, nil
}
