package names

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What was told is in the file before Run has written anything, and when it was
// told is after.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "a", "folder", "names")
		p := open(t, Options{File: file})
		if info, err := os.Stat(filepath.Dir(file)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder: %v, %v", info, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
		p.Set([]string{"wiki.corp.example"}, []string{"corp.example"})
		x := addrsOf(t, p, "x.corp.example")
		size := func() int64 {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		for range 100 {
			time.Sleep(time.Second)
			addrsOf(t, p, "x.corp.example")
		}
		if size() != before {
			t.Error("an answer was written")
		}
		if c := contentOf(t, file); len(c.entries) != 2 {
			t.Errorf("%+v", c)
		}
		time.Sleep(every)
		used := p.names["x.corp.example"].used.Load()
		for _, r := range contentOf(t, file).entries {
			if r.Name == "x.corp.example" && r.Used != used {
				t.Errorf("used at %d, and written is %d", used, r.Used)
			}
		}
		p.Host(x[0])
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		again := open(t, Options{File: file})
		again.Set([]string{"wiki.corp.example"}, []string{"corp.example"})
		if got, ok := again.Addrs("x.corp.example"); !ok || got != x {
			t.Errorf("%v, was %v", got, x)
		}
		if got := again.names["x.corp.example"].used.Load(); got != p.names["x.corp.example"].used.Load() {
			t.Errorf("used at %d, and remembered is %d", p.names["x.corp.example"].used.Load(), got)
		}
	})
}

func contentOf(t *testing.T, file string) content {
	t.Helper()
	c, whole, err := read(file)
	if err != nil || !whole {
		t.Fatalf("whole: %v, %v", whole, err)
	}
	return c
}

// Whoever reads the file at whatever moment reads one that is sound.
func TestReplacedAtomically(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "names")
	p := open(t, Options{File: file})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for last := 0; ; {
			c, _, err := read(file)
			if err != nil || len(c.entries) < last {
				t.Errorf("%d names after %d, %v", len(c.entries), last, err)
				return
			}
			last = len(c.entries)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	p.Set(nil, []string{"corp.example"})
	for i, h := range many("h", 300) {
		addrsOf(t, p, h)
		if i%3 == 0 {
			p.save()
		}
	}
	close(stop)
	wg.Wait()
	if n := len(contentOf(t, file).entries); n != 300 {
		t.Errorf("%d names", n)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v are left: %v", left, err)
	}
}

