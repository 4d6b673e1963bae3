package tunnel

import (
	"context"
	"time"
)

// Who only receives sends nothing that would be missed. So when payload that was
// coming on a link stops, the gateway is asked once whether it is there, and the
// silence after that is like any other. Nothing is asked of a link that is at rest.
const (
	// quietAfter is how long nothing has come when that is asked, bulkQuietAfter
	// where a flow of the link moves much.
	quietAfter     = time.Second
	bulkQuietAfter = 250 * time.Millisecond
)

// came notes payload that has come, and says whether it is the first since the
// link was last asked. Safe for concurrent use.
func (l *link) came(now time.Duration) (first bool) {
	return l.heard.Swap(max(int64(now), 1)) == 0
}

// quiet is when it is to be asked whether the gateway is there; 0: never, as things
// are.
func (c *channel) quiet(l *link) time.Duration {
	heard := time.Duration(l.heard.Load())
	switch {
	case heard == 0:
		return 0
	case c.lanes.busy(l):
		return heard + bulkQuietAfter
	}
	return heard + quietAfter
}

// inquire asks where payload has stopped coming, and somebody may wait for more.
func (c *channel) inquire(l *link, now time.Duration) {
	heard := l.heard.Load()
	if at := c.quiet(l); at == 0 || now < at || !l.heard.CompareAndSwap(heard, 0) {
		return
	}
	wanted := false
	for f := range l.flows {
		down := f.down.Load()
		wanted = wanted || down != f.had && !f.body.Status().Over
		f.had = down
	}
	if wanted {
		c.probe(l)
	}
}

// probe asks whether the gateway of a link is there.
func (c *channel) probe(l *link) {
	if l.probing {
		return
	}
	l.probing = true
	c.watchOver(l)
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, deadAfter)
		defer cancel()
		l.carrier.Probe(ctx) // what does not answer is noticed by its silence
		c.p.post(func() { l.probing = false })
	})
}

// busy says whether a flow of a link moves much.
func (n *lanes) busy(l *link) bool {
	for f := range n.bulk {
		if f.link == l {
			return true
		}
	}
	return false
}
