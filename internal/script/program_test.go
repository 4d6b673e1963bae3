package script

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompileErrors(t *testing.T) {
	const end = "\ndef main(ctx):\n    return 1\n"
	rows := map[string]struct {
		source       string
		line, column int32
		says         string
	}{
		"syntax":          {"def main(ctx)\n    return 1\n", 2, 1, "got newline, want ':'"},
		"indentation":     {"def main(ctx):\nreturn 1\n", 2, 7, "want indent"},
		"unknown name":    {"def main(ctx):\n    return user.name\n", 2, 12, "undefined: user"},
		"no main":         {"def man(ctx):\n    return 1\n", 1, 1, "there is no main; write def main(ctx):"},
		"empty":           {"", 1, 1, "there is no main"},
		"no parameter":    {"def main():\n    return 1\n", 1, 5, "main has 0 parameters"},
		"two parameters":  {"def main(ctx, y):\n    return 1\n", 1, 5, "main has 2 parameters"},
		"a default":       {"def main(ctx=1):\n    return 1\n", 1, 5, "another sort"},
		"varargs":         {"def main(*ctx):\n    return 1\n", 1, 5, "another sort"},
		"main no def":     {"main = lambda ctx: 1\n", 1, 1, "there is no main"},
		"load":            {`load("other", "x")` + end, 1, 1, "cannot load"},
		"while":           {"def main(ctx):\n    while True:\n        pass\n", 2, 5, "while"},
		"set":             {"def main(ctx):\n    return len(set([1]))\n", 2, 16, "set"},
		"top-level if":    {"if 1:\n    x = 1" + end, 1, 1, "if"},
		"too long":        {end + strings.Repeat("#", MaxSource), 1, 1, "too long"},
		"long int":        {"X = 1" + strings.Repeat("0", 2000) + end, 1, 5, "at most 4096 bits"},
		"the meter":       {"def main(ctx):\n    return <call>(1)\n", 2, 12, "got '<'"},
		"%= of an entry":  {"def main(ctx):\n    x = [1]\n    x[0] %= 2\n", 3, 10, "works on names only"},
		"<<= of an entry": {"def main(ctx):\n    x = [1]\n    x[0] <<= 2\n", 3, 10, "<<= works on names only"},
		"nested":          {"X = " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + end, 1, 0, ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := Compile("on-call", row.source)
			var e *CompileError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Line != row.line || row.column != 0 && e.Column != row.column || !strings.Contains(e.Msg, row.says) || e.Script != "on-call" {
				t.Errorf("got %v; want %d:%d: %s", err, row.line, row.column, row.says)
			}
		})
	}
	if got := (&CompileError{"on-call", 3, 7, "no"}).Error(); got != "script on-call: 3:7: no" {
		t.Error(got)
	}
}

func TestProgram(t *testing.T) {
	const source = "def main(ctx):\n    return 1\n"
	p := compiled(t, source)
	if p.Name() != "on-call" || len(p.Digest()) != 64 {
		t.Errorf("%s %s", p.Name(), p.Digest())
	}
	if p.Digest() == compiled(t, source+"\n").Digest() {
		t.Error("two sources have one digest")
	}
}

