package channel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// takeFaults are those that were found until now.
func (c *churn) takeFaults() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.faults
	c.faults = nil
	if len(all) == 0 {
		return nil
	}
	const most = 40
	more := ""
	if len(all) > most {
		more = fmt.Sprintf("\n(and %d more)", len(all)-most)
		all = all[:most]
	}
	return errors.New(strings.Join(all, "\n") + more)
}

// settle waits until nothing more is there than was before, and reports.
func (c *churn) settle(ctx context.Context, gate counts) error {
	until := time.Now().Add(settleWithin)
	for _, p := range c.clients {
		if err := p.p.tell("suspend"); err != nil {
			return err
		}
		if err := c.compare(ctx, "client-"+p.name, p.p, p.base, until); err != nil {
			return err
		}
	}
	if err := c.compare(ctx, "gateway", c.gate, gate, until); err != nil {
		return err
	}
	c.mu.Lock()
	for _, what := range slices.Sorted(maps.Keys(c.tally)) {
		c.o.Report("churn-"+what, float64(c.tally[what]), "times")
	}
	c.o.Report("churn-bytes", float64(c.bytes)/1e9, "GB")
	c.mu.Unlock()
	return c.takeFaults()
}

// compare waits until a process holds what it held before, or fails it.
func (c *churn) compare(ctx context.Context, name string, p *process, was counts, until time.Time) error {
	for {
		now, err := p.counts()
		if err != nil {
			return err
		}
		bad := now.Goroutines > was.Goroutines+moreGoroutines || now.Descriptors > was.Descriptors+moreDescriptors ||
			now.Heap > was.Heap+moreHeap || now.Sessions > 0 || now.Flows > 0
		if bad && time.Now().Before(until) {
			if err := pause(ctx, 3*time.Second); err != nil {
				return err
			}
			continue
		}
		c.o.Report("churn-"+name+"-goroutines", float64(now.Goroutines-was.Goroutines), "more")
		c.o.Report("churn-"+name+"-descriptors", float64(now.Descriptors-was.Descriptors), "more")
		c.o.Report("churn-"+name+"-heap", float64(now.Heap-was.Heap)/(1<<20), "MiB-more")
		if now.Datagrams+now.Echoes > 0 {
			c.o.Report("churn-"+name+"-datagrams", float64(now.Datagrams), "came-back")
			c.o.Report("churn-"+name+"-echoes", float64(now.Echoes), "came-back")
		}
		if now.Altered > 0 {
			c.fault("%s: %d datagrams came altered", name, now.Altered)
		}
		if bad {
			c.fault("%s leaks: %s; before there were %s", name, now, was)
		}
		return nil
	}
}
