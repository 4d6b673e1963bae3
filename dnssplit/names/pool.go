package names

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// TTL is how long an answer with an address of a Pool's may be kept.
	TTL = 30 * time.Second
	// Keep is how long a name that is gone keeps its addresses at least, from
	// when they were last answered or used: programs keep an answer for longer
	// than they are told to.
	Keep = 24 * time.Hour
	// Most bounds how many names have addresses: the network of IPv4 is half full
	// by then, so that there is always an index that is free.
	Most = 1 << 15
	// spare is how many of them are left to the names that are named: those that
	// are given addresses on demand do not take them.
	spare = 1 << 12
)

// Options for Open; the zero value is useful.
type Options struct {
	// File is where the addresses are remembered; its folder is made. Empty: they
	// are not.
	File string
	// Network is a /16 of 100.64.0.0/10 that the addresses of IPv4 are taken from,
	// until Move; the zero value is 100.96.0.0/16. It is not 100.97.0.0/16, which
	// the network devices have theirs from.
	Network netip.Prefix
	// Now is the wall clock, nil: time.Now. It says how much time has passed since
	// the file was written, and nothing else.
	Now func() time.Time
	// Log gets what is wrong with the file; nil discards it. Names are not in it.
	Log *slog.Logger
}

// Pool are the names and their addresses. Make it with Open.
type Pool struct {
	o       Options
	clock   clock
	changed chan struct{}
	file    file
	// Replaced in tests, that they are full soon.
	most, spare int
	derive      func(name string, probe uint32) uint16

	// stale: some name was used after the file was written.
	stale atomic.Bool

	mu      sync.RWMutex
	network netip.Prefix // of IPv4
	names   map[string]*entry
	indexes map[uint16]*entry
	without map[string]bool // hosts that there was no room for
	zones   *zones
	except  func(host string) bool // of what is below a domain; nil: nothing
	next    func(host string) bool // except, from the next Set on
	full    int64                  // no room before that time; 0: nobody knows
}

// entry is a name that has addresses.
type entry struct {
	name  string
	index uint16
	// used is when it was answered or used last, in seconds of the pool's clock.
	used atomic.Int64
	// kept is what of that the file says; 0: nothing.
	kept atomic.Int64
	// live: it is a name now. named: as itself, and not as one below a domain.
	// The Pool's lock guards both.
	live, named bool
}

