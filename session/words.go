package session

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/cause"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// One table of words: every refusal gets a title, what it means, and what to do. Like
// all tables of words here it is in English, whose sentences are the catalogues' keys:
// who takes something from it says it in the user's language.
var words = map[wire.Code]Problem{
	wire.CodeEnrolCode:      {Title: "The enrolment code was not accepted", Detail: "It is wrong, has expired, or has enrolled a device already: a code works once.", Fix: "Ask your administrator for a new enrolment link."},
	wire.CodeDevice:         {Title: "This device is not enrolled any more", Detail: "The controller does not know its certificate, or an administrator has withdrawn it.", Fix: "Ask your administrator for a new enrolment link, and paste it here."},
	wire.CodeSignIn:         {Title: "The password or the one-time code is wrong", Fix: "Check Caps Lock; of one-time codes only the one shown now works."},
	wire.CodeLockedOut:      {Title: "Too many wrong answers", Detail: "Sign-in is locked for a while.", Fix: "Wait until then, or ask your administrator."},
	wire.CodeOtherUser:      {Title: "This device was enrolled by someone else", Detail: "Only the user who enrolled a device may sign in on it.", Fix: "Sign in with that user, or enrol this device with a link of your own."},
	wire.CodeNoSession:      {Title: "Your session has ended", Detail: "The controller no longer accepts it.", Fix: "Sign in again."},
	wire.CodeSignedOut:      {Title: "You were signed out", Detail: "Your session was ended from elsewhere.", Fix: "Sign in again."},
	wire.CodeRevoked:        {Title: "An administrator ended your session", Fix: "Sign in again, or ask your administrator."},
	wire.CodeAnswer:         {Title: "The answer was not accepted", Fix: "Try again; a one-time code works once: wait for the next one."},
	wire.CodeToken:          {Title: "The gateway did not accept this session", Detail: "Its tokens have expired or are another device's; or the clocks differ.", Fix: "Check that your clock is right, then sign out and in again."},
	wire.CodeDenied:         {Title: "Access is denied", Fix: "Ask your administrator."},
	wire.CodeNotEntitled:    {Title: "You are not entitled to this", Fix: "Ask your administrator for access."},
	wire.CodeAppRefused:     {Title: "The application refused the connection", Detail: "The gateway was told that nothing listens there.", Fix: "Try again later, or tell whoever runs the application."},
	wire.CodeFlowGone:       {Title: "The connection could not be continued", Detail: "The gateway that held it has started anew.", Fix: "Open the application again."},
	wire.CodeAppUnreachable: {Title: "The application did not answer", Detail: "The gateway could not reach it.", Fix: "Try again later, or tell whoever runs the application."},
	wire.CodeSuspended:      {Title: "The data channel was suspended just then", Detail: "It was suspended by order while the application was being reached.", Fix: "Open the application again: that resumes it."},
	wire.CodeFingerprint:    {Title: "This is not your controller", Detail: "Whoever answered there did not show the certificate that was agreed on. Nothing was sent to it.", Fix: "Leave this network if you do not trust it; if it stays, ask your administrator for a new enrolment link."},
	wire.CodeOverload:       {Title: "The server is busy", Fix: "Try again in a moment."},
	wire.CodeInternal:       {Title: "The server made a mistake", Fix: "Try again; if it stays, tell your administrator."},
}

