package policy

import (
	"sync"
	"testing"
)

// TestCompileConcurrently compiles from 64 goroutines, as a gateway's sessions
// do, on an environment that nobody has used yet. Half of them write macros,
// for whose scope cel-go copies its environment; the others misspell a claim,
// for which it fills in what it suggests from. The race detector judges.
func TestCompileConcurrently(t *testing.T) {
	shared := environment
	defer func() { environment = shared }()
	for range 3 {
		environment = sync.OnceValues(newEnvironment)
		var wg sync.WaitGroup
		busy := make(chan struct{}, 32)
		for i := range 64 {
			wg.Go(func() {
				src := `user.groups.exists(g, user.groups.exists(h, g == h))`
				if i%2 == 1 {
					src = `device.firewal`
					<-busy
				}
				for range 3 {
					if _, err := Compile(src); err == nil {
						t.Errorf("%s compiled", src)
					}
					if i%2 == 0 {
						select {
						case busy <- struct{}{}:
						default:
						}
					}
				}
			})
		}
		wg.Wait()
	}
	if _, err := Compile(`within(responses.mfa, duration("60m"))`); err != nil {
		t.Error(err)
	}
}
