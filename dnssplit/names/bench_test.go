package names

import (
	"path/filepath"
	"testing"
)

func BenchmarkAnswer(b *testing.B) {
	p, err := Open(Options{File: filepath.Join(b.TempDir(), "names")})
	if err != nil {
		b.Fatal(err)
	}
	hosts := many("h", 10000)
	p.Set(hosts, []string{"other.example"})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Answer(hosts[i%len(hosts)])
	}
}

func BenchmarkFirstAnswer(b *testing.B) {
	p, err := Open(Options{File: filepath.Join(b.TempDir(), "names")})
	if err != nil {
		b.Fatal(err)
	}
	p.Set(nil, []string{"corp.example"})
	hosts := many("h", 20000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Answer(hosts[i%len(hosts)])
	}
}