// explain puts an error of the controller, named where, or of a gateway into
// the user's words.
func explain(err error, where string) *Problem {
	var p *wire.Problem
	if !errors.As(err, &p) {
		y := cause.Of(err)
		return &Problem{Code: "unreachable", Title: lang.F("%s was not reached", where), Detail: lang.T(y.Why), Fix: lang.T(y.Fix)}
	}
	x, ok := words[p.Code]
	if !ok {
		x = Problem{Title: p.Title, Fix: "Ask your administrator."}
	}
	x = x.said()
	x.Code, x.Until = string(p.Code), p.Until
	if p.Left > 0 {
		x.Detail = lang.N("You have %d try left before you are locked out.",
			"You have %d tries left before you are locked out.", p.Left, p.Left)
	}
	if p.Code == wire.CodeAppUnreachable && p.Status == 0 { // nobody's answer, but that there was none
		x.Title, x.Fix = lang.Told(p.Title), lang.T("Check your network, then open the application again.")
	}
	switch {
	case p.Code == wire.CodeInternal && p.Detail == "" && p.Status != 0:
		x.Detail = lang.F("It answered with the HTTP status %d.", p.Status)
	case p.Code == wire.CodeInternal, p.Code == wire.CodeAppUnreachable && p.Detail != "", p.Code == wire.CodeBadRequest:
		x.Detail = lang.Told(p.Detail)
	case p.Code == wire.CodeFingerprint:
		y := cause.Of(err)
		if y != cause.Expired && y != cause.Misnamed {
			break
		}
		x.Title, x.Detail, x.Fix = lang.T("The controller’s certificate is not good"), lang.T(y.Why), lang.T(y.Fix)
	}
	return &x
}

const (
	codeEnded = "ended-" // begins the codes of what ended a session
	codeSite  = "site-"  // and those of a gateway that was not reached
)

func explainEnded(p *wire.Problem) *Problem {
	x := explain(p, "")
	x.Code = codeEnded + x.Code
	return x
}

func explainLost(controller string, err error) *Problem {
	var p *wire.Problem
	errors.As(err, &p)
	x := &Problem{Code: "controller-lost", Title: lang.T("The controller is not reached"), Action: "retry",
		Detail: lang.F("Access to your applications is prevented until %s answers again.", controller),
		Fix:    lang.T("Check your network. Tidegate keeps trying by itself.")}
	switch {
	case p == nil && err != nil:
		y := cause.Of(err)
		x.Detail += " " + lang.T(y.Why)
		if y.Stays {
			x.Fix = lang.T(y.Fix)
		}
	case p != nil && p.Code == wire.CodeFingerprint:
		y := explain(err, controller)
		x.Title, x.Detail, x.Fix = y.Title, y.Detail, y.Fix
	case p != nil:
		x.Detail = lang.F("It answered: %s. Access to your applications is prevented meanwhile.", lang.Told(p.Title))
		x.Fix = lang.T("Tidegate keeps trying. If it stays, tell your administrator.")
	}
	return x
}

func explainKeychain(k Keychain, lost, have bool) *Problem {
	var x Problem
	switch {
	case lost && !have:
		x = Problem{Code: "key-lost", Title: "The device key is gone from the keychain",
			Detail: "Without it this device cannot prove what it is.", Fix: "Ask your administrator for a new enrolment link, and paste it here."}
	case k == KeychainLocked && have:
		x = Problem{Code: "keychain-locked", Title: "The keychain is locked", Action: "retry",
			Detail: "This session is kept in memory only: you will be asked to sign in again after a restart.",
			Fix:    "Unlock the keychain, then try again."}
	case k == KeychainLocked:
		x = Problem{Code: "keychain-locked", Title: "The keychain is locked", Action: "retry",
			Detail: "The device key and your session are in it.", Fix: "Unlock the keychain, then try again."}
	case k == KeychainAbsent && have:
		x = Problem{Code: "keychain-absent", Title: "There is no keychain on this desktop", Action: "retry",
			Detail: "This session is kept in memory only, and is gone when Tidegate ends.",
			Fix:    "Install and start a Secret Service, such as gnome-keyring or KWallet, then try again."}
	case k == KeychainAbsent:
		x = Problem{Code: "keychain-absent", Title: "The keychain is not running", Action: "retry",
			Detail: "The device key and your session are in it.",
			Fix:    "Start your Secret Service (gnome-keyring or KWallet), then try again."}
	default:
		return nil
	}
	x = x.said()
	return &x
}

func explainSite(site string, p *wire.Problem) *Problem {
	x := explain(p, "")
	if p.Code == wire.CodeAppUnreachable {
		x.Title = lang.F("The gateway of %s is not reached", site)
		x.Fix = lang.T("Check your network. Tidegate tries again when you use an application.")
		x.Detail = lang.Told(p.Detail)
	}
	x.Code = codeSite + x.Code
	return x
}

