package script

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// bombs are what one step of Starlark's would let grow, or run, without end.
var bombs = map[string]string{
	"endless loops":     "for i in range(1 << 30):\n    for j in range(1 << 30):\n        pass",
	"text repeated":     `x = "x" * (1 << 29)`,
	"text repeated far": `x = "x" * (1 << 70)`,
	"times text":        `x = (1 << 29) * "x"`,
	"list repeated":     `x = [0] * (1 << 29)`,
	"tuple repeated":    `x = (0,) * (1 << 29)`,
	"bytes repeated":    `x = b"x" * (1 << 29)`,
	"repeated in place": "x = [0]\nx *= 1 << 29",
	"doubled text":      "x = \"x\"\nfor i in range(1000):\n    x += x",
	"doubled text, new": "x = \"x\"\nfor i in range(1000):\n    x = x + x",
	"doubled list":      "x = [1]\nfor i in range(1000):\n    x += x",
	"doubled list, new": "x = [1]\nfor i in range(1000):\n    x = x + x",
	"extended list":     "x = [1]\nfor i in range(1000):\n    x.extend(x)",
	"many":              "x = []\nfor i in range(1 << 30):\n    x.append([i] * 1000)",
	"list of a range":   `x = list(range(1 << 40))`,
	"tuple of a range":  `x = tuple(range(1 << 40))`,
	"sorted range":      `x = sorted(range(1 << 40))`,
	"reversed range":    `x = reversed(range(1 << 40))`,
	"max of a range":    `x = max(range(1 << 40))`,
	"any of a range":    `x = any(range(0, 1 << 40, 1 << 41)) or all(range(1, 1 << 40))`,
	"dict of a range":   `x = dict(zip(range(1 << 40), range(1 << 40)))`,
	"enumerated range":  `x = enumerate(range(1 << 40))`,
	"bytes of a range":  `x = bytes(range(1 << 40))`,
	"range in a list":   "x = []\nx.extend(range(1 << 40))",
	"range added":       "x = []\nx += range(1 << 40)",
	"range as args":     "def f(*a):\n    return a\nx = f(*range(1 << 40))",
	"range as JSON":     `x = json.encode({"a": [range(1 << 40)]})`,
	"range by getattr":  `x = getattr([], "extend")(range(1 << 40))`,
	"range by a key":    `x = sorted([range(1 << 40)], key = list)`,
	"range by max key":  `x = max([range(1 << 40)], [], key = list)`,
	"range by a lambda": `x = (lambda f, v: f(v))(list, range(1 << 40))`,
	"range in a body":   `x = [list(r) for r in [range(1 << 40)]]`,
	"range by default":  "def f(a = list(range(1 << 40))):\n    pass",
	"joined":            "s = \"x\" * 100000\nx = s.join([\"\"] * 100000)",
	"replaced":          "s = \"x\" * 100000\nx = s.replace(\"x\", s)",
	"replaced nothing":  "s = \"x\" * 100000\nx = s.replace(\"\", s)",
	"formatted":         "s = \"x\" * 100000\nx = (\"{0}\" * 10000).format(s)",
	"formatted by %":    "s = \"x\" * 100000\nx = (\"%(a)s\" * 10000) % {\"a\": s}",
	"%= of text":        "s = \"x\" * 100000\nx = \"%(a)s\" * 10000\nx %= {\"a\": s}",
	"formatted by key":  "s = \"x\" * 100000\nx = sorted([s], key = (\"{0}\" * 10000).format)",
	"colliding":         "x = dict([(i << 32, 1) for i in range(20000)])",
	"colliding more":    "x = {}\nx.update([(i << 32, 1) for i in range(20000)])",
	"separated":         "s = \"x\" * 1000000\nprint(sep = s, *([\"\"] * 100000))",
	"failing at length": "s = \"x\" * 1000000\nfail(sep = s, *([\"\"] * 100000))",
	"sorted by text":    "s = \"x\" * 1000000\nx = sorted(range(10000), key = lambda i: s)",
	"shared, printed":   "x = [\"\"]\nfor i in range(60):\n    x = [x, x]\nprint(x)",
	"shared, encoded":   "x = [\"\"]\nfor i in range(60):\n    x = [x, x]\nx = json.encode(x)",
	"shared, in fail":   "x = [\"\"]\nfor i in range(60):\n    x = [x, x]\nfail(x)",
	"shared, compared":  "x = list(range(99))\ny = list(range(99))\nfor i in range(8):\n    x = [x] * 99\n    y = [y] * 99\nx = x == y",
	"shared, searched":  "x = list(range(99))\ny = list(range(99))\nfor i in range(8):\n    x = [x] * 99\n    y = [y] * 99\nx = x in [y]",
	"shared, as a key":  "x = ()\nfor i in range(60):\n    x = (x, x)\nd = {x: 1}",
	"shared subscript":  "d = {}\nx = ()\nfor i in range(60):\n    x = (x, x)\nd[x] = 1",
	"sliced":            "x = list(range(50000))\ny = []\nfor i in range(100000):\n    y.append(x[:])",
	"stepped":           "x = \"ab\" * 100000\ny = []\nfor i in range(100000):\n    y.append(x[::-1])",
	"split":             "x = \",\" * 1000000\ny = []\nfor i in range(1000):\n    y.append(x.split(\",\"))",
	"elements":          "x = \"ab\" * 1000000\ny = []\nfor i in range(1000):\n    y.append(list(x.elems()))",
	"codepoints":        "x = \"ab\" * 1000000\ny = []\nfor i in range(1000):\n    y.append(list(x.codepoints()))",
	"decoded":           "x = \"[\" + \"[],\" * 300000 + \"0]\"\ny = []\nfor i in range(1000):\n    y.append(json.decode(x))",
	"items":             "d = {i: i for i in range(20000)}\ny = []\nfor i in range(100000):\n    y.append(d.items())",
	"stripped":          "x = \"é\" * 1000000\nfor i in range(1000):\n    y = x.strip(x)",
}

