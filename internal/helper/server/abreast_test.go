//go:build linux

package server

import (
	"testing"
	"testing/synctest"
	"time"
)

// Who waits does until the client has had its answer to what it has asked since, and
// not for ever.
func TestAbreast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a abreast
		took := func() time.Duration {
			began := time.Now()
			a.wait()
			return time.Since(began)
		}
		if d := took(); d != 0 {
			t.Errorf("nothing is new, and it takes %v", d)
		}
		early := a.asks()
		a.changed()
		a.changed()
		early()
		if d := took(); d != hearing {
			t.Errorf("it has not asked since, and it takes %v", d)
		}
		go func() {
			answered := a.asks()
			time.Sleep(hearing / 2)
			answered()
			answered()
		}()
		if d := took(); d != hearing/2 {
			t.Errorf("it takes %v", d)
		}
		if d := took(); d != 0 {
			t.Errorf("afterwards it takes %v", d)
		}
	})
}
