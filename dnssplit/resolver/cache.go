package resolver

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cacheBytes = 4 << 20  // of answers kept, with what keeping them costs
	entryMost  = 16 << 10 // of one answer
	entryCost  = 192      // of an entry besides its bytes
	shards     = 16
)

// cache keeps answers until the shortest time to live in them is over, within a
// bound of bytes. What was not asked for the longest goes first.
type cache struct {
	seed  maphash.Seed
	epoch atomic.Uint64 // of what may be kept
	shard [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[uint64]*entry
	oldest  *entry // a ring: before it is the newest
	bytes   int
}

// entry is an answer. Of two keys with one hash the later is kept.
type entry struct {
	before, after *entry
	hash          uint64
	bytes         []byte // key, times, answer
	keyLen        uint16
	times         uint16 // how many
	at            time.Time
	keep          time.Duration
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) hash(key []byte) uint64 { return maphash.Bytes(c.seed, key) }

// since is how long ago it was, by the clock that stands still in sleep or by the
// one that is set, whichever says more.
func since(now, at time.Time) time.Duration {
	return max(now.Sub(at), now.Round(0).Sub(at.Round(0)))
}

// get appends the answer to a key, with its times to live aged.
func (c *cache) get(b []byte, hash uint64, key []byte, now time.Time) ([]byte, bool) {
	s := &c.shard[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[hash]
	if e == nil || !bytes.Equal(e.bytes[:e.keyLen], key) {
		return b, false
	}
	age := since(now, e.at)
	if age >= e.keep {
		s.remove(e)
		return b, false
	}
	if e != s.oldest.before {
		s.unlink(e)
		s.link(e)
	}
	at := len(b)
	times := e.bytes[e.keyLen:][:2*e.times]
	b = append(b, e.bytes[int(e.keyLen)+len(times):]...)
	if old := uint32(max(age, 0) / time.Second); old > 0 {
		for ; len(times) > 0; times = times[2:] {
			ttl := b[at+int(binary.BigEndian.Uint16(times)):]
			binary.BigEndian.PutUint32(ttl, binary.BigEndian.Uint32(ttl)-old)
		}
	}
	return b, true
}

// put keeps an answer, of which it makes a copy, if it was asked for in the
// present epoch.
func (c *cache) put(epoch, hash uint64, key, answer []byte, f *facts, now time.Time) {
	keep := f.keep(answer)
	if keep <= 0 || len(answer) > entryMost {
		return
	}
	head := len(key) + 2*len(f.ttls)
	buf := make([]byte, head+len(answer))
	times := buf[copy(buf, key):head]
	for i, at := range f.ttls {
		binary.BigEndian.PutUint16(times[2*i:], at)
	}
	copy(buf[head:], answer)
	buf = buf[:head+len(f.kept(buf[head:]))]
	e := &entry{hash: hash, bytes: buf, keyLen: uint16(len(key)), times: uint16(len(f.ttls)), at: now, keep: keep}

	s := &c.shard[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch != c.epoch.Load() {
		return
	}
	if s.entries == nil {
		s.entries = map[uint64]*entry{}
	}
	if was := s.entries[hash]; was != nil {
		s.remove(was)
	}
	for s.oldest != nil && s.bytes+e.cost() > cacheBytes/shards {
		s.remove(s.oldest)
	}
	s.entries[hash] = e
	s.bytes += e.cost()
	s.link(e)
}

// flush forgets all, and what is under way is not kept either.
func (c *cache) flush() {
	c.epoch.Add(1)
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		s.entries, s.oldest, s.bytes = nil, nil, 0
		s.mu.Unlock()
	}
}

func (e *entry) cost() int { return cap(e.bytes) + entryCost }

func (s *shard) remove(e *entry) {
	delete(s.entries, e.hash)
	s.bytes -= e.cost()
	s.unlink(e)
}

// link has e be the newest.
func (s *shard) link(e *entry) {
	if s.oldest == nil {
		e.before, e.after, s.oldest = e, e, e
		return
	}
	e.before, e.after = s.oldest.before, s.oldest
	e.before.after, e.after.before = e, e
}

func (s *shard) unlink(e *entry) {
	if e.after == e {
		s.oldest = nil
	} else {
		e.before.after, e.after.before = e.after, e.before
		if s.oldest == e {
			s.oldest = e.after
		}
	}
	e.before, e.after = nil, nil
}
