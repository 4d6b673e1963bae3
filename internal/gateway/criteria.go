package gateway

import (
	"sync"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// maxCriteria bounds the cache of compiled criteria.
const maxCriteria = 4096

// compiler caches criteria by their text, which all sessions share.
type compiler struct {
	mu    sync.Mutex
	cache map[string]*policy.Criteria
}

// conditions compiles an entitlement's. A criterion that does not compile has
// no Criteria, which denies.
func (c *compiler) conditions(in []wire.Condition) []policy.Condition {
	out := make([]policy.Condition, 0, len(in))
	for _, w := range in {
		out = append(out, policy.Condition{ID: w.ID, Criteria: c.compile(w.Criteria), Interactions: w.Interactions, Denied: w.Denied})
	}
	return out
}

func (c *compiler) compile(text string) *policy.Criteria {
	c.mu.Lock()
	got, ok := c.cache[text]
	c.mu.Unlock()
	if ok {
		return got
	}
	got, err := policy.Compile(text)
	if err != nil {
		got = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cache == nil || len(c.cache) >= maxCriteria {
		c.cache = map[string]*policy.Criteria{}
	}
	c.cache[text] = got
	return got
}