// explainTUN says why programs do not reach the applications by their names.
func explainTUN(p *wire.Problem) *Problem {
	return &Problem{Code: "tun-" + string(p.Code), Title: lang.Told(p.Title), Detail: Told(p.Detail), Action: "acknowledge",
		Fix: lang.T("Until it works, reach applications at the addresses that `tidegate apps` lists, or through the proxy.")}
}

// reasons are the words for what decides a verdict.
var reasons = map[wire.ReasonKind]Why{
	wire.ReasonMFA:         {Title: "A one-time code is needed", Brief: "Needs a one-time code", Fix: "Enter a code from your authenticator."},
	wire.ReasonPassword:    {Title: "Your password is needed again", Brief: "Needs your password", Fix: "Type your password."},
	wire.ReasonUserReason:  {Title: "A reason is needed", Brief: "Needs a reason", Fix: "Say why you need access."},
	wire.ReasonMessage:     {Title: "A message waits for you", Brief: "A message waits for you", Fix: "Read it and confirm."},
	wire.ReasonTime:        {Title: "Outside the hours", Brief: "Outside the hours", Fix: "Come back when access opens."},
	wire.ReasonGroup:       {Title: "It is not open to your groups", Brief: "Not open to your groups", Fix: "Ask your administrator for access."},
	wire.ReasonDevice:      {Title: "This device does not meet the conditions", Brief: "Device does not qualify", Fix: "Put it right, then open the application again."},
	wire.ReasonMissing:     {Title: "Something that is asked is not known", Brief: "Something is not known", Fix: "Try again later, or ask your administrator what is missing."},
	wire.ReasonCriteria:    {Title: "The conditions for access are not met", Brief: "Conditions are not met", Fix: "Ask your administrator."},
	wire.ReasonRisk:        {Title: "Your risk is rated too high", Brief: "Your risk is too high", Detail: "Something unusual was noticed, and access is closed for a while.", Fix: "Ask your administrator; it also falls by itself in time."},
	wire.ReasonNetwork:     {Title: "Not from this network", Brief: "Not from this network", Fix: "Use a network that your administrator allows."},
	wire.ReasonScript:      {Title: "A check by your organisation says no", Brief: "A check says no", Fix: "Try again later, or ask your administrator."},
	wire.ReasonBlocked:     {Title: "This destination is blocked", Brief: "Destination is blocked", Fix: "Ask your administrator."},
	wire.ReasonTokenEnd:    {Title: "Your access is being renewed", Brief: "Access is being renewed", Fix: "It renews by itself while the controller is reached."},
	wire.ReasonNotEntitled: {Title: "You are not entitled to this", Brief: "You are not entitled", Fix: "Ask your administrator for access."},
	wire.ReasonRevoked:     {Title: "An administrator ended access", Brief: "An administrator ended it", Fix: "Ask your administrator."},
}

// cures are the words for what the user can do.
var cures = map[wire.InteractionKind]string{
	wire.InteractionMFA:      "Enter a code from your authenticator.",
	wire.InteractionPassword: "Type your password again.",
	wire.InteractionReason:   "Say why you need access.",
	wire.InteractionMessage:  "Read the message and confirm.",
}

// missing are the words for what is not known, by who would tell it.
var missing = map[string]Why{
	"device":  {Title: "This device did not report what is asked", Brief: "The device did not report", Fix: "Ask your administrator what is missing."},
	"scripts": {Title: "A check by your organisation has no answer", Brief: "A check has no answer", Fix: "Try again later, or ask your administrator."},
}

// refused are the brief words for refusals that block an application.
var refused = map[wire.Code]string{
	wire.CodeNotEntitled: "You are not entitled",
	wire.CodeToken:       "The session was refused",
	wire.CodeDevice:      "Device is not enrolled",
}

// Briefs are all that Why.Brief can be in the language of now, for whoever has to make room for them.
func Briefs() []string {
	all := []string{closed.Brief}
	for _, y := range reasons {
		all = append(all, y.Brief)
	}
	for _, y := range missing {
		all = append(all, y.Brief)
	}
	all = slices.AppendSeq(all, maps.Values(refused))
	for i, s := range all {
		all[i] = lang.T(s)
	}
	return all
}

