package script

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// carry is a transport in memory.
type carry func(*http.Request) (*http.Response, error)

func (c carry) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return c(r)
}

// answer is a response of the kind that carries make.
func answer(r *http.Request, status int, text string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Body: io.NopCloser(strings.NewReader(text)), Request: r}
}

func yields(t *testing.T, p *Program, l Limits) string {
	t.Helper()
	v, err := p.Run(t.Context(), maya(), l)
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHTTP(t *testing.T) {
	var asked []string
	l := Limits{Allow: []string{"https://roster.lab/v1"}, Transport: carry(func(r *http.Request) (*http.Response, error) {
		sent := ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			sent = string(b)
		}
		asked = append(asked, fmt.Sprintf("%s %s %q %s %s", r.Method, r.URL, sent, r.Header.Get("X-Key"), r.Header.Get("User-Agent")))
		return answer(r, 203, `{"n": 7}`, "X-Two", "a", "X-Two", "b"), nil
	})}
	got := yields(t, body(t, `a = http.get("https://roster.lab/v1/x?q=1", headers = {"x-key": "k"})
b = http.post("https://roster.lab/v1", json.encode([1]), {"User-Agent": "me"})
return "%d %s %d %s" % (a.status, json.decode(b.body)["n"], len(a.headers), a.headers["x-two"])`), l)
	if got != "203 7 1 a, b" {
		t.Error(got)
	}
	if d := cmp.Diff([]string{`GET https://roster.lab/v1/x?q=1 "" k tidegate-gateway`, `POST https://roster.lab/v1 "[1]"  me`}, asked); d != "" {
		t.Error(d)
	}
}

func TestHTTPLimits(t *testing.T) {
	serve := carry(func(r *http.Request) (*http.Response, error) {
		to, ok := strings.CutPrefix(r.URL.Path, "/v1/to/")
		switch {
		case ok:
			return answer(r, 302, "", "Location", "https://"+to), nil
		case r.URL.Path == "/v1/loop":
			return answer(r, 307, "", "Location", "/v1/loop"), nil
		case r.URL.Path == "/v1/out":
			return answer(r, 302, "", "Location", "/v1/../admin"), nil
		case r.URL.Path == "/v1/plain":
			return answer(r, 302, "", "Location", "http://roster.lab/v1"), nil
		case r.URL.Path == "/v1/long":
			return answer(r, 200, strings.Repeat("x", 1<<20|1)), nil
		case r.URL.Path == "/v1/exact":
			return answer(r, 200, strings.Repeat("x", 1<<20)), nil
		case r.URL.Path == "/v1/down":
			return nil, io.ErrUnexpectedEOF
		}
		return answer(r, 200, "ok "+r.URL.Path), nil
	})
	rows := map[string]struct {
		lines string
		kind  error
		says  string
	}{
		"not allowed":       {`http.get("https://x/")`, ErrAllow, "script on-call: line 2: http.get: https://x/ is not in the script's allow-list; add it under http:"},
		"another path":      {`http.post("https://roster.lab/v2?key=secret")`, ErrAllow, "http.post: https://roster.lab/v2 is not in"},
		"no URL":            {`http.get("roster")`, ErrAllow, "http.get: not a URL of http or https"},
		"redirected away":   {`http.get("https://roster.lab/v1/to/evil.lab/")`, ErrAllow, "https://roster.lab/v1/to/evil.lab/ redirects: https://evil.lab/ is not in the script's allow-list"},
		"redirected up":     {`http.get("https://roster.lab/v1/out")`, ErrAllow, "redirects: https://roster.lab/admin is not in"},
		"redirected down":   {`http.get("https://roster.lab/v1/plain")`, ErrAllow, "redirects: http://roster.lab/v1 is not in"},
		"redirected round":  {`http.get("https://roster.lab/v1/loop")`, ErrHTTP, "redirects more than 3 times"},
		"too many requests": {"for i in range(9):\n    http.get(\"https://roster.lab/v1/\")", ErrRequests, "line 3: http.get: more than 8 requests in a run"},
		"answer too long":   {`http.get("https://roster.lab/v1/long")`, ErrBody, "answered with more than 1048576 bytes"},
		"no answer":         {`http.get("https://roster.lab/v1/down?key=secret")`, ErrHTTP, "line 2: http.get: https://roster.lab/v1/down: unexpected EOF"},
		"reserved header":   {`http.get("https://roster.lab/v1", {"host": "evil"})`, ErrFailed, "the header Host is not the script's to set"},
		"strange header":    {`http.get("https://roster.lab/v1", {"X": 1})`, ErrFailed, "a header is not a string"},
		"no argument":       {`http.get()`, ErrFailed, "http.get: missing argument for url"},
		"strange body":      {`http.post("https://roster.lab/v1", 7)`, ErrFailed, "got int, want string"},
		"eight long ones":   {"x = []\nfor i in range(8):\n    x.append(http.get(\"https://roster.lab/v1/exact\").body.split(\"x\"))", ErrSteps, "more than 1000000 steps"},
		"by a key":          {`sorted(["https://x/"], key = http.get)`, ErrAllow, "http.get: https://x/ is not in"},
	}
	allow := []string{"https://roster.lab/v1", "https://other.lab"}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := body(t, row.lines).Run(t.Context(), maya(), Limits{Allow: allow, Transport: serve})
			wantError(t, err, row.kind, row.says)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells a query", err)
			}
		})
	}
	t.Run("redirected within", func(t *testing.T) {
		got := yields(t, body(t, `return http.get("https://roster.lab/v1/to/other.lab/here").body`), Limits{Allow: allow, Transport: serve})
		if got != "ok /here" {
			t.Error(got)
		}
	})
	t.Run("none allowed", func(t *testing.T) {
		_, err := body(t, `http.get("https://roster.lab/")`).Run(t.Context(), maya(), Limits{Transport: serve})
		wantError(t, err, ErrAllow, "is not in the script's allow-list")
	})
	t.Run("a bad allow-list", func(t *testing.T) {
		_, err := body(t, `return 1`).Run(t.Context(), maya(), Limits{Allow: []string{"*"}})
		wantError(t, err, ErrAllow, `http: "*": not a URL`)
	})
}

