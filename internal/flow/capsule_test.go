package flow

import (
	"bytes"
	"testing"
)

func TestTypesAreFree(t *testing.T) {
	for kind := uint64(typeData); kind <= typeReset; kind++ {
		if kind%0x29 == 0x17 || kind < 0x40 || kind >= 1<<30 {
			t.Errorf("%#x is reserved", kind)
		}
	}
}

func TestCapsules(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want capsule
	}{
		{"data", appendData(nil, 12345, 100), capsule{typeData, 12345, 100}},
		{"the largest data", appendData(nil, maxOffset, maxPayload), capsule{typeData, maxOffset, maxPayload}},
		{"ack", appendAck(nil, 7), capsule{typeAck, 7, 0}},
		{"fin", appendFin(nil, 0), capsule{typeFin, 0, 0}},
		{"reset", appendReset(nil), capsule{kind: typeReset}},
		{"short varints", []byte{0xae, 0x5b, 0x71, 0xc0, 3, 5}, capsule{typeData, 5, 2}},
		{"unknown", []byte{0x17, 0x40, 0xff}, capsule{0x17, 0, 255}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for n := range tt.b {
				if c, k, err := parse(tt.b[:n]); k != 0 || err != nil {
					t.Errorf("of %d bytes: %+v, %d, %v", n, c, k, err)
				}
			}
			c, n, err := parse(append(tt.b, 1, 2, 3))
			if c != tt.want || n != len(tt.b) || err != nil {
				t.Errorf("%+v, %d, %v, want %+v, %d", c, n, err, tt.want, len(tt.b))
			}
		})
	}
}

func FuzzCapsule(f *testing.F) {
	f.Add(appendData(nil, 1, 2))
	f.Add(appendAck(nil, 3))
	f.Add(appendReset(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, n, err := parse(b)
		if n < 0 || n > len(b) || n > maxHeader || err != nil && n != 0 {
			t.Fatalf("%+v, %d, %v", c, n, err)
		}
		if n == 0 && err == nil && len(b) >= maxHeader {
			t.Fatal("the longest head does not suffice")
		}
		if c.size < 0 || c.size > maxPayload || c.offset > maxOffset {
			t.Fatalf("%+v is out of bounds", c)
		}
		if n == 0 {
			return
		}
		// What follows does not matter, and what we write is read the same.
		if again, k, _ := parse(append(bytes.Clone(b[:n]), 0xff)); again != c || k != n {
			t.Errorf("%+v, %d, and %+v, %d", c, n, again, k)
		}
		if c.kind == typeData {
			if again, _, err := parse(appendData(nil, c.offset, c.size)); again != c || err != nil {
				t.Errorf("%+v, and written anew %+v, %v", c, again, err)
			}
		}
	})
}
