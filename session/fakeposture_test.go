package session

import (
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// fakePosture notes what was declared, and who follows.
type fakePosture struct {
	mu       sync.Mutex
	declared [][]wire.Gather
	followed bool
	again    int // how often it was to find everything out again
}

func (p *fakePosture) Follow(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.followed = on
}

func (p *fakePosture) Again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again++
}

// follows says whether it is followed, and how often it was to find everything out again.
func (p *fakePosture) follows() (on bool, again int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.followed, p.again
}

func (p *fakePosture) Declare(g []wire.Gather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declared = append(p.declared, g)
}

// last are the last declarations, and how many there were.
func (p *fakePosture) last() ([]wire.Gather, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.declared) == 0 {
		return nil, 0
	}
	return p.declared[len(p.declared)-1], len(p.declared)
}
