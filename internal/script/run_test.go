package script

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// compiled is source as a program of the name on-call.
func compiled(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Compile("on-call", source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// body is a program whose main has the given lines.
func body(t testing.TB, lines string) *Program {
	t.Helper()
	return compiled(t, "def main(ctx):\n    "+strings.ReplaceAll(lines, "\n", "\n    ")+"\n")
}

func maya() Input {
	risk := int64(20)
	return Input{
		User:      User{Name: "maya", DisplayName: "Maya Lind", Groups: []string{"staff", "it"}},
		System:    System{Address: "192.0.2.7"},
		Device:    map[string]any{"os.name": "linux", "firewall": true, "cores": 8, "uptime": 12.0, "load": 0.5, "addresses": []string{"10.0.0.9"}, "ssids": []any{"lab"}},
		Risk:      &risk,
		Responses: map[string]time.Time{"mfa": time.Unix(1_700_000_100, 0)},
		Now:       time.Unix(1_700_000_000, 5),
	}
}

func TestInputAndValue(t *testing.T) {
	rows := map[string]struct {
		returns string
		want    any
	}{
		"user":       {`ctx.user.name + " " + ctx.user.display_name`, "maya Maya Lind"},
		"groups":     {`ctx.user.groups`, []string{"staff", "it"}},
		"group":      {`"it" in ctx.user.groups and "root" not in ctx.user.groups`, true},
		"address":    {`ctx.system.address`, "192.0.2.7"},
		"device":     {`[ctx.device["os.name"], type(ctx.device["firewall"]), str(ctx.device["cores"] + ctx.device["uptime"]), str(ctx.device["load"])]`, []string{"linux", "bool", "20", "0.5"}},
		"lists":      {`ctx.device["addresses"] + ctx.device["ssids"]`, []string{"10.0.0.9", "lab"}},
		"risk":       {`ctx.risk`, int64(20)},
		"responses":  {`ctx.responses["mfa"] - ctx.now`, int64(100)},
		"tuple":      {`("a", "b")`, []string{"a", "b"}},
		"empty list": {`[]`, []string{}},
		"negative":   {`-3`, int64(-3)},
		"false":      {`False`, false},
		"json":       {`json.decode(json.encode({"u": ctx.user, "n": [1, None]}))["u"]["name"]`, "maya"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			v, err := body(t, "return "+row.returns).Run(t.Context(), maya(), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var got any
			switch row.want.(type) {
			case bool:
				got, err = v.Bool()
			case int64:
				got, err = v.Int()
			case string:
				got, err = v.Text()
			default:
				got, err = v.Hosts()
			}
			if d := cmp.Diff(row.want, got); d != "" || err != nil {
				t.Errorf("%s %v", d, err)
			}
		})
	}
}

func TestZeroInput(t *testing.T) {
	v, err := body(t, `return ctx.risk == None and not ctx.device and not ctx.responses and ctx.user.groups == []`).Run(t.Context(), Input{}, Limits{})
	if ok, err2 := v.Bool(); !ok || err != nil || err2 != nil {
		t.Error(ok, err, err2)
	}
	_, err = body(t, `return True`).Run(t.Context(), Input{Device: map[string]any{"x": struct{}{}}}, Limits{})
	if !errors.Is(err, ErrInput) {
		t.Errorf("a claim of a strange type: %v", err)
	}
}

// wantError is that err is of the kind and says so.
func wantError(t *testing.T, err, kind error, says string) {
	t.Helper()
	if !errors.Is(err, kind) || err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v; want %v, saying %q", err, kind, says)
	}
	var e *Error
	if !errors.As(err, &e) || e.Script != "on-call" {
		t.Errorf("%#v is no error of the script's", err)
	}
}

func TestWrongExits(t *testing.T) {
	rows := map[string]struct {
		lines string
		kind  error
		says  string
	}{
		"fail":               {`fail("the roster is empty")`, ErrFailed, "script on-call: line 2: fail: the roster is empty"},
		"fail at length":     {`fail("x" * 10000)`, ErrFailed, "x ..."},
		"no such field":      {`return ctx.user.nam`, ErrFailed, "line 2: ctx.user has no .nam field or method (did you mean .name?)"},
		"no such key":        {"x = 1\nreturn ctx.device[\"nothing\"]", ErrFailed, `line 3: key "nothing" not in dict`},
		"division by zero":   {`return 1 // 0`, ErrFailed, "floored division by zero"},
		"wrong operands":     {`return 1 + "a"`, ErrFailed, "unknown binary op: int + string"},
		"no function":        {`return ctx.now()`, ErrFailed, "invalid call of non-function (int)"},
		"writing the input":  {`ctx.user.groups.append("root")`, ErrFailed, "cannot append to frozen list"},
		"adding to input":    {"g = ctx.user.groups\ng += [\"root\"]", ErrFailed, "cannot append to frozen list"},
		"claiming":           {`ctx.device["firewall"] = True`, ErrFailed, "cannot insert into frozen hash table"},
		"setting a field":    {`ctx.risk = 1`, ErrFailed, "can't assign to .risk field of ctx"},
		"recursion":          {"def f():\n    return main(ctx)\nreturn f()", ErrFailed, "called recursively"},
		"nothing":            {`pass`, ErrValue, "main returned nothing"},
		"float":              {`return 0.5`, ErrValue, "main returned a float"},
		"dict":               {`return {}`, ErrValue, "main returned a dict"},
		"list of ints":       {`return [1]`, ErrValue, "a list with an int in it"},
		"long int":           {`return 1 << 70`, ErrValue, "more than 64 bits"},
		"too many":           {`return ["h"] * 1001`, ErrValue, "a list of 1001"},
		"too much":           {`return "x" * (64 << 10 | 1)`, ErrOutput, "return less"},
		"too much in a list": {`return ["x" * 70] * 1000`, ErrOutput, "return less"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := body(t, row.lines).Run(t.Context(), maya(), Limits{})
			wantError(t, err, row.kind, row.says)
		})
	}
}

