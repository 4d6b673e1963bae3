package resolvedtest

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// apart runs f on a thread that ends with it, whatever f made of it.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// Do runs f as a part of the machine: its network, its /etc, /run and /var are
// there for what f opens, and for the processes that it starts. What f starts on
// other goroutines is none.
func (s *System) Do(f func() error) error {
	return s.Space.Do(func() error {
		if err := s.mount(); err != nil {
			return err
		}
		return f()
	})
}

// mount has this thread see the machine's files.
func (s *System) mount() error {
	// A thread that shares its working directory with others may not change its mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("enter the mount namespace: %w", err)
	}
	if err := unix.Setns(int(s.mounts.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the mount namespace: %w", err)
	}
	return nil
}

// keep has a thread of the machine that lasts as long as the test, for the
// programs that are to end with it.
func (s *System) keep() {
	s.t.Helper()
	ready, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		err := s.Do(func() error {
			ready <- nil
			for f := range s.keeper {
				f()
			}
			return nil
		})
		if err != nil {
			ready <- err
		}
	}()
	if err := <-ready; err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		close(s.keeper)
		<-ended
		s.mounts.Close()
	})
}
