package policy

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// TestCompileConcurrently compiles sound and unsound criteria from many
// goroutines, as a gateway's sessions do; each round begins with an environment
// that nobody has used yet. The race detector says whether they share anything
// that is not guarded.
func TestCompileConcurrently(t *testing.T) {
	shared := environment
	defer func() { environment = shared }()
	unsound := []string{
		`device.firewal`, `nonsense(1)`, `foo.bar.baz("x")`, `user.name.matches(1)`, `device.os_name == linux`, `{"a": 1}.b`,
		`Foo{a: 1}`, `[1, 2].map(x, y)`, `type(1) == intt`, `user.groups.exists(g, g == "x")`, `timestamp("x") > now`,
	}
	for round := range 16 {
		environment = sync.OnceValues(newEnvironment)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for range i * 20 * round { // they do not all begin at once
					runtime.Gosched()
				}
				src := fmt.Sprintf(`within(responses.mfa, duration("%dm")) && "g%d" in user.groups`, 1+i, i)
				if c, err := Compile(src); err != nil || len(c.Lifetimes()) != 1 {
					t.Errorf("%s: %v", src, err)
				}
				for j := range 6 {
					if bad := unsound[(i+j)%len(unsound)]; mustFail(bad) == nil {
						t.Errorf("%s compiled", bad)
					}
				}
			})
		}
		wg.Wait()
	}
}

func mustFail(src string) error {
	_, err := Compile(src)
	return err
}
