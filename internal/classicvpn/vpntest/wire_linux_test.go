package vpntest

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAttributes(t *testing.T) {
	want := []attribute{text(attrUser, "alice"), number(attrPrompts, promptSecret), inner(message{code: eapRequest, id: 1, kind: eapGTC, data: []byte("Code:")}), text(attrCookie, "x")}
	var b []byte
	for _, a := range want {
		b = a.append(b)
	}
	for name, b := range map[string][]byte{"padded": b, "the last not padded": b[:len(b)-3]} {
		t.Run(name, func(t *testing.T) {
			got, err := attributes(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(attribute{})); d != "" {
				t.Error(d)
			}
		})
	}
	for name, b := range map[string][]byte{"cut": b[:len(b)-5], "no length": {0, 0, 0, 79, 0, 0, 0, 0}, "too short for a vendor": {0, 0, 0, 79, 0x80, 0, 0, 8}} {
		t.Run(name, func(t *testing.T) {
			if got, err := attributes(b); err == nil {
				t.Errorf("it is %v", got)
			}
		})
	}
}

// As an appliance's packet is described, with a network of each family.
func TestGiven(t *testing.T) {
	g := given{addresses: []netip.Prefix{netip.MustParsePrefix("10.20.3.1/32")}, servers: []netip.Addr{netip.MustParseAddr("8.8.8.8")}, domains: "a.test", mtu: 1400,
		routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/18"), netip.MustParsePrefix("fd00::/8")}}
	want := "" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x2c\x20\xf0\x00\x00\x00\x00\x00\x00\x00\x00\x7c" +
		"\x2e\x00\x00\x18\x01\x00\x00\x00" +
		"\x07\x00\x00\x10\x00\x00\xff\xff\x0a\x00\x00\x00\x0a\x00\x3f\xff" +
		"\x00\x00\x00\x48\x03\x00\x00\x00" +
		"\x00\x01\x00\x04\x0a\x14\x03\x01" + "\x00\x02\x00\x04\xff\xff\xff\xff" +
		"\x00\x03\x00\x04\x08\x08\x08\x08" +
		"\x00\x0f\x00\x11\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" +
		"\x40\x05\x00\x04\x00\x00\x05\x78" + "\x40\x06\x00\x07a.test\x00"
	if d := cmp.Diff([]byte(want), g.append(nil)); d != "" {
		t.Error(d)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(frame{vendorTCG, tcgAuthResponse, message{code: eapResponse, id: 1, kind: eapExpanded, subtype: subtypeAttributes, data: text(attrUser, "alice").append(nil)}.append(begin())}.append(nil, 7))
	f.Add(frame{vendorJuniper, juniperData, make([]byte, 40)}.append(nil, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := readFrame(bytes.NewReader(got.append(nil, 0)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, again, cmp.AllowUnexported(frame{})); d != "" {
			t.Error(d)
		}
		destination(got.payload)
		if len(got.payload) < 4 {
			return
		}
		m, err := parseMessage(got.payload[4:])
		if err != nil {
			return
		}
		if !bytes.Equal(m.append(nil), got.payload[4:]) {
			t.Error("it is another message")
		}
		all, err := attributes(m.data)
		if err != nil {
			return
		}
		answer(all)
		for _, a := range all {
			value(all, a.code)
		}
	})
}
