package local

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/tidegate/tidegate/app/profile"
)

// ErrRunning is Claim's answer where another process holds the profile.
var ErrRunning = errors.New("Tidegate is running already")

// Instance is the claim of the one process that serves a profile.
type Instance struct {
	lock   *os.File
	listen *net.UnixListener
}

// Claim makes this process the profile's only instance and opens its socket.
// The lock decides, and the kernel drops it with the process: the socket of
// one that died is replaced, and of two that start at once one gets ErrRunning. So
// does who finds the lock free and somebody at the socket.
func Claim(p profile.Profile) (*Instance, error) {
	lock, err := os.OpenFile(p.Lock(), os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	i := &Instance{lock: lock}
	if err := take(lock, true); err != nil {
		lock.Close()
		if errors.Is(err, errTaken) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("lock %s: %w", p.Lock(), err)
	}
	if c, err := dialSocket(p.Socket()); err == nil { // whose lock file has been cleared away
		c.Close()
		lock.Close()
		return nil, ErrRunning
	}
	if err := os.Remove(p.Socket()); err != nil && !os.IsNotExist(err) {
		lock.Close()
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	i.listen, err = net.ListenUnix("unix", &net.UnixAddr{Name: p.Socket(), Net: "unix"})
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("open socket: %w", err)
	}
	// The folder lets nobody else in meanwhile.
	if err := os.Chmod(p.Socket(), 0o600); err != nil {
		i.Close()
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return i, nil
}

// gone says whether no process holds the profile.
func gone(lock string) (bool, error) {
	f, err := os.OpenFile(lock, os.O_RDWR|noFollow, 0)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	err = take(f, false)
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, err
}

// Close removes the socket and gives the profile up.
func (i *Instance) Close() error {
	err := i.listen.Close() // which removes the file
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, i.lock.Close())
}
