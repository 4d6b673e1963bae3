package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wholefile"
)

const (
	// every is how often Run writes which names were used.
	every = 10 * time.Minute
	// glance is how often it looks whether the clocks have come apart.
	glance = time.Minute
)

// file is where a Pool is remembered.
type file struct {
	path  string       // empty: nowhere
	ahead atomic.Int64 // how far the wall clock was ahead when it was written

	mu     sync.Mutex
	sound  bool // lines may be added to what is there
	added  int  // so many were
	failed bool // to write, and logged
}

// Run writes to the file when names were used last, now and then, until ctx ends;
// and then once more. It returns ctx's error.
func (p *Pool) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		due := true
		select {
		case <-tick.C:
		case <-look.C:
			due = false
		case <-ctx.Done():
		}
		if due && p.stale.Load() || p.stepped() {
			p.save()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// stepped says whether the clocks have come apart: the machine slept, or somebody
// set the wall clock, which the next start is not to take for time that passed.
func (p *Pool) stepped() bool {
	by := p.clock.ahead(p.o.Now()) - p.file.ahead.Load()
	return p.file.path != "" && (by < -1 || by > 1)
}

// load reads the file, and writes it where there is none that is sound.
func (p *Pool) load() error {
	now := p.o.Now()
	p.clock = newClock(now.Unix(), now.Unix(), now)
	if p.file.path == "" {
		return nil
	}
	c, whole, err := read(p.file.path)
	var damaged *damagedError
	switch {
	case err == nil:
		p.take(c, now)
		p.file.sound, p.file.added = whole, c.over
	case errors.As(err, &damaged):
		aside := p.file.path + ".damaged"
		p.o.Log.Warn("the file of synthetic addresses is damaged and set aside", "as", aside, "error", err)
		if err := os.Rename(p.file.path, aside); err != nil {
			return fmt.Errorf("set the damaged file of synthetic addresses aside: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the synthetic addresses: %w", err)
	}
	if !p.file.sound {
		p.save()
	}
	return nil
}

// take takes over what a file says.
func (p *Pool) take(c content, now time.Time) {
	for _, r := range c.entries {
		e := &entry{name: r.Name, index: r.Index}
		e.used.Store(r.Used)
		e.kept.Store(r.Used)
		p.names[r.Name], p.indexes[r.Index] = e, e
	}
	if c.header.First == p.o.Network {
		p.network = c.header.Network
	}
	p.clock = newClock(c.header.Clock, c.header.Wall, now)
	p.file.ahead.Store(p.clock.ahead(now))
}

// damagedError: what was read is no content.
type damagedError struct{ why error }

func (e *damagedError) Error() string { return e.why.Error() }

func read(path string) (c content, whole bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return c, false, err
	}
	if len(b) > largest {
		return c, false, &damagedError{errors.New("it is too long")}
	}
	if c, whole, err = decode(b); err != nil {
		err = &damagedError{err}
	}
	return c, whole, err
}

// remember has the file say which addresses these have, and when they were used
// but for what is less than every, before anybody is told.
func (p *Pool) remember(told ...*entry) {
	if p.file.path == "" {
		return
	}
	if p.stepped() { // by what the file has of the clocks, these were used before that
		p.file.mu.Lock()
		if p.stepped() {
			p.replace()
		}
		p.file.mu.Unlock()
	}
	var records []record
	var of []*entry
	for _, e := range told {
		if used, kept := e.used.Load(), e.kept.Load(); kept == 0 || used-kept >= int64(every/time.Second) {
			records, of = append(records, record{e.name, e.index, used}), append(of, e)
		}
	}
	if len(records) == 0 {
		return
	}
	p.stale.Store(true)
	p.file.mu.Lock()
	defer p.file.mu.Unlock()
	if !p.file.sound || p.file.added > Most || p.file.add(encode(records...)) != nil {
		p.replace()
	}
	p.file.added += len(records)
	// Where that has failed, too, it is the turn of Run.
	for i, e := range of {
		e.kept.Store(records[i].Used)
	}
}

// add adds lines to the file that is there.
func (f *file) add(lines []byte) error {
	f.sound = false
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = out.Write(lines)
	if err = errors.Join(err, out.Close()); err == nil {
		f.sound = true
	}
	return err
}

// save has the file say all anew.
func (p *Pool) save() {
	if p.file.path == "" {
		return
	}
	p.file.mu.Lock()
	defer p.file.mu.Unlock()
	p.replace()
}

// replace puts another file into the place of the one that is there. The caller
// has the file's lock.
func (p *Pool) replace() {
	p.stale.Store(false)
	p.file.added = 0
	c, kept := p.content()
	p.file.ahead.Store(c.header.Wall - c.header.Clock)
	err := wholefile.Replace(p.file.path, c.encode())
	p.file.sound = err == nil
	switch {
	case err == nil:
		p.file.failed = false
	case !p.file.failed:
		p.file.failed = true
		p.o.Log.Warn("synthetic addresses are not remembered", "error", err)
	}
	if err != nil {
		p.stale.Store(true)
		return
	}
	for i, e := range kept {
		e.kept.Store(c.entries[i].Used)
	}
}

// content is what there is to remember, and of which entries.
func (p *Pool) content() (content, []*entry) {
	now := p.o.Now()
	p.mu.RLock()
	defer p.mu.RUnlock()
	c := content{header: header{version, p.network, p.o.Network, p.clock.now(), now.Unix()}, entries: make([]record, 0, len(p.names))}
	all := make([]*entry, 0, len(p.names))
	for _, e := range p.names {
		c.entries = append(c.entries, record{e.name, e.index, e.used.Load()})
		all = append(all, e)
	}
	return c, all
}
