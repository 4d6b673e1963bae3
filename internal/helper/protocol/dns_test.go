package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hostileDomains are none that a message may have.
func hostileDomains() []string {
	all := []string{
		"", " ", ".", "..", "...", "corp.example.", ".corp.example", "corp..example", "a.b.", "-", "-.example", "a.-", "-corp.example", "corp-.example", "corp.-example", "corp.example-",
		"CORP.example", "corp.EXAMPLE", "Corp.Example", "cOrp.example", "*", "*.", "*.corp.example", "corp.*.example", "*corp.example", "**.corp.example",
		"~.", "~", "~corp.example", "~corp", "!corp.example", "corp.example ", " corp.example", "corp example", "corp.exa mple", "corp.example,evil.example", "corp.example;evil.example",
		"corp.example\nnameserver 6.6.6.6", "corp.example\r\nx", "\ncorp.example", "corp.example\n", "corp.example\t", "\tcorp.example", "corp\x00.example", "corp.example\x00", "\x00", "\x7f.example", "corp.exam\x1bple", "corp.exam\x08ple",
		"corp.example\\n", "corp\\.example", "corp\\032x.example", "corp.example\\000", "corp.example/24", "/etc/resolv.conf", "../../etc/passwd", "corp.example/../x", "C:\\x", "file:///etc/passwd",
		"http://corp.example", "corp.example:53", "user@corp.example", "corp.example#x", "#corp.example", "corp.example%eth0", "[corp.example]", "(corp.example)", "{corp.example}", "<corp.example>",
		"$(id).example", "`id`.example", "${HOME}.example", "corp.example|id", "corp.example&id", "corp.example>x", "'corp.example'", "\"corp.example\"", "corp=example", "corp+example", "corp?.example", "corp^example",
		"büro.example", "corp.exämple", "пример.example", "例え.example", "corp。example", "corp．example", "ｃｏｒｐ.example", "corp.example\u200b", "\u202ecorp.example", "\ufeffcorp.example", "cörp.example", "ﬁle.example", "K.example", "ſ.example", "é.example", "😀.example", "\u00ad.example", "corp\u2024example",
		"::1", "fd00::1", "fe80::1%lo", "[::1]",
		strings.Repeat("a", 64) + ".example", "corp." + strings.Repeat("b", 64), strings.Repeat("a", 255), strings.Repeat("a.", 127) + "a", strings.Repeat("a.", 126) + "aa", strings.Repeat("abcdefghi.", 26), strings.Repeat("a", 1000), strings.Repeat(".", 100), strings.Repeat("a.", 300) + "example",
		strings.Repeat(strings.Repeat("x", 63)+".", 4) + "example",
	}
	for c := range 256 { // each character but those of names
		if b := byte(c); !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", rune(b)) || c >= 0x80 {
			all = append(all, "co"+string([]byte{b})+"rp.example")
		}
	}
	return all
}

func TestHostileDomains(t *testing.T) {
	hostile := hostileDomains()
	if len(hostile) < 200 {
		t.Errorf("only %d values", len(hostile))
	}
	for _, h := range hostile {
		if Domain(h) {
			t.Errorf("%.80q is a domain", h)
		}
		value, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := DecodeRequest(fmt.Appendf(nil, `{"verb":"apply-dns","domains":[%s]}`, value)); err == nil {
			t.Errorf("%.80q is taken for %+v", h, r)
		}
	}
	for _, good := range []string{"a", "corp.example", "a.b.c.d.e", "xn--bro-hoa.example", "_tcp.corp.example", "1.2.3.4", "96.100.in-addr.arpa", "a--b.example", strings.Repeat("a", 63) + ".example", strings.Repeat("a.", 126) + "a"} {
		if !Domain(good) {
			t.Errorf("%.80q is no domain", good)
		}
	}
}
