package script

import (
	"net/http"
	"time"
)

// Limits are what one run may cost, and what it may reach. A zero field means
// the default, which the field's comment tells.
type Limits struct {
	// Steps is how much work, in Starlark's instructions, elements and each 16
	// bytes of text; 1,000,000.
	Steps uint64
	// Time is how long, waiting for answers included; 2 s.
	Time time.Duration
	// Output is how many bytes are printed and returned, together; 64 KiB.
	Output int
	// Requests is how many times http.get and http.post are called; 8.
	Requests int
	// Body is the length of an answer, in bytes; 1 MiB.
	Body int64

	// Allow are the URLs that http may reach, by scheme://host[:port][/path]:
	// those of that origin at and below that path. None: no URL.
	Allow []string
	// Transport carries the requests; nil: directly, without proxy.
	Transport http.RoundTripper
	// Log is called with what the script prints, in the goroutine of the run;
	// nil: nobody reads it. It counts as output all the same.
	Log func(line string)
}

func (l Limits) filled() Limits {
	if l.Steps == 0 {
		l.Steps = 1_000_000
	}
	if l.Time == 0 {
		l.Time = 2 * time.Second
	}
	if l.Output == 0 {
		l.Output = 64 << 10
	}
	if l.Requests == 0 {
		l.Requests = 8
	}
	if l.Body == 0 {
		l.Body = 1 << 20
	}
	if l.Transport == nil {
		l.Transport = direct
	}
	if l.Log == nil {
		l.Log = func(string) {}
	}
	return l
}

// direct asks without a proxy, and keeps no connection: the next run is minutes
// away.
var direct http.RoundTripper = &http.Transport{
	DisableKeepAlives:      true,
	MaxResponseHeaderBytes: 64 << 10,
	TLSHandshakeTimeout:    10 * time.Second,
}
