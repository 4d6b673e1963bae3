package tunnel

import (
	"context"
	"crypto/x509"
	"errors"
	"regexp"
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// What the data plane says is told in the user's language.
func TestProblemsAreTold(t *testing.T) {
	unmark := lang.Mark()
	defer unmark()
	unsaid, word := regexp.MustCompile(`gw-1|\S*[.:\d]\S*`), regexp.MustCompile(`\pL{2,}`)
	gw := wire.Gateway{Name: "gw-1", Address: "gw.example:443"}
	problems := []*wire.Problem{notReached(), notRunning(), notOurs(), noGateway(), lost(gw), dropped(gw), paused(), reason(nil, errors.New("x")),
		resumption(&wire.Problem{Code: wire.CodeFlowGone}), denied(wire.Verdict{}), denied(wire.Verdict{Allow: true})}
	for _, err := range []error{x509.UnknownAuthorityError{}, context.DeadlineExceeded, errSilent, errors.New("dial udp: whatever")} {
		problems = append(problems, unanswered(gw, err))
	}
	for _, p := range problems {
		for _, text := range []string{lang.Told(p.Title), lang.Told(p.Detail)} {
			if word.MatchString(unsaid.ReplaceAllString(lang.Unmarked(text), "")) {
				t.Errorf("%q", text)
			}
		}
	}
}