// The meter in a script changes nothing of what it computes.
func TestLanguage(t *testing.T) {
	rows := map[string]struct {
		lines string
		want  string
	}{
		"operators":            {`return str([7 + 2, 7 - 2, 7 * 2, 7 // 2, 7 / 2, 7 % 2, 7 & 2, 7 | 8, 7 ^ 2, 7 << 2, 7 >> 1, -7, ~7, not 7])`, "[9, 5, 14, 3, 3.5, 1, 2, 15, 5, 28, 3, -7, -8, False]"},
		"text":                 {`return "ab" + "c" * 3 + "%s=%d" % ("k", 4) + "{}{x}".format(1, x = 2)`, "abccck=412"},
		"comparisons":          {`return str([1 < 2, 1 == 1.0, "a" != "b", [1] < [1, 2], {"a": 1} == {"a": 1}, (1, 2) >= (1, 1), 1 == "1", 3 in range(4), "b" in "abc", "k" in {"k": 1}])`, "[True, True, True, True, True, True, False, True, True, True]"},
		"logic is lazy":        {`return str([False and fail("x"), True or fail("x"), 1 if True else fail("x")])`, "[False, True, 1]"},
		"+= is in place":       {"a = [1]\nb = a\na += [2]\na += a\na += (3,)\nreturn str(b)", "[1, 2, 1, 2, 3]"},
		"|= is in place":       {"a = {1: 2}\nb = a\na |= {3: 4}\nreturn str(b)", "{1: 2, 3: 4}"},
		"augmented":            {"x = 5\nx += 1\nx -= 2\nx *= 3\nx //= 2\nx |= 8\nx &= 12\nx ^= 1\nx <<= 2\nx >>= 1\nx %= 11\ny = 3\ny /= 2\ns = \"a\"\ns += \"b\"\ns *= 2\nt = \"%s\"\nt %= s\nu = (1,)\nu += (2,)\nreturn str([x, y, t, u])", `[4, 1.5, "abab", (1, 2)]`},
		"augmented once":       {"n = []\ndef i():\n    n.append(0)\n    return 0\nx = [1]\nx[i()] += 5\nreturn str([x, n])", "[[6], [0]]"},
		"in a nest":            {"d = {\"a\": [1, 2]}\nd[\"a\"][1] += 4\nd[\"a\" + \"b\"] = 1\nreturn str(d)", `{"a": [1, 6], "ab": 1}`},
		"unpacking":            {"(a, [b, c]), d = (1, [2, 3]), 4\nx = [0, 0]\nx[0], x[1] = 5, 6\nreturn str([a, b, c, d, x])", "[1, 2, 3, 4, [5, 6]]"},
		"comprehensions":       {`return str([[x * y for x in range(3) if x for y in [1, 2]], {k + "!": v for k, v in {"a": 1}.items()}])`, `[[1, 2, 2, 4], {"a!": 1}]`},
		"slices":               {"x = list(range(6))\nreturn str([x[1:3], x[::-1], x[-2:], \"abcdef\"[::2], (1, 2, 3)[:2], range(9)[2:4]])", `[[1, 2], [5, 4, 3, 2, 1, 0], [4, 5], "ace", (1, 2), range(2, 4)]`},
		"calls":                {"def f(a, b = 2 + 1, *c, d = [4][0], **e):\n    return [a, b, c, d, e]\nreturn str([f(1), f(1, 2, 3, d = 5, z = 6), f(*[1, 2], **{\"q\": 7})])", `[[1, 3, (), 4, {}], [1, 2, (3,), 5, {"z": 6}], [1, 2, (), 4, {"q": 7}]]`},
		"lambdas and closures": {"k = 3\nadd = lambda x, y = k * 2: x + y + k\nreturn str([add(1), [f(2) for f in [lambda v: v + k]]])", "[10, [5]]"},
		"keys":                 {`return str([sorted(["bb", "a"], key = len), sorted([3, 1, 2], key = lambda x: -x), max(["a", "bbb"], key = len), min(1, 2), sorted("b a".split(), reverse = True)])`, `[["a", "bb"], [3, 2, 1], "bbb", 1, ["b", "a"]]`},
		"functions":            {`return str([len("abc"), list(zip([1, 2], "ab".elems())), list(enumerate(["x"], 1)), dict([("a", 1)], b = 2), any([0, 1]), all([]), reversed([1, 2]), tuple([1]), int("7"), float("1.5"), bool([]), repr("q"), type(1), hasattr(ctx, "risk"), getattr(ctx, "none", 4), dir(ctx.system), ord("a"), chr(98), abs(-1), bytes("a"), hash("a") == hash("a")])`, `[3, [(1, "a"), (2, "b")], [(1, "x")], {"a": 1, "b": 2}, True, True, [2, 1], (1,), 7, 1.5, False, "\"q\"", "int", True, 4, ["address"], 97, "b", 1, b"a", True]`},
		"methods":              {"l = [3]\nl.append(1)\nl.insert(0, 2)\nl.extend((4, 5))\nl.remove(3)\np = l.pop()\nd = {\"a\": 1}\nd.update([(\"b\", 2)])\nd.setdefault(\"c\", 3)\nd.pop(\"a\")\nreturn str([l, p, l.index(4), d, d.get(\"z\", 9), d.keys(), d.values(), d.items()])", `[[2, 1, 4], 5, 2, {"b": 2, "c": 3}, 9, ["b", "c"], [2, 3], [("b", 2), ("c", 3)]]`},
		"text methods":         {`return str([" a b ".strip(), "a,b".split(","), "a b".split(), "a\nb".splitlines(), "-".join(["a", "b"]), "aXa".replace("a", "b"), "xay".strip("xy"), "abc".find("c"), "Ab".lower(), "a.b".partition("."), "ab".startswith(("x", "a")), "ab".removeprefix("a"), list("äb".codepoints()), "aa".count("a")])`, `["a b", ["a", "b"], ["a", "b"], ["a", "b"], "a-b", "bXb", "a", 2, "ab", ("a", ".", "b"), True, "b", ["ä", "b"], 2]`},
		"json":                 {`return json.encode(json.decode("{\"b\": [1, 2.5, null, true], \"a\": \"x\"}")) + json.decode("{", default = "bad")`, `{"a":"x","b":[1,2.5,null,true]}bad`},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			v, err := body(t, row.lines).Run(t.Context(), maya(), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Text()
			if d := cmp.Diff(row.want, got); d != "" || err != nil {
				t.Errorf("%s %v", d, err)
			}
		})
	}
}