func TestDamaged(t *testing.T) {
	const head = `{"version":1,"network":"100.70.0.0/16","first":"100.96.0.0/16","clock":5,"wall":5}` + "\n"
	entry := func(name string, index int) string {
		return fmt.Sprintf(`{"name":%q,"index":%d,"used":5}`+"\n", name, index)
	}
	long := strings.Repeat("x", 254)
	for _, row := range []struct {
		name, text string
		sound      bool
		entries    int
	}{
		{"none", head, true, 0},
		{"one", head + entry("a", 1), true, 1},
		{"cut off", head + entry("a", 1) + entry("b", 2)[:9], true, 1},
		{"cut off, and all there but the end", head + strings.TrimSuffix(entry("a", 1), "\n"), true, 0},
		{"another index", head + entry("a", 1) + entry("a", 2), true, 1},
		{"another name", head + entry("a", 1) + entry("b", 1), true, 1},
		{"there and back", head + entry("a", 1) + entry("b", 2) + entry("a", 2) + entry("b", 1), true, 2},
		{"empty", "", false, 0},
		{"a header without an end", strings.TrimSuffix(head, "\n"), false, 0},
		{"no header", entry("a", 1), false, 0},
		{"two headers", head + head, false, 0},
		{"zeros", head + string(make([]byte, 512)) + "\n", false, 0},
		{"no JSON", head + "x\n" + entry("a", 1), false, 0},
		{"an index that is none", head + entry("a", 256), false, 0},
		{"an index that ends in 255", head + entry("a", 511), false, 0},
		{"a large index", head + entry("a", 65537), false, 0},
		{"no name", head + entry("", 1), false, 0},
		{"a long name", head + entry(long, 1), false, 0},
		{"a negative time", head + strings.Replace(entry("a", 1), `:5`, `:-5`, 1), false, 0},
		{"a time that overflows", strings.Replace(head, `:5`, `:9223372036854775807`, 1), false, 0},
		{"another version", strings.Replace(head, `:1`, `:2`, 1), false, 0},
		{"a network of others", strings.Replace(head, "100.70.", "10.70.", 1), false, 0},
		{"a network with an address in it", strings.Replace(head, "100.70.0", "100.70.1", 1), false, 0},
		{"a large network", strings.Replace(head, "100.70.0.0/16", "100.64.0.0/10", 1), false, 0},
		{"a network that was prescribed, and is none", strings.Replace(head, "100.96.0.0/16", "100.97.0.0/16", 1), false, 0},
		{"of IPv6", strings.Replace(head, "100.70.0.0/16", "fd54::/16", 1), false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "names")
			if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			p := open(t, Options{File: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
			aside, err := os.ReadFile(file + ".damaged")
			if row.sound != errors.Is(err, fs.ErrNotExist) || !row.sound && string(aside) != row.text {
				t.Errorf("set aside: %q, %v", aside, err)
			}
			if row.sound != (log.Len() == 0) || strings.Contains(log.String(), long) {
				t.Errorf("logged: %s", &log)
			}
			if n := len(contentOf(t, file).entries); n != row.entries || len(p.names) != n {
				t.Errorf("%d names, and %d are written", len(p.names), n)
			}
			if moved := p.network != first; moved != row.sound {
				t.Errorf("at %v", p.network)
			}
			p.Set([]string{"a", "new.corp.example"}, nil)
			want := p.All()
			again := open(t, Options{File: file})
			again.Set([]string{"a", "new.corp.example"}, nil)
			if diff := cmp.Diff(want, again.All(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, largest+1); err != nil { // a sparse file
		t.Fatal(err)
	}
	open(t, Options{File: file})
	if _, err := os.Stat(file + ".damaged"); err != nil {
		t.Error(err)
	}
}

// What was added to the file by those who were killed counts: it does not grow for ever.
func TestAddedBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	p := open(t, Options{File: file})
	p.Set(nil, []string{"corp.example"})
	addrsOf(t, p, "a.corp.example")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	again := encode(record{"a.corp.example", p.names["a.corp.example"].index, 5})
	if err := os.WriteFile(file, append(before, bytes.Repeat(again, Most+1)...), 0o600); err != nil {
		t.Fatal(err)
	}
	p = open(t, Options{File: file})
	p.Set(nil, []string{"corp.example"})
	addrsOf(t, p, "b.corp.example")
	if info, err := os.Stat(file); err != nil || info.Size() > 1000 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
}

// A name that made room for another is in the file until that is written anew; whoever
// is killed before that keeps all the others.
func TestMadeRoom(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"version":1,"network":"100.70.0.0/16","first":"100.96.0.0/16","clock":5000,"wall":5}` + "\n")
	index := uint16(0)
	for i := range Most + 1 {
		for index++; index&255 == 0 || index&255 == 255; index++ {
		}
		used := int64(1000)
		if i == 7 {
			used = 999 // made room
		}
		b.Write(encode(record{fmt.Sprintf("h%d.corp.example", i), index, used}))
	}
	file := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, Options{File: file})
	if _, err := os.Stat(file + ".damaged"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is set aside, %v", err)
	}
	if n := len(p.names); n != Most || len(p.indexes) != n || p.names["h7.corp.example"] != nil || p.names["h8.corp.example"] == nil {
		t.Errorf("%d names, with %d indexes", n, len(p.indexes))
	}
}

// Where nothing can be written all works, and what was not written is, when that is
// possible again.
func TestNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		block := filepath.Join(dir, "folder")
		if err := os.WriteFile(block, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(block, "names")
		if _, err := Open(Options{File: file}); err == nil {
			t.Error("a file that cannot be read is none")
		}
		if err := os.Remove(block); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		p := open(t, Options{File: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := errors.Join(os.RemoveAll(block), os.WriteFile(block, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		p.Set([]string{"wiki.corp.example"}, []string{"corp.example"})
		addrsOf(t, p, "x.corp.example")
		addrsOf(t, p, "y.corp.example")
		if n := strings.Count(log.String(), "level="); n != 1 || strings.Contains(log.String(), "corp.example") {
			t.Errorf("logged %d times: %s", n, &log)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(every + time.Second)
		if err := os.Remove(block); err != nil {
			t.Fatal(err)
		}
		time.Sleep(every)
		if n := len(contentOf(t, file).entries); n != 3 {
			t.Errorf("%d names are written", n)
		}
		cancel()
		<-ended
	})
}

func FuzzDecode(f *testing.F) {
	c := content{header: header{version, first, first, 5, 5}, entries: []record{{"a", 1, 5}, {"b", 2, 6}}}
	f.Add(c.encode())
	f.Add(append(c.encode(), encode(record{"a", 2, 7})...))
	f.Add(c.encode()[:90])
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, whole, err := decode(b)
		if err != nil {
			if len(c.entries) > 0 || whole {
				t.Errorf("%+v beside %v", c, err)
			}
			return
		}
		names, indexes := map[string]bool{}, map[uint16]bool{}
		for _, r := range c.entries {
			if names[r.Name] || indexes[r.Index] || r.damage() != nil {
				t.Errorf("%+v is there twice, or none", r)
			}
			names[r.Name], indexes[r.Index] = true, true
		}
		if c.header.damage() != nil {
			t.Errorf("%+v", c.header)
		}
		again, whole, err := decode(c.encode())
		if err != nil || !whole || again.header != c.header {
			t.Fatalf("%+v, whole: %v, %v", again, whole, err)
		}
		order := func(a, b record) int { return int(a.Index) - int(b.Index) }
		slices.SortFunc(c.entries, order)
		slices.SortFunc(again.entries, order)
		if !slices.Equal(c.entries, again.entries) {
			t.Errorf("%+v, want %+v", again, c)
		}
	})
}
