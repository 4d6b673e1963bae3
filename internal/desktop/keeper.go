//go:build linux

package desktop

import "runtime"

// keeper starts all programs of a desktop from one thread. Linux sends the
// signal of a parent's death (PR_SET_PDEATHSIG) when the thread that started
// the child ends, and Go ends idle threads as it likes: only a thread that is
// locked for the desktop's whole life makes "ends with its parent" true.
type keeper struct {
	work  chan func()
	ended chan struct{}
}

func newKeeper() *keeper {
	k := &keeper{work: make(chan func()), ended: make(chan struct{})}
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		defer close(k.ended)
		for f := range k.work {
			f()
		}
	}()
	return k
}

// do runs f on the keeper's thread.
func (k *keeper) do(f func() error) error {
	done := make(chan error)
	k.work <- func() { done <- f() }
	return <-done
}

// stop ends the thread, and with it every program that still runs.
func (k *keeper) stop() {
	close(k.work)
	<-k.ended
}
