package netlab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Quality is what a Path does to packets, each way.
type Quality struct {
	// Delay is one way.
	Delay time.Duration
	// Loss is the share of packets that are lost, 0 to 1.
	Loss float64
	// Rate in bits per second; 0: as fast as packets come.
	Rate float64
	// Queue is how long a packet may wait for its turn at Rate; 0: 30 ms.
	Queue time.Duration
	// NoUDP loses all UDP, as some firewalls do.
	NoUDP bool
}

// Path is a link between two namespaces through this process, which delays,
// loses and limits. Its ends are point-to-point interfaces of MTU 1500.
type Path struct {
	quality atomic.Pointer[Quality]
	nat     atomic.Pointer[nat] // nil: ports pass as they are
	seed    uint64
	lost    atomic.Int64
	passed  atomic.Int64
	files   [2]*os.File
	wg      sync.WaitGroup
}

// NewPath joins two namespaces. Losses are drawn from seed.
func NewPath(a, b Wire, q Quality, seed uint64) (*Path, error) {
	p := &Path{seed: seed}
	p.Set(q)
	for i, w := range []Wire{a, b} {
		err := w.Space.Do(func() error {
			var err error
			if p.files[i], err = openTUN(w.Name); err != nil {
				return err
			}
			return w.raise()
		})
		if err != nil {
			p.Close()
			return nil, err
		}
	}
	for i := range p.files {
		lane := make(chan parcel, 16384)
		p.wg.Go(func() { p.take(p.files[i], uint64(i), lane) })
		p.wg.Go(func() { p.give(p.files[1-i], lane) })
	}
	return p, nil
}

// Set changes what the path does from now on.
func (p *Path) Set(q Quality) {
	if q.Queue <= 0 {
		q.Queue = 30 * time.Millisecond
	}
	p.quality.Store(&q)
}

// Rebind has the path translate the ports of TCP and UDP as from now on, and
// forget which it has given: what the first end sends comes from other ports
// than before, and what is sent to the old ones is lost.
func (p *Path) Rebind() { p.nat.Store(newNAT(p.nat.Load().last())) }

// Passed and Lost count packets, both ways.
func (p *Path) Passed() int64 { return p.passed.Load() }
func (p *Path) Lost() int64   { return p.lost.Load() }

// Close removes both ends.
func (p *Path) Close() error {
	var err error
	for _, f := range p.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	p.wg.Wait()
	return err
}

// mtu of a path, in bytes.
const mtu = 1500

// parcel is a packet on its way.
type parcel struct {
	b   *[mtu]byte
	n   int
	due time.Time
}

var parcels = sync.Pool{New: func() any { return new([mtu]byte) }}

// take reads packets and puts those that are not lost on the lane.
func (p *Path) take(from *os.File, direction uint64, lane chan<- parcel) {
	defer close(lane)
	rnd := rand.New(rand.NewPCG(p.seed, direction))
	var free time.Time // when the line is free again
	for {
		b := parcels.Get().(*[mtu]byte)
		n, err := from.Read(b[:])
		if err != nil {
			return
		}
		q, now := p.quality.Load(), time.Now()
		if free.Before(now) {
			free = now
		}
		if rnd.Float64() < q.Loss || free.Sub(now) > q.Queue || !p.passes(b[:n], direction, q) {
			p.lost.Add(1)
			parcels.Put(b)
			continue
		}
		if q.Rate > 0 {
			free = free.Add(time.Duration(float64(n) * 8 / q.Rate * float64(time.Second)))
		}
		lane <- parcel{b, n, free.Add(q.Delay)}
	}
}

// passes translates a packet, and says whether it goes on.
func (p *Path) passes(b []byte, direction uint64, q *Quality) bool {
	if proto, _ := transport(b); q.NoUDP && proto == protoUDP {
		return false
	}
	n := p.nat.Load()
	return n == nil || n.translate(b, direction == 0)
}

// give delivers, in order.
func (p *Path) give(to *os.File, lane <-chan parcel) {
	for c := range lane {
		sleep(time.Until(c.due))
		// A packet for an interface that is down is lost, as on any link.
		if _, err := to.Write(c.b[:c.n]); err == nil {
			p.passed.Add(1)
		} else {
			p.lost.Add(1)
		}
		parcels.Put(c.b)
	}
}

// sleep has the kernel keep the time, to some ten microseconds: the runtime's
// timers may be a millisecond late.
func sleep(d time.Duration) {
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		t := unix.NsecToTimespec(int64(d))
		unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // again, where a signal has ended it
	}
}

// openTUN makes a TUN device in the namespace of this thread.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