func TestWrongType(t *testing.T) {
	text, err := body(t, `return "yes"`).Run(t.Context(), maya(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = text.Bool()
	wantError(t, err, ErrValue, "script on-call: main returned a string where a bool is wanted; return True or False")
	_, err = text.Int()
	wantError(t, err, ErrValue, "main returned a string where an int is wanted; return a whole number")
	_, err = text.Hosts()
	wantError(t, err, ErrValue, "main returned a string where a list is wanted; return a list of host names, addresses and networks, as strings")
	number, err := body(t, `return 1`).Run(t.Context(), maya(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = number.Text()
	wantError(t, err, ErrValue, "main returned an int where a string is wanted; return a string")
	for _, host := range []string{`""`, `"x" * 254`} {
		v, err := body(t, `return ["a", `+host+`]`).Run(t.Context(), maya(), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Hosts()
		wantError(t, err, ErrValue, "host 2 of those")
	}
	if (Value{}).Type() != "" {
		t.Error("no value has a type")
	}
	if _, err := (Value{}).Bool(); err == nil {
		t.Error("no value is a bool")
	}
}

func TestPrint(t *testing.T) {
	var lines []string
	log := Limits{Log: func(l string) { lines = append(lines, l) }}
	if _, err := body(t, "print(\"a\", 1)\nprint(ctx.user.groups)\nreturn 0").Run(t.Context(), maya(), log); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a 1", `["staff", "it"]`}, lines); d != "" {
		t.Error(d)
	}
	lines = nil
	_, err := body(t, "for i in range(1 << 20):\n    print(\"x\" * 99)\nreturn 0").Run(t.Context(), maya(), log)
	wantError(t, err, ErrOutput, "line 3: it printed and returned more than 65536 bytes; print less")
	if len(lines) != 655 {
		t.Errorf("%d lines came through", len(lines))
	}
	lines = nil
	_, err = body(t, "print(\"x\" * 1000000)\nreturn 0").Run(t.Context(), maya(), log)
	wantError(t, err, ErrOutput, "line 2")
	if len(lines) != 0 {
		t.Errorf("%d lines came through", len(lines))
	}
	log.Log = func(string) { panic("full") }
	_, err = body(t, "print(1)\nreturn 0").Run(t.Context(), maya(), log)
	wantError(t, err, ErrInternal, "internal error: full")
}

func TestTime(t *testing.T) {
	endless := body(t, "for i in range(1 << 30):\n    for j in range(1 << 30):\n        pass")
	begun := time.Now()
	_, err := endless.Run(t.Context(), maya(), Limits{Steps: 1 << 60, Time: 50 * time.Millisecond})
	wantError(t, err, ErrTime, "it took longer than 50ms")
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it ended after %v", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = endless.Run(ctx, maya(), Limits{Steps: 1 << 60})
	wantError(t, err, ErrStopped, "stopped: context canceled")
}

func TestConcurrentRuns(t *testing.T) {
	p := compiled(t, "COUNT = []\ndef main(ctx):\n    COUNT.append(1)\n    return \"%s %d\" % (ctx.user.name, len(COUNT))\n")
	var all sync.WaitGroup
	for _, name := range []string{"maya", "theo", "ines", "omar"} {
		all.Go(func() {
			for range 50 {
				v, err := p.Run(t.Context(), Input{User: User{Name: name}}, Limits{})
				if got, err2 := v.Text(); got != name+" 1" || err != nil || err2 != nil {
					t.Error(got, err, err2)
				}
			}
		})
	}
	all.Wait()
}
