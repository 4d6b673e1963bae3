package openconnect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

const (
	// tick is how often it is seen whether openconnect waits for an answer.
	tick = 25 * time.Millisecond
	// quiet is how long an unfinished line stands before it is a question, where the
	// kernel does not tell.
	quiet = 300 * time.Millisecond
	// silent is how long one that has been answered says nothing before it is seen to
	// wait for the next answer.
	silent = time.Second
	// maxAnswer is the longest line that openconnect takes, in bytes.
	maxAnswer = 1000
	// maxResult is the most that it prints about a session.
	maxResult = 64 << 10
)

// SignIn signs in to a server, asking what it asks. It answers user and group out of
// the settings, once. Where it fails it returns a *Failure, or what Ask or ctx ended
// it with.
func (e Engine) SignIn(ctx context.Context, to session.VPNSettings, ask Ask) (Session, error) {
	if err := e.Speaks(to.Protocol); err != nil {
		return Session{}, err
	}
	s := &signing{engine: e, to: to, ask: ask}
	s.trusted = strings.Fields(to.Fingerprint)
	for {
		got, err := s.once(ctx)
		if !errors.Is(err, errAnew) {
			return got, err
		}
	}
}

// once runs openconnect once.
func (s *signing) once(ctx context.Context) (Session, error) {
	args, err := signInArguments(s.to)
	if err != nil {
		return Session{}, err
	}
	if s.engine.atLeast([2]int{9, 1}) { // before that it knows no browser
		args = append(args, "--external-browser=/dev/null")
	}
	c := exec.Command(s.engine.Path, args...)
	c.Env = environment(os.Environ())
	p, err := run(c, false)
	if err != nil {
		return Session{}, failed(session.VPNNoEngine, clean(err.Error(), maxWord))
	}
	defer p.close()
	printed := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(p.out, maxResult))
		io.Copy(io.Discard, p.out) // one that prints more is not to wait for us
		printed <- string(b)
	}()
	s.process, s.said, s.secrets, s.asked = p, transcript{}, 0, map[string]bool{}
	err = s.converse(ctx)
	p.kill()
	p.out.SetReadDeadline(time.Now().Add(time.Second)) // a child of its might hold it open
	out := <-printed
	if err != nil {
		return Session{}, err
	}
	if p.ended().ExitCode() != 0 {
		return Session{}, s.said.refused(&s.hidden)
	}
	got, err := result(out)
	if err != nil {
		return Session{}, failed(session.VPNFailed, err.Error())
	}
	if !known(got.Fingerprint, s.trusted) {
		return Session{}, failed(session.VPNOtherServer, "the session is at "+clean(got.Fingerprint, maxWord)+", which nobody has trusted")
	}
	return got, nil
}

// signInArguments are openconnect's. What a user has typed stands behind a "=", where
// it is no option whatever it begins with.
func signInArguments(to session.VPNSettings) ([]string, error) {
	for what, s := range map[string]string{"address": to.Address, "user": to.User, "group": to.Group, "fingerprint": to.Fingerprint} {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, failed(session.VPNFailed, fmt.Sprintf("the connection's %s has control characters", what))
		}
	}
	if strings.TrimSpace(to.Address) == "" {
		return nil, failed(session.VPNFailed, "the connection has no address")
	}
	args := []string{"--protocol=" + string(to.Protocol), "--authenticate", "--no-system-trust", "--timestamp"}
	for _, pin := range strings.Fields(to.Fingerprint) {
		args = append(args, "--servercert="+pin)
	}
	if to.User != "" {
		args = append(args, "--user="+to.User)
	}
	if to.Group != "" {
		args = append(args, "--authgroup="+to.Group)
	}
	return append(args, "--server="+strings.TrimSpace(to.Address)), nil
}

// signing is a conversation with openconnect.
type signing struct {
	engine  Engine
	to      session.VPNSettings // with the group that the user has chosen since
	ask     Ask
	user    string // that the user has typed: proposed again, where it is asked again
	hidden  redactor
	trusted []string // fingerprints
	refusal string   // of the conversation before this; empty: none, or it was told

	process *process
	said    transcript
	secrets int             // so many were given in this conversation
	asked   map[string]bool // forms in this conversation since something was refused
}

// askedAgain is told of what a server asks a second time without a word of why.
const askedAgain = "The server did not accept that, and asks again."

