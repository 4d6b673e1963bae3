package hook

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzReadMessage takes one line of JSON, and no more of it than there may be.
func FuzzReadMessage(f *testing.F) {
	f.Add([]byte(`{"token":"a","env":["reason=connect"]}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	f.Add([]byte("no end"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !bytes.ContainsRune(b, '\n') {
			t.Errorf("half a message is taken: %q", b)
		}
		for _, e := range told(m.Env) {
			if name, _, _ := strings.Cut(e, "="); strings.HasSuffix(name, "_OPTIONS") {
				t.Errorf("it tells %q", e)
			}
		}
	})
}

func TestReadMessageEnds(t *testing.T) {
	if _, err := readMessage(strings.NewReader(`{"token":"` + strings.Repeat("a", maxMessage) + `"}` + "\n")); err == nil {
		t.Error("there is no end to it")
	}
}
