package gateway

import "sync"

// The sizes of what a direction of a plain flow copies through.
const (
	smallBuffer  = 4 << 10
	mediumBuffer = 64 << 10
	largeBuffer  = 512 << 10
	// maxLarge is how many large ones there are at once, for all flows: one whose
	// client reads nothing keeps its own.
	maxLarge = 256
)

var (
	mediumBuffers = sync.Pool{New: func() any { return new([mediumBuffer]byte) }}
	largeBuffers  = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
	largeSlots    = make(chan struct{}, maxLarge)
)

// scratch is a buffer that is small while little comes, and borrows larger ones
// while they are filled: bulk costs half as much by them.
type scratch struct {
	small  []byte
	medium *[mediumBuffer]byte
	large  *[largeBuffer]byte
}

// buf is what to read into.
func (s *scratch) buf() []byte {
	switch {
	case s.large != nil:
		return s.large[:]
	case s.medium != nil:
		return s.medium[:]
	case s.small == nil:
		s.small = make([]byte, smallBuffer)
	}
	return s.small
}

// took tells how much of it was filled, and written on since.
func (s *scratch) took(n int) {
	switch {
	case n < smallBuffer:
		s.free()
	case s.large != nil:
	case s.medium == nil:
		s.medium = mediumBuffers.Get().(*[mediumBuffer]byte)
	case n == mediumBuffer:
		select {
		case largeSlots <- struct{}{}:
			s.large = largeBuffers.Get().(*[largeBuffer]byte)
			mediumBuffers.Put(s.medium)
			s.medium = nil
		default:
		}
	}
}

// free gives back what is borrowed.
func (s *scratch) free() {
	if s.medium != nil {
		mediumBuffers.Put(s.medium)
		s.medium = nil
	}
	if s.large != nil {
		largeBuffers.Put(s.large)
		<-largeSlots
		s.large = nil
	}
}