// deep are what is refused for being nested, or large in one piece.
var deep = map[string]string{
	"nested, printed":   "x = []\nfor i in range(50000):\n    x = [x]\nprint(x)",
	"nested, encoded":   "x = []\nfor i in range(50000):\n    x = {\"a\": x}\ny = json.encode(x)",
	"nested, as a key":  "x = ()\nfor i in range(50000):\n    x = (x,)\ny = {x: 1}",
	"in itself":         "x = []\nx.append(x)\nprint(x)",
	"decoded":           "x = json.decode(\"[\" * 1000000)",
	"decoded, quietly":  "x = json.decode(\"[\" * 1000000, default = 1)",
	"squared":           "x = 3\nfor i in range(100):\n    x = x * x",
	"squared in place":  "x = 3\nfor i in range(100):\n    x *= x",
	"shifted":           "x = 1\nfor i in range(100000):\n    x = x << 500",
	"shifted in place":  "x = 1\nfor i in range(100000):\n    x <<= 500",
	"shifted and added": "x = 1\nfor i in range(100):\n    x = (x << 500) + 1",
	"read":              "x = int(\"9\" * 100000)",
}

func TestBombs(t *testing.T) {
	for name, lines := range bombs {
		t.Run(name, func(t *testing.T) {
			p, limits := body(t, lines), Limits{Time: time.Minute}
			runtime.GC()
			before, begun := allocated(), time.Now()
			_, err := p.Run(t.Context(), maya(), limits)
			wantError(t, err, ErrSteps, "more than 1000000 steps")
			made, took := (allocated()-before)>>20, time.Since(begun)
			t.Logf("%d MiB made, %v", made, took)
			if made > 256 || took > 20*time.Second {
				t.Errorf("it made %d MiB and took %v", made, took)
			}
		})
	}
	for name, lines := range deep {
		t.Run(name, func(t *testing.T) {
			_, err := body(t, lines).Run(t.Context(), maya(), Limits{})
			if err == nil || !strings.Contains(err.Error(), "nested more than 100 deep") && !strings.Contains(err.Error(), "more than 4096 bits") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// allocated is how many bytes the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// An ordinary script has room: a long answer, read, and a decision of it.
func TestRoom(t *testing.T) {
	names := make([]string, 10000)
	for i := range names {
		names[i] = fmt.Sprintf(`"user-%d"`, i)
	}
	p := body(t, "names = json.decode("+"'["+strings.Join(names[:2000], ",")+"]'"+")\nseen = {}\nfor n in names:\n    seen[n] = len(n)\n    n.split(\"-\")\nreturn [n for n in names if n.endswith(\"7\") and n in seen]")
	v, err := p.Run(t.Context(), maya(), Limits{})
	if hosts, err2 := v.Hosts(); len(hosts) != 200 || err != nil || err2 != nil {
		t.Error(len(hosts), err, err2)
	}
}

func BenchmarkRun(b *testing.B) {
	p := body(b, `return "staff" in ctx.user.groups and ctx.device["firewall"] and (ctx.risk or 0) < 50`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(b.Context(), maya(), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
