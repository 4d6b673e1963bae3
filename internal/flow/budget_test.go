package flow

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetLeavesRoom(t *testing.T) {
	const limit = 32 << 20
	b := NewBudget(limit)
	hold := func() (held int) { // as much as it lets a flow have, up to a window
		for held < 1<<20 && b.take(held, largeChunk, nil) {
			held += largeChunk
		}
		for held < 1<<20 && b.take(held, smallChunk, nil) {
			held += smallChunk
		}
		return held
	}
	if first := hold(); first != 1<<20 {
		t.Errorf("the first flow may hold %d", first)
	}
	least := limit
	for range 63 {
		least = min(least, hold())
	}
	if least < smallChunk || b.Used() > limit+64*smallChunk {
		t.Errorf("of 64 that do not end one holds %d; %d in all", least, b.Used())
	}
	for range 1000 {
		hold()
	}
	if b.Used() > limit+1064*smallChunk {
		t.Errorf("1064 flows hold %d", b.Used())
	}
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 100000
		f := play(t, Options{Window: window})
		defer f.stop()
		go f.program.Write(make([]byte, 1<<20))
		for offset := uint64(0); offset < 25; offset++ {
			synctest.Wait()
			want := int(min(window+7000*offset, swell*window))
			if got := f.end.Status().Unacked; got > want || got < want-window/16 {
				t.Errorf("%d bytes are kept of a window of %d", got, want)
			}
			f.stream.Write(appendAck(nil, 7000*(offset+1)))
		}
		synctest.Wait()
		f.end.Detach(1)
		for range 3 { // what is kept is not more than before
			synctest.Wait()
			if got := f.end.Status().Unacked; got > swell*window {
				t.Errorf("%d bytes are kept while parked", got)
			}
		}
	})
}

// A flow that waits for the budget goes on when another gives back.
func TestBudgetWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(64 << 10)
		var flows []*far
		for range 10 {
			f := play(t, Options{Budget: b})
			defer f.stop()
			flows = append(flows, f)
			go func() {
				for {
					if _, err := f.program.Write(make([]byte, 1000)); err != nil {
						return
					}
				}
			}()
		}
		time.Sleep(time.Second)
		if used := b.Used(); used > 64<<10 {
			t.Errorf("%d bytes are held", used)
		}
		waiting := flows[9]
		before := waiting.end.Status().Unacked
		if before == 0 {
			t.Error("a flow starves")
		}
		for _, f := range flows[:9] {
			f.cancel(nil)
			<-f.run
		}
		time.Sleep(time.Second)
		if after := waiting.end.Status().Unacked; after <= before {
			t.Errorf("%d bytes kept before, %d after", before, after)
		}
		waiting.cancel(nil)
		<-waiting.run
		if used := b.Used(); used != 0 || len(b.waiters) > 0 {
			t.Errorf("%d bytes are held by none, %d wait", used, len(b.waiters))
		}
	})
}
