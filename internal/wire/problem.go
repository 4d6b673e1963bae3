package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Code says what kind of refusal a Problem is. Both servers answer with it and
// the client has words and a fix for each.
type Code string

// The codes. An unknown one is shown with its title and denies like any other.
const (
	CodeBadRequest     Code = "bad-request"      // malformed: a defect or an attack
	CodeEnrolCode      Code = "enrol-code"       // the enrolment code is wrong, used or expired
	CodeDevice         Code = "device"           // unknown, revoked or missing device certificate
	CodeSignIn         Code = "sign-in"          // user, password or code is wrong: it never says which
	CodeLockedOut      Code = "locked-out"       // too many failures; Until says how long
	CodeOtherUser      Code = "other-user"       // another user enrolled this device
	CodeNoSession      Code = "no-session"       // the cookie is missing, void, expired or not this device's
	CodeSignedOut      Code = "signed-out"       // the user signed out elsewhere
	CodeRevoked        Code = "revoked"          // an administrator ended the session
	CodeAnswer         Code = "answer"           // an interaction's answer was wrong
	CodeToken          Code = "token"            // a token is void, expired or another device's
	CodeDenied         Code = "denied"           // the verdict denies; Verdict says why
	CodeNotEntitled    Code = "not-entitled"     // no entitlement covers the destination
	CodeAppRefused     Code = "app-refused"      // the application refused the connection
	CodeAppUnreachable Code = "app-unreachable"  // the application did not answer or has no address
	CodeFlowGone       Code = "flow-gone"        // the gateway does not know the flow that is to be resumed
	CodeSuspended      Code = "suspended"        // client's own: the data channel was suspended while it was connecting
	CodeTooEarly       Code = "too-early"        // not before the handshake is complete (RFC 8470)
	CodeFingerprint    Code = "fingerprint"      // client's own: the peer is not the pinned controller
	CodeNoDisplay      Code = "no-display"       // client's own: no window can be shown
	CodeOverload       Code = "overload"         // try again later
	CodeInternal       Code = "internal"         // a defect; denied
	CodeNotFound       Code = "not-found"        // no such path
	CodeNotAllowed     Code = "method-forbidden" // no such method there
)

// problemType prefixes the code in a problem's type member.
const problemType = "tag:tidegate.org,2026:"

// Problem is a refusal (RFC 9457, application/problem+json). It is an error.
type Problem struct {
	Code    Code      `json:"-"`
	Title   string    `json:"title"`
	Status  int       `json:"status,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Until   time.Time `json:"until,omitzero"`    // of a lock-out
	Left    int       `json:"left,omitempty"`    // how many more wrong answers it takes to be locked out; 0: not told
	Verdict *Verdict  `json:"verdict,omitempty"` // behind CodeDenied
	// Since, with CodeFlowGone: in the session that began then (Verdicts.Since) no flow
	// of that name was ever opened, nor will be, unless one was that has been over for
	// longer than FlowMemory.
	Since time.Time `json:"since,omitzero"`
}

type problemJSON struct {
	Type string `json:"type"`
	problemAlias
}
type problemAlias Problem

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Title + ": " + p.Detail
	}
	return p.Title
}

// Is makes errors.Is(err, &Problem{Code: c}) true for every problem of code c.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// MarshalJSON implements json.Marshaler.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(problemJSON{Type: problemType + string(p.Code), problemAlias: problemAlias(p)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Problem) UnmarshalJSON(b []byte) error {
	var v problemJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = Problem(v.problemAlias)
	p.Code = Code(strings.TrimPrefix(v.Type, problemType))
	return nil
}

// Write answers a request with p. The status is p.Status, or 500 where it has none.
func (p *Problem) Write(w http.ResponseWriter) {
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error here is the peer's going away
}

// ReadProblem turns the body of a refusal with the given status into a
// Problem; whatever it cannot read becomes one of CodeInternal.
func ReadProblem(status int, body io.Reader) *Problem {
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(body, MaxBody))
	if err != nil || json.Unmarshal(b, p) != nil || p.Title == "" {
		return &Problem{Code: CodeInternal, Status: status, Title: fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))}
	}
	p.Status = status
	return p
}

// ReadJSON decodes one JSON value of at most MaxBody bytes into v, refusing
// unknown members and whatever follows the value.
func ReadJSON(r io.Reader, v any) error { return ReadJSONOf(r, MaxBody, v) }

// ReadJSONOf is ReadJSON for a value of at most so many bytes.
func ReadJSONOf(r io.Reader, most int64, v any) error {
	d := json.NewDecoder(io.LimitReader(r, most))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("decode message: more follows its end")
	}
	return nil
}

// WriteJSON answers a request with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error here is the peer's going away
}
