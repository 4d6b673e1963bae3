package policy

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestCompileConcurrently compiles from 64 goroutines, as a gateway's sessions
// do, on an environment that nobody has used yet. Half of them write macros,
// for whose scope cel-go copies its environment; the others misspell a claim,
// for which it fills in what it suggests from. The race detector judges.
func TestCompileConcurrently(t *testing.T) {
	for range 3 {
		shared.mu.Lock()
		shared.base, shared.extended = nil, nil
		shared.mu.Unlock()
		var wg sync.WaitGroup
		busy := make(chan struct{}, 32)
		for i := range 64 {
			wg.Go(func() {
				vars := []Variable{{"scripts.stock", TypeInt}, {fmt.Sprintf("device.claim_%d", i%3), TypeBool}}
				src := `user.groups.exists(g, user.groups.exists(h, g == h))`
				if i%2 == 1 {
					src = `device.firewal`
					<-busy
				}
				c, err := CompileWith(`user.groups.exists(g, g.startsWith("fin"))`, vars)
				if err != nil {
					t.Error(err)
					return
				}
				if value, _ := c.root.eval(view{claims: &Claims{User: wire.UserClaims{Groups: []string{"finance"}}}}, 0); value != isTrue {
					t.Errorf("%s is %d", c, value)
				}
				for range 3 {
					if _, err := CompileWith(src, vars); err == nil {
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
