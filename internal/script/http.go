package script

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// maxRedirects is how often one request is sent on.
const maxRedirects = 3

// reserved are the headers that a script does not set: they say what is asked of
// whom, and how it is carried.
var reserved = []string{"Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// get is http.get(url, headers={}).
func get(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var to string
	headers := &starlark.Dict{}
	if err := starlark.UnpackArgs(b.Name(), args, kw, "url", &to, "headers?", &headers); err != nil {
		return nil, err
	}
	return running(t).ask(b.Name(), http.MethodGet, to, "", headers)
}

// post is http.post(url, body="", headers={}).
func post(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var to, body string
	headers := &starlark.Dict{}
	if err := starlark.UnpackArgs(b.Name(), args, kw, "url", &to, "body?", &body, "headers?", &headers); err != nil {
		return nil, err
	}
	return running(t).ask(b.Name(), http.MethodPost, to, body, headers)
}

// ask asks and yields the answer; name is the function's, for messages.
func (r *run) ask(name, method, to, body string, headers *starlark.Dict) (starlark.Value, error) {
	if r.requests++; r.requests > r.limits.Requests {
		return nil, kindf(ErrRequests, "%s: more than %d requests in a run; ask for more at once", name, r.limits.Requests)
	}
	u, err := allowed(r.allow, to)
	if err != nil {
		return nil, kindf(ErrAllow, "%s: %v", name, err)
	}
	req, err := http.NewRequestWithContext(r.ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, kindf(ErrHTTP, "%s: %s: the request cannot be made", name, shown(u))
	}
	if req.Header, err = header(headers); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	client := &http.Client{Transport: r.limits.Transport, CheckRedirect: r.redirect}
	res, err := client.Do(req)
	if err != nil {
		return nil, r.noAnswer(name, u, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, r.limits.Body+1))
	if err != nil {
		return nil, r.noAnswer(name, u, err)
	}
	if int64(len(text)) > r.limits.Body {
		return nil, kindf(ErrBody, "%s: %s answered with more than %d bytes; ask for less", name, shown(u), r.limits.Body)
	}
	fields := starlark.NewDict(len(res.Header))
	for k, list := range res.Header {
		if err := fields.SetKey(starlark.String(strings.ToLower(k)), starlark.String(strings.Join(list, ", "))); err != nil {
			return nil, err
		}
	}
	answer := &record{"answer", starlark.StringDict{"status": starlark.MakeInt(res.StatusCode), "body": starlark.String(text), "headers": fields}}
	answer.Freeze()
	return answer, r.weigh(false, answer)
}

// noAnswer is err of a request to u, without the URL that http would print whole.
func (r *run) noAnswer(name string, u *url.URL, err error) error {
	if r.ctx.Err() != nil {
		why := r.stopped().(*kindError)
		return kindf(why.kind, "%s: %s: %s", name, shown(u), why.msg)
	}
	var known *kindError
	if errors.As(err, &known) {
		return kindf(known.kind, "%s: %s", name, known.msg)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return kindf(ErrHTTP, "%s: %s: %v", name, shown(u), err)
}

// redirect is http.Client.CheckRedirect: the allow-list holds at each turn, and
// what the script told one origin is not told another.
func (r *run) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return kindf(ErrHTTP, "%s redirects more than %d times", shown(via[0].URL), maxRedirects)
	}
	if _, err := allowed(r.allow, req.URL.String()); err != nil {
		return kindf(ErrAllow, "%s redirects: %v", shown(via[0].URL), err)
	}
	req.Header.Del("Referer")
	if first := via[0].URL; req.URL.Scheme != first.Scheme || origin(req.URL) != origin(first) {
		req.Header = http.Header{"User-Agent": via[0].Header["User-Agent"]}
	}
	return nil
}

// header are a script's headers.
func header(d *starlark.Dict) (http.Header, error) {
	h := http.Header{"User-Agent": {"tidegate-gateway"}}
	for k, v := range d.Entries() {
		name, ok := starlark.AsString(k)
		value, ok2 := starlark.AsString(v)
		if !ok || !ok2 {
			return nil, errors.New("a header is not a string; write headers = {\"Accept\": \"text/plain\"}")
		}
		if name = textproto.CanonicalMIMEHeaderKey(name); slices.Contains(reserved, name) {
			return nil, fmt.Errorf("the header %s is not the script's to set; leave it away", short(name))
		}
		h[name] = []string{value}
	}
	return h, nil
}