// again says whether a form is asked a second time, after a password or a code.
func (s *signing) again(f Form) bool {
	field := f.Fields[0]
	key := string(field.Kind) + "\n" + field.Label + "\n" + f.Message
	if s.asked[key] && s.secrets > 0 && field.Kind != session.VPNChoice {
		s.asked = map[string]bool{key: true}
		return true
	}
	s.asked[key] = true
	return false
}

// errAnew: the conversation is to begin anew.
var errAnew = errors.New("sign in anew")

// anew says whether what a form asks again is better asked from the beginning. One
// wrong password has ocserv (1.1.6) refuse every right one after it in the same
// conversation, and Cisco's own servers do not mind.
func (s *signing) anew(f Form) bool {
	return s.to.Protocol == session.VPNAnyConnect && s.secrets == 1 && f.Fields[0].Kind == session.VPNPassword
}

// converse answers what openconnect asks until it ends.
func (s *signing) converse(ctx context.Context) error {
	b := make([]byte, 4096)
	waits, heard, answered := false, time.Now(), false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		over := false
		select {
		case <-s.process.done: // what it has started might hold its standard error open
			over = true
		default:
		}
		s.process.err.SetReadDeadline(time.Now().Add(tick))
		n, err := s.process.err.Read(b)
		s.said.add(b[:n])
		switch {
		case n > 0:
			if line, ok := s.said.wantsBrowser(); ok {
				return failed(session.VPNBrowser, s.hidden.line(line, maxWord)) // it would wait for one for ever
			}
			waits, heard, answered = false, time.Now(), false
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && over:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		default: // it has closed it: it ends
			select {
			case <-s.process.done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if waits { // and has said nothing since
			if err := s.answer(ctx); err != nil {
				return err
			}
			waits, heard, answered = false, time.Now(), true
			continue
		}
		var known bool
		if waits, known = s.process.waits(); !known {
			waits = len(s.said.tail) > 0 && time.Since(heard) >= quiet
		}
		if answered && time.Since(heard) < silent {
			waits = false // the answer may be on its way to it
		}
	}
}

// answer answers what is asked.
func (s *signing) answer(ctx context.Context) error {
	if c, ok := s.said.certificate(); ok {
		if err := s.trust(ctx, c); err != nil {
			return err
		}
		return s.write("yes")
	}
	f := s.said.form(&s.hidden, cmp.Or(s.user, s.to.User), s.to.Group)
	if hides, known := s.process.hides(); known && hides && f.Fields[0].Kind == session.VPNText {
		f.Fields[0].Kind, f.Fields[0].Value = session.VPNPassword, ""
	}
	plain := s.said.form(&redactor{}, "", "") // what has been typed may stand in it, too
	if s.again(plain) {
		f.Error = cmp.Or(f.Error, askedAgain)
		if s.anew(plain) {
			s.refusal = f.Error
			return errAnew
		}
	}
	secret := f.Fields[0].Kind == session.VPNPassword || f.Fields[0].Kind == session.VPNCode
	if f.Fields[0].Kind != session.VPNChoice && f.Error == "" {
		f.Error, s.refusal = s.refusal, ""
	}
	for {
		values, err := s.ask.Form(ctx, f)
		if err != nil {
			return err
		}
		if len(values) != len(f.Fields) {
			return failed(session.VPNFailed, fmt.Sprintf("%d values for a form of %d", len(values), len(f.Fields)))
		}
		v := string(values[0])
		switch field := f.Fields[0]; {
		case len(v) > maxAnswer || strings.ContainsAny(v, "\r\n\x00"):
			f.Error = fmt.Sprintf("An answer is one line of at most %d letters.", maxAnswer)
			continue
		case field.Kind == session.VPNChoice && !slices.Contains(field.Choices, v):
			f.Error = "Choose one of those that are offered."
			continue
		case field.Kind == session.VPNChoice:
			s.to.Group = v
			v = chosen(s.said.ask(), v)
		case userLabel.MatchString(plain.Fields[0].Label):
			s.user = v
		default:
			s.hidden.hide(v)
		}
		if secret {
			s.secrets++
		}
		return s.write(v)
	}
}

// write gives openconnect a line. One that has ended does not take it, which its last
// words explain.
func (s *signing) write(line string) error {
	s.said.answered()
	s.process.in.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(s.process.in, line+"\n"); errors.Is(err, os.ErrDeadlineExceeded) {
		return failed(session.VPNFailed, "openconnect takes no answer")
	}
	return nil
}
