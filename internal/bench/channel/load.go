package channel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// loaded is what a load has measured, as its last line of output.
type loaded struct {
	Bytes   int64           `json:"bytes,omitempty"`
	Took    time.Duration   `json:"took,omitempty"`
	Gap     time.Duration   `json:"gap,omitempty"` // the longest without a byte
	Sum     string          `json:"sum,omitempty"` // SHA-256 of what came
	Delays  []time.Duration `json:"delays,omitempty"`
	Refused int             `json:"refused,omitempty"`
	worked  time.Duration   // the CPU time of the process
}

// runLoad is the program that uses the application at r.to.
func runLoad(ctx context.Context, r *role) error {
	var out loaded
	var err error
	switch r.kind {
	case "down", "up":
		out, err = bulk(ctx, r)
	case "first":
		out, err = first(ctx, r)
	case "opens":
		out, err = opens(ctx, r)
	case "file":
		out, err = file(ctx, r)
	default:
		err = fmt.Errorf("no such load: %q", r.kind)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func dialApp(ctx context.Context, to string, want byte) (*net.TCPConn, error) {
	c, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte{want}); err != nil {
		c.Close()
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// bulk moves bytes for a while, as fast as it can.
func bulk(ctx context.Context, r *role) (loaded, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var total int64
	var failed error
	began := time.Now()
	for range r.flows {
		wg.Go(func() {
			n, err := bulkFlow(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			total, failed = total+n, errors.Join(failed, err)
		})
	}
	wg.Wait()
	return loaded{Bytes: total, Took: time.Since(began)}, failed
}

func bulkFlow(ctx context.Context, r *role) (n int64, err error) {
	want := byte(wantDown)
	if r.kind == "up" {
		want = wantUp
	}
	c, err := dialApp(ctx, r.to, want)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	end := time.Now().Add(time.Duration(r.seconds * float64(time.Second)))
	c.SetReadDeadline(end.Add(30 * time.Second))
	buf := make([]byte, 256<<10)
	for time.Now().Before(end) {
		var m int
		if want == wantUp {
			m, err = c.Write(buf)
		} else {
			m, err = c.Read(buf)
		}
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	if want == wantDown {
		c.SetLinger(0)
		return n, nil
	}
	if err := c.CloseWrite(); err != nil {
		return n, err
	}
	var came int64 // what the application has seen counts
	if err := binary.Read(c, binary.BigEndian, &came); err != nil {
		return n, fmt.Errorf("hear the count: %w", err)
	}
	return came, nil
}

// first is the time from the connect to the first byte of an answer.
func first(ctx context.Context, r *role) (loaded, error) {
	began := time.Now()
	c, err := dialApp(ctx, r.to, wantEcho)
	if err != nil {
		return loaded{}, err
	}
	defer c.Close()
	c.SetDeadline(began.Add(30 * time.Second))
	if _, err := c.Write(make([]byte, 100)); err != nil {
		return loaded{}, err
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		return loaded{}, err
	}
	return loaded{Took: time.Since(began)}, nil
}

// opens opens new flows at a rate, each for one answer.
func opens(ctx context.Context, r *role) (loaded, error) {
	n := int(float64(r.rate) * r.seconds)
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := loaded{}
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(float64(i) / float64(r.rate) * float64(time.Second)))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			_, err := first(ctx, r)
			took := time.Since(due) // waiting to be started counts
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out.Refused++
				return
			}
			out.Delays = append(out.Delays, took)
		})
	}
	wg.Wait()
	slices.Sort(out.Delays)
	out.Took = time.Since(began)
	return out, nil
}

// file fetches so many bytes, and watches for gaps.
func file(ctx context.Context, r *role) (loaded, error) {
	c, err := dialApp(ctx, r.to, wantSize)
	if err != nil {
		return loaded{}, err
	}
	defer c.Close()
	if err := binary.Write(c, binary.BigEndian, r.size); err != nil {
		return loaded{}, err
	}
	out, sum, buf := loaded{}, sha256.New(), make([]byte, 16<<10)
	began := time.Now()
	var last time.Time
	for {
		c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		n, err := c.Read(buf)
		now := time.Now()
		if !last.IsZero() {
			out.Gap = max(out.Gap, now.Sub(last))
		}
		last = now
		if out.Bytes == 0 && n > 0 {
			ready("begun")
		}
		out.Bytes += int64(n)
		sum.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
	}
	out.Took, out.Sum = time.Since(began), fmt.Sprintf("%x", sum.Sum(nil))
	return out, nil
}
