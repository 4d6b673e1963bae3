package posture

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func FuzzParseRelease(f *testing.F) {
	f.Add("ID=debian\nVERSION_ID=\"12\"\n")
	f.Fuzz(func(t *testing.T, s string) {
		if id, version := parseRelease(s); strings.Contains(id+version, "\n") {
			t.Errorf("%q read as %q, %q", s, id, version)
		}
	})
}

func FuzzParseGroup(f *testing.F) {
	f.Add("sudo:x:27:ann,bob\n")
	f.Fuzz(func(t *testing.T, s string) { parseGroup(s) })
}

func FuzzRootMount(f *testing.F) {
	f.Add("30 1 8:3 / / rw shared:1 - ext4 /dev/sda3 rw\n")
	f.Add("- - - - / - - -\n")
	f.Fuzz(func(t *testing.T, s string) { rootMount(s) })
}

func FuzzParseUFW(f *testing.F) {
	f.Add("# x\nENABLED=yes\n")
	f.Fuzz(func(t *testing.T, s string) { parseUFW(s) })
}

func FuzzParseRuleset(f *testing.F) {
	f.Add("table ip x {\n chain c {\n  type filter hook input priority 0; policy drop;\n }\n}\n")
	f.Fuzz(func(t *testing.T, s string) {
		if filters, _ := parseRuleset(s); filters && !strings.Contains(s, "filter") {
			t.Errorf("%q filters", s)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("5 (a b) (c)) R 1"))
	f.Add([]byte("5 )("))
	f.Fuzz(func(t *testing.T, b []byte) { parseStat(b) })
}

func FuzzParseInotify(f *testing.F) {
	f.Add(make([]byte, unix.SizeofInotifyEvent))
	f.Add(slices.Repeat([]byte{0xff}, unix.SizeofInotifyEvent))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(parseInotify(b)); n > len(b)/unix.SizeofInotifyEvent {
			t.Errorf("%d events in %d bytes", n, len(b))
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(make([]byte, eventSize))
	f.Fuzz(func(t *testing.T, b []byte) { parseEvent(b) })
}

func FuzzParseNFT(f *testing.F) {
	// A table x that sleeps; a chain of it that drops what comes in.
	f.Add([]byte("\x01\x00\x00\x00\x06\x00\x01\x00x\x00\x00\x00\x08\x00\x02\x00\x00\x00\x00\x01"))
	f.Add([]byte("\x01\x00\x00\x00\x06\x00\x01\x00x\x00\x00\x00\x0c\x00\x04\x80\x08\x00\x01\x00\x00\x00\x00\x01\x08\x00\x05\x00\x00\x00\x00\x00\x0b\x00\x07\x00filter\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseTable(b)
		parseChain(b)
	})
}

func TestParseNFT(t *testing.T) {
	const head = "\x01\x00\x00\x00\x06\x00\x01\x00x\x00\x00\x00"
	const hook, drop, filter = "\x0c\x00\x04\x80\x08\x00\x01\x00\x00\x00\x00\x01", "\x08\x00\x05\x00\x00\x00\x00\x00", "\x0b\x00\x07\x00filter\x00"
	if c, based, err := parseChain([]byte(head + hook + drop + filter)); err != nil || !based || !c.filters() || c.table != "x" {
		t.Errorf("chain %+v, error %v", c, err)
	}
	if _, based, err := parseChain([]byte(head + drop)); err != nil || based {
		t.Errorf("a chain without a hook is a base chain, error %v", err)
	}
	for name, m := range map[string]string{
		"no header":             "\x01\x00",
		"an attribute too long": "\x01\x00\x00\x00\xff\x00\x01\x00x",
		"an empty attribute":    "\x01\x00\x00\x00\x00\x00\x01\x00",
		"a hook of nothing":     head + "\x04\x00\x04\x80",
		"a hook that is cut":    head + "\x0c\x00\x04\x80\x08\x00\x01\x00\x00\x00",
	} {
		if _, _, err := parseChain([]byte(m)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