// What is told one origin is not told another that it redirects to.
func TestRedirectForgets(t *testing.T) {
	var told []string
	l := Limits{Allow: []string{"https://a.lab", "https://b.lab"}, Transport: carry(func(r *http.Request) (*http.Response, error) {
		told = append(told, r.URL.Host+r.URL.Path+" "+r.Header.Get("X-Key")+" "+r.Header.Get("Referer"))
		switch r.URL.Path {
		case "/1":
			return answer(r, 302, "", "Location", "/2", "Set-Cookie", "c=d"), nil
		case "/2":
			return answer(r, 302, "", "Location", "https://b.lab/3"), nil
		}
		if r.Header.Get("Cookie") != "" {
			t.Error("it keeps cookies")
		}
		return answer(r, 200, "ok"), nil
	})}
	yields(t, body(t, `return http.get("https://a.lab/1", {"X-Key": "k"}).body`), l)
	if d := cmp.Diff([]string{"a.lab/1 k ", "a.lab/2 k ", "b.lab/3  "}, told); d != "" {
		t.Error(d)
	}
}

// Against a real server, by the transport that the gateway uses.
func TestDirect(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/drip":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "x"); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		default:
			io.WriteString(w, "hello")
		}
	}))
	defer s.Close()
	defer close(release)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	l := Limits{Allow: []string{s.URL}, Time: 10 * time.Second}
	if got := yields(t, body(t, `return http.get("`+s.URL+`/").body`), l); got != "hello" {
		t.Error(got)
	}
	_, err := body(t, `http.get("`+s.URL+`/endless")`).Run(t.Context(), maya(), l)
	wantError(t, err, ErrBody, "answered with more than 1048576 bytes")
	l.Time = 100 * time.Millisecond
	_, err = body(t, `http.get("`+s.URL+`/hang")`).Run(t.Context(), maya(), l)
	wantError(t, err, ErrTime, "/hang: it took longer than 100ms")
	l.Body = 1 << 40
	_, err = body(t, `http.get("`+s.URL+`/drip")`).Run(t.Context(), maya(), l)
	wantError(t, err, ErrTime, "/drip: it took longer than 100ms")
}

// The default time covers waiting: in virtual time, as the lab runs scripts.
func TestHangInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		l := Limits{Allow: []string{"https://a.lab"}, Transport: carry(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		_, err := body(t, `http.get("https://a.lab/")`).Run(t.Context(), maya(), l)
		wantError(t, err, ErrTime, "line 2: http.get: https://a.lab/: it took longer than 2s; ask for less, or raise its timeout")
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

func TestCheck(t *testing.T) {
	asks := compiled(t, "def main(ctx):\n    a = http.get(\"https://a.lab/v2\").body\n    f = http.post\n    return a == f(ctx.user.name)\n")
	silent := compiled(t, "def main(ctx):\n    http = 1\n    return http\n")
	rows := map[string]struct {
		program *Program
		allow   []string
		want    []Warning
	}{
		"no list":     {asks, nil, []Warning{{2, 18, "http is used without an allow-list; write the URLs that it may ask under http:"}, {3, 9, "http is used without an allow-list; write the URLs that it may ask under http:"}}},
		"not on it":   {asks, []string{"https://a.lab/v1"}, []Warning{{2, 18, "https://a.lab/v2 is not in the script's allow-list; add it under http:"}}},
		"on it":       {asks, []string{"https://a.lab/"}, nil},
		"a bad list":  {asks, []string{"a.lab"}, []Warning{{Msg: `http: "a.lab": not a URL of http or https; write https://host[:port]/path`}}},
		"unused list": {silent, []string{"https://a.lab"}, []Warning{{Msg: "the script does not use http; leave its allow-list away"}}},
		"neither":     {silent, nil, nil},
	}
	for name, row := range rows {
		if d := cmp.Diff(row.want, row.program.Check(row.allow)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
