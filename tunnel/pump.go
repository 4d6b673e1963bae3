package tunnel

import (
	"errors"
	"io"
	"sync"
)

const (
	smallBuffer = 4 << 10
	bigBuffer   = 128 << 10
)

// bigBuffers are lent to flows that move much; a quiet flow holds a small one.
var bigBuffers = sync.Pool{New: func() any { return new([bigBuffer]byte) }}

// pump copies from src to dst until src ends, which is no error, and calls
// moved with each read before it is written.
func pump(dst io.Writer, src io.Reader, moved func(n int)) error {
	small := make([]byte, smallBuffer)
	var big *[bigBuffer]byte
	defer func() {
		if big != nil {
			bigBuffers.Put(big)
		}
	}()
	for {
		b := small
		if big != nil {
			b = big[:]
		}
		n, err := src.Read(b)
		if n > 0 {
			moved(n)
			if _, werr := dst.Write(b[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case big == nil && n == smallBuffer:
			big = bigBuffers.Get().(*[bigBuffer]byte)
		case big != nil && n < smallBuffer:
			bigBuffers.Put(big)
			big = nil
		}
	}
}
