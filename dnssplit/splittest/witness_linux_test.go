package splittest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/netlab"
)

// witness remembers what came over a link.
type witness struct {
	*resolvedtest.Sniffer

	mu    sync.Mutex
	seen  map[string]int // how often a name was asked for
	leaks []string       // packets with a name of ours anywhere in them
}

// watch has one look at the packets that come to a device and that want says, nil:
// at all of them.
func watch(t *testing.T, in *netlab.Space, device string, want func(packet []byte) bool) *witness {
	t.Helper()
	w := &witness{seen: map[string]int{}}
	var err error
	w.Sniffer, err = resolvedtest.Sniff(in.Do, device, func(p resolvedtest.Packet) {
		if !p.Sent && (want == nil || want(p.Data)) {
			w.note(p.Data)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// traces are what a packet with a name of ours has in it: the end of the name as
// DNS writes it.
var traces = func() (all [][]byte) {
	for _, z := range zones {
		var b []byte
		for label := range strings.SplitSeq(z, ".") {
			b = append(append(b, byte(len(label))), label...)
		}
		all = append(all, append(b, 0))
	}
	return all
}()

func (w *witness) note(packet []byte) {
	lower := bytes.ToLower(packet)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range resolvedtest.Questions(packet) {
		w.seen[name]++
	}
	for _, t := range traces {
		if bytes.Contains(lower, t) {
			w.leaks = append(w.leaks, fmt.Sprintf("%q", packet))
			return
		}
	}
}

// counts are how many questions were asked for names of ours and for others, and
// which those were.
func (w *witness) counts() (own, others int, names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.seen {
		if ours(name) {
			own += n
		} else {
			others += n
			names = append(names, name)
		}
	}
	return own, others, names
}

func (w *witness) leaked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leaks
}

// toServer says whether a packet is for the client's name service.
func toServer(b []byte) bool {
	four := server.As4()
	if len(b) < 20 || b[0]>>4 != 4 || !bytes.Equal(b[16:20], four[:]) {
		return false
	}
	port := int(b[0]&15)*4 + 2
	return len(b) >= port+2 && binary.BigEndian.Uint16(b[port:]) == 53
}
