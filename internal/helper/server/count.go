//go:build linux

package server

import "sync"

// count is how many connections each user has: one user's many are to leave
// room for another's.
type count struct {
	mu sync.Mutex
	of map[uint32]int
}

// enter has a user have one connection more, unless there are too many.
func (c *count) enter(uid uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[uid] >= maxOwn {
		return false
	}
	c.of[uid]++
	return true
}

func (c *count) leave(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[uid]--; c.of[uid] == 0 {
		delete(c.of, uid)
	}
}
