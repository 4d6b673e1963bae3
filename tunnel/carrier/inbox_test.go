package carrier

import "testing"

// What nobody receives takes no more memory than so much, in large datagrams
// and in small ones; what is received makes room.
func TestInboxIsBounded(t *testing.T) {
	for name, size := range map[string]int{"large": 60 << 10, "small": 100} {
		t.Run(name, func(t *testing.T) {
			i := newInbox()
			most := min(unread, unreadBytes/size)
			for round := range 3 {
				for range 1000 {
					i.put(make([]byte, 1+size))
				}
				if n := len(i.queue); n != most {
					t.Errorf("round %d: %d of %d bytes wait, want %d", round, n, size, most)
				}
				for range most {
					if b, err := i.Receive(t.Context()); err != nil || len(b) != size {
						t.Fatalf("%d bytes, %v", len(b), err)
					}
				}
			}
			if i.bytes.Load() != 0 {
				t.Errorf("%d bytes are counted", i.bytes.Load())
			}
		})
	}
}
