package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// EnrolmentLink is what an administrator hands a user: where the controller
// is, whom to trust there, and a code that enrols one device once.
//
//	tidegate:enrol?controller=zta.example.com:8443&ca=<fingerprint>&code=<code>&name=Example
type EnrolmentLink struct {
	// Controller is host:port.
	Controller string
	// CA is the SHA-256 fingerprint of the controller's CA certificate (DER).
	CA [sha256.Size]byte
	// Code is redeemed once, for the user it was made for.
	Code string
	// Name is what the link calls the organisation; empty: nothing. It is shown to
	// the user before anybody has vouched for it.
	Name string
}

// MaxName is how many bytes an organisation's name has in a link at most.
const MaxName = 128

// Fingerprint is CA as people compare it: hexadecimal, in groups of four digits.
func (l EnrolmentLink) Fingerprint() string {
	var b strings.Builder
	for i := 0; i < len(l.CA); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%02x%02x", l.CA[i], l.CA[i+1])
	}
	return b.String()
}

// String writes the link.
func (l EnrolmentLink) String() string {
	s := "tidegate:enrol?controller=" + url.QueryEscape(l.Controller) +
		"&ca=" + base64.RawURLEncoding.EncodeToString(l.CA[:]) + "&code=" + url.QueryEscape(l.Code)
	if l.Name != "" {
		s += "&name=" + url.QueryEscape(l.Name)
	}
	return s
}

// ParseEnrolmentLink reads a link as pasted or clicked: white space around it
// and a "//" behind the scheme are forgiven, nothing else is.
func ParseEnrolmentLink(s string) (EnrolmentLink, error) {
	var l EnrolmentLink
	s = strings.TrimSpace(s)
	if len(s) > MaxLink {
		return l, fmt.Errorf("the enrolment link is too long; copy it again, whole and alone")
	}
	rest, ok := strings.CutPrefix(s, "tidegate:")
	if !ok {
		return l, fmt.Errorf("an enrolment link begins with tidegate:enrol; copy the whole link that your administrator sent you")
	}
	rest = strings.TrimPrefix(rest, "//")
	rest, ok = strings.CutPrefix(rest, "enrol?")
	if !ok {
		return l, fmt.Errorf("this tidegate: link is not an enrolment link; copy the one that begins with tidegate:enrol")
	}
	q, err := url.ParseQuery(rest)
	if err != nil {
		return l, fmt.Errorf("the enrolment link is damaged; copy it again, whole")
	}
	for _, k := range []string{"controller", "ca", "code"} {
		if len(q[k]) != 1 || q[k][0] == "" {
			return l, fmt.Errorf("the enrolment link lacks its %q part; copy it again, whole", k)
		}
	}
	l.Controller, l.Code = q["controller"][0], q["code"][0]
	if l.Name = q.Get("name"); len(l.Name) > MaxName || !utf8.ValidString(l.Name) {
		return EnrolmentLink{}, fmt.Errorf("the enrolment link's name is damaged; copy the link again, whole")
	}
	host, port, err := net.SplitHostPort(l.Controller)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || !plainHost(host) {
		return EnrolmentLink{}, fmt.Errorf("the enrolment link names %q as its controller; ask your administrator for a new link", l.Controller)
	}
	ca, err := base64.RawURLEncoding.Strict().DecodeString(q["ca"][0])
	if err != nil || len(ca) != len(l.CA) {
		return EnrolmentLink{}, fmt.Errorf("the enrolment link's fingerprint is damaged; copy the link again, whole")
	}
	copy(l.CA[:], ca)
	return l, nil
}

// plainHost says whether a host reads as what it is: people decide by it whom they
// trust, and letters of other scripts look like these, or turn the text round. A name
// that has such is written with xn--.
func plainHost(host string) bool {
	for _, r := range host {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:%", r) {
			return false
		}
	}
	return host != ""
}
