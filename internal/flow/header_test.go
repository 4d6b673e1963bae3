package flow

import (
	"strings"
	"testing"
)

func TestHeader(t *testing.T) {
	h := Header{ID: NewID(), Epoch: 3, Received: 4096}
	if got, err := ParseHeader(h.String()); got != h || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, h)
	}
	id := strings.Repeat("0a", 16)
	for _, bad := range []string{
		"",
		`id="` + id + `", epoch=1`,
		`id="` + id + `", epoch=0, received=0`,
		`id="` + id + `", epoch=01, received=0`,
		`id="` + id + `", epoch=1, received=-1`,
		`id="` + id + `", epoch=1, received=1000000000000000`,
		`id="` + id + `", epoch=1, received=0, more=1`,
		`id="` + strings.ToUpper(id) + `", epoch=1, received=0`,
		`id="` + id + `0", epoch=1, received=0`,
		`id=` + id + `, epoch=1, received=0`,
		`epoch=1, id="` + id + `", received=0`,
	} {
		if got, err := ParseHeader(bad); err == nil {
			t.Errorf("%q: read as %+v", bad, got)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(Header{Epoch: 1}.String())
	f.Add(`id="0123456789abcdef0123456789abcdef", epoch=2, received=4096`)
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHeader(s)
		if err != nil {
			return
		}
		if h.Epoch == 0 || h.Epoch > maxInteger || h.Received > maxInteger {
			t.Errorf("%+v is out of bounds", h)
		}
		if again, err := ParseHeader(h.String()); again != h || err != nil {
			t.Errorf("%+v, and written anew %+v, %v", h, again, err)
		}
	})
}