// Open reads what the file remembers. A file that is damaged is set aside, as
// File.damaged, and all begins anew. The error is of a network that is none, or of
// a file that cannot be read; one that cannot be written is logged, and tried again.
func Open(o Options) (*Pool, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if !o.Network.IsValid() {
		o.Network = first
	}
	if !fits(o.Network) {
		return nil, fmt.Errorf("synthetic addresses from %v: take a /16 of %v, and not %v", o.Network, shared, devices)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		o:       o,
		changed: make(chan struct{}, 1),
		file:    file{path: o.File},
		most:    Most,
		spare:   spare,
		derive:  derive,
		network: o.Network,
		names:   map[string]*entry{},
		indexes: map[uint16]*entry{},
		without: map[string]bool{},
		zones:   newZones(nil, nil),
	}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Except has those names below domains be without addresses that is holds for, from
// the next Set on; nil: none. It is called with locks held, so it takes none.
func (p *Pool) Except(is func(host string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = is
}

func (p *Pool) excepts(host string) bool { return p.except != nil && p.except(host) }

// Set makes the names these: hosts, and whatever is below domains, which are
// given addresses when they are asked for ("corp.example" of "*.corp.example").
// All are in lower case and without a dot at the end.
func (p *Pool) Set(hosts, domains []string) {
	z := newZones(hosts, domains)
	p.mu.Lock()
	now := p.clock.now()
	p.except = p.next
	for _, e := range p.names {
		e.named = z.hosts[e.name]
		e.live = e.named || z.covers(e.name) && !p.excepts(e.name)
	}
	clear(p.without)
	p.full = 0
	var added []*entry
	for _, host := range slices.Sorted(maps.Keys(z.hosts)) { // a collision is resolved the same way in each run
		if p.names[host] != nil {
			continue
		}
		if e := p.add(host, now, p.most); e != nil {
			e.live, e.named = true, true
			added = append(added, e)
		} else {
			p.without[host] = true
		}
	}
	same := slices.Equal(p.zones.all, z.all)
	p.zones = z
	p.mu.Unlock()
	p.remember(added...)
	if !same {
		p.tell()
	}
}

// Addrs are the addresses of a host, IPv4 and IPv6, if it has any already.
func (p *Pool) Addrs(host string) (addrs [2]netip.Addr, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if e := p.names[host]; e != nil && e.live {
		return p.addrs(e.index), true
	}
	return addrs, false
}

// Answer are the addresses of a host for whoever asks for them: one that is below
// a domain is given some. known says whether there is such a name; one that is
// known, and whose addresses are invalid, there is no room for.
func (p *Pool) Answer(host string) (addrs [2]netip.Addr, known bool) {
	p.mu.RLock()
	e := p.names[host]
	if e != nil && e.live {
		addrs = p.addrs(e.index)
		p.note(e)
		p.mu.RUnlock()
		p.remember(e)
		return addrs, true
	}
	known = p.known(host)
	p.mu.RUnlock()
	if !known {
		return addrs, false
	}
	p.mu.Lock()
	if e, known = p.give(host); e != nil {
		addrs = p.addrs(e.index)
		p.note(e) // at once: nobody gives them to another name in between
	}
	p.mu.Unlock()
	if e != nil {
		p.remember(e)
	}
	return addrs, known
}

// give is the entry of a host that is to have addresses. The caller has the lock.
func (p *Pool) give(host string) (e *entry, known bool) {
	if e := p.names[host]; e != nil && e.live { // somebody else has asked, too
		return e, true
	}
	if !p.known(host) {
		return nil, false
	}
	most, named := p.most, p.without[host]
	if !named {
		most -= p.spare
	}
	if e = p.add(host, p.clock.now(), most); e != nil {
		e.live, e.named = true, named
		delete(p.without, host)
	}
	return e, true
}

// Exists says whether there is such a name, with addresses or without, or one
// below it.
func (p *Pool) Exists(host string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if e := p.names[host]; e != nil && e.live {
		return true
	}
	return p.without[host] || p.covers(host) || p.zones.inner[host]
}

// OnDemand says whether Answer would give a host addresses that has none.
func (p *Pool) OnDemand(host string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.names[host]
	return (e == nil || !e.live) && p.known(host)
}

// known says whether a host that has no addresses is to have some.
func (p *Pool) known(host string) bool {
	return p.without[host] || p.covers(host) && !p.excepts(host)
}

// covers says whether a host is below a domain.
func (p *Pool) covers(host string) bool { return p.zones.covers(host) && valid(host) }

// Host is the name that an address stands for now. Whoever asks has been sent
// something to that address.
func (p *Pool) Host(a netip.Addr) (host string, ok bool) {
	p.mu.RLock()
	index, ok := p.index(a)
	var e *entry
	if ok {
		e = p.indexes[index]
	}
	if e == nil {
		p.mu.RUnlock()
		return "", false
	}
	if ok = e.live; ok {
		host = e.name
	}
	p.note(e) // even of one that is gone: somebody holds its address
	p.mu.RUnlock()
	p.remember(e)
	return host, ok
}

// All are the names that have addresses, for whoever is given all at once. The
// caller may keep it.
func (p *Pool) All() map[string][2]netip.Addr {
	all := map[string][2]netip.Addr{}
	var noted []*entry
	p.mu.RLock()
	for name, e := range p.names {
		if e.live {
			p.note(e)
			noted = append(noted, e)
			all[name] = p.addrs(e.index)
		}
	}
	p.mu.RUnlock()
	p.remember(noted...)
	return all
}

// Changed gets a token when Zones, Reverse or Prefixes have changed since the
// last was taken.
func (p *Pool) Changed() <-chan struct{} { return p.changed }

func (p *Pool) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// note keeps in mind that somebody has an entry's addresses.
func (p *Pool) note(e *entry) {
	if now := p.clock.now(); e.used.Load() < now {
		e.used.Store(now)
		p.stale.Store(true)
	}
}

// add gives a name an index, as long as there are fewer than most; or nil. The
// caller has the lock.
func (p *Pool) add(name string, now int64, most int) *entry {
	if len(p.names) >= most && !p.evict(now) {
		return nil
	}
	e := &entry{name: name}
	e.used.Store(now)
	e.index = p.derive(name, 0)
	for probe := uint32(1); p.indexes[e.index] != nil; probe++ { // half of all are free
		e.index = p.derive(name, probe)
	}
	p.names[name], p.indexes[e.index] = e, e
	return e
}

// derive is an index, in a name's own order: never one that ends in 0 or 255.
func derive(name string, probe uint32) uint16 {
	sum := sha256.Sum256(append([]byte("tidegate synthetic\x00"+name+"\x00"), byte(probe>>16), byte(probe>>8), byte(probe)))
	return uint16(sum[0])<<8 | 1 + uint16(sum[1])%254
}

// evict forgets the name that was used least recently, if nobody can hold its
// addresses any more.
func (p *Pool) evict(now int64) bool {
	// The file may say of a name that it was used so much earlier than it was.
	const keep = int64((Keep + every) / time.Second)
	if now < p.full {
		return false
	}
	var oldest *entry
	for _, e := range p.names {
		if !e.named && (oldest == nil || e.used.Load() < oldest.used.Load()) {
			oldest = e
		}
	}
	if oldest == nil {
		p.full = now + keep
		return false
	}
	if until := oldest.used.Load() + keep; now < until {
		p.full = until
		return false
	}
	delete(p.names, oldest.name)
	delete(p.indexes, oldest.index)
	return true
}