// wordsFor are the words for what decides a verdict.
func wordsFor(v wire.Verdict) Why {
	if v.Reason.Kind == wire.ReasonMissing {
		for _, t := range v.Failing {
			who, _, _ := strings.Cut(t.Claim, ".")
			if y, ok := missing[who]; ok && t.Kind == wire.ReasonMissing && t.Condition == v.Reason.Condition {
				return y
			}
		}
	}
	if y, ok := reasons[v.Reason.Kind]; ok {
		return y
	}
	return reasons[wire.ReasonCriteria]
}

// explainReason explains a verdict that denies.
func explainReason(v wire.Verdict) Why {
	r := v.Reason
	y := wordsFor(v).said()
	y.Kind, y.Condition = r.Kind, r.Condition
	if r.Detail != "" {
		y.Detail = r.Detail
	}
	if len(v.Interactions) > 0 {
		y.Fix = fixes(v.Interactions, v.AnyOf)
	}
	return y
}

// fixes says what to do of all these, or of which one.
func fixes(cure []wire.Interaction, anyOf bool) string {
	var fix []string
	for i, x := range cure {
		s := lang.T(cures[x.Kind])
		if anyOf && i > 0 {
			s = lang.F("Or %s", lower(s))
		}
		fix = append(fix, s)
	}
	return strings.Join(fix, " ")
}

// explainDue explains a verdict that will deny.
func explainDue(v wire.Verdict) Why {
	y := explainReason(v)
	if y.Detail == "" {
		y.Detail = lang.T("Answer in time and nothing is interrupted.")
	}
	return y
}

// said are the words in the user's language.
func (y Why) said() Why {
	y.Title, y.Brief, y.Detail, y.Fix = lang.T(y.Title), lang.T(y.Brief), lang.T(y.Detail), lang.T(y.Fix)
	return y
}

// said are the words in the user's language.
func (p Problem) said() Problem {
	p.Title, p.Detail, p.Fix = lang.Told(p.Title), lang.Told(p.Detail), lang.Told(p.Fix)
	return p
}

// says is an error in the user's words and language, of a format that is a catalogue's key.
func says(english string, args ...any) error { return fmt.Errorf(lang.T(english), args...) }

// saying is an error that is one of the catalogues' sentences.
type saying string

func (s saying) Error() string { return lang.T(string(s)) }

// inWords is err in the user's language where its whole text is one of the catalogues'
// sentences, as are those of the session's neighbours.
func inWords(err error) error {
	if err == nil {
		return nil
	}
	if said := lang.Told(err.Error()); said != err.Error() {
		return errors.New(said)
	}
	return err
}

// Sentence is the explanation on one line.
func (y Why) Sentence() string {
	s := y.Title
	if y.Detail != "" {
		s += ". " + strings.TrimSuffix(y.Detail, ".")
	}
	if y.Fix != "" {
		s += ". " + strings.TrimSuffix(y.Fix, ".")
	}
	return s + "."
}

func countInUse(apps []App) string {
	n, name, rests := 0, "", true
	for _, a := range apps {
		if a.Flows > 0 {
			n, name = n+1, a.Name
			rests = rests && a.Parked >= a.Flows
		}
	}
	switch {
	case n == 1 && rests:
		return lang.F("%s is open, and rests", name)
	case n == 1:
		return lang.F("%s is in use", name)
	case rests:
		return lang.N("%d application is open, and rests", "%d applications are open, and rest", n, n)
	}
	return lang.N("%d application is in use", "%d applications are in use", n, n)
}

// sentence makes an error readable: a capital, a full stop.
func sentence(err error) string { return Told(err.Error()) }

// Told makes a sentence in the user's language of what was composed in English.
func Told(english string) string {
	s := lang.Told(strings.TrimSpace(english))
	if s == "" {
		return s
	}
	return strings.TrimSuffix(upper(s), ".") + "."
}

// upper makes a word begin a line.
func upper(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// lower makes a title fit behind a colon. In German a sentence keeps its capital there,
// as do nouns and who is addressed.
func lower(s string) string {
	if lang.Tag() == "de" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
