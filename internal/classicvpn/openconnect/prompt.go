package openconnect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/session"
)

// The most that is shown of a form: runes of its message and of a word of it, and
// choices.
const (
	maxMessage = 2000
	maxWord    = 200
	maxChoices = 100
)

// certificateQuestion is how openconnect ends its question whether a server is the
// right one.
const certificateQuestion = "Enter 'yes' to accept, 'no' to abort; anything else to view: "

var (
	certificateHost = regexp.MustCompile(`^Certificate from VPN server "(.*)" failed verification\.$`)
	certificatePin  = regexp.MustCompile(`^ {4}--servercert (pin-sha256:[A-Za-z0-9+/]{43}=)$`)
)

// certificate is the question of a certificate that is asked now; ok is false where
// something else is.
func (t *transcript) certificate() (c Certificate, ok bool) {
	if string(t.tail) != certificateQuestion || len(t.shown) < 4 {
		return c, false
	}
	l := t.shown[len(t.shown)-4:]
	host, reason, isReason := certificateHost.FindStringSubmatch(l[0]), "", false
	reason, isReason = strings.CutPrefix(l[1], "Reason: ")
	pin := certificatePin.FindStringSubmatch(l[3])
	if host == nil || !isReason || pin == nil {
		return c, false
	}
	return Certificate{Host: clean(host[1], maxWord), Reason: clean(reason, maxWord), Fingerprint: pin[1]}, true
}

// form is the form that is asked for now, in the server's words but for what r hides.
func (t *transcript) form(r *redactor, user, group string) Form {
	var f Form
	var message []string
	for _, line := range t.shown {
		line = r.words(line, maxMessage)
		switch {
		case refusal.MatchString(line) && f.Error == "":
			f.Error = clean(line, maxWord)
		case line != "" || len(message) > 0 && message[len(message)-1] != "":
			message = append(message, line)
		}
	}
	if f.Error == "" {
		for _, line := range slices.Backward(t.progress) {
			if refusal.MatchString(line) {
				f.Error = r.line(line, maxWord)
				break
			}
		}
	}
	f.Message = shorten(strings.TrimSpace(strings.Join(message, "\n")))
	f.Fields = []session.VPNField{field(t.ask(), f.Message, r, user, group)}
	return f
}

// ask is the unfinished line that asks.
func (t *transcript) ask() string { return strings.ToValidUTF8(string(t.tail), "") }

// shorten keeps the end of a message that is too long: what asks stands there.
func shorten(s string) string {
	r := []rune(s)
	if len(r) <= maxMessage {
		return s
	}
	return "…" + string(r[len(r)-maxMessage+1:])
}

// refusal are the words by which servers and openconnect tell that an answer was not
// the right one.
var refusal = regexp.MustCompile(`(?i)(?:^authentication failure\b|\b(?:login failed|log-?in (?:was )?(?:incorrect|denied)|(?:sign-?in|authentication|logon|verification) (?:has )?(?:failed|unsuccessful|denied)|access denied|(?:invalid|incorrect|wrong|bad) (?:user|username|password|passcode|credential|credentials|code|token|otp|pin|login)|(?:password|passcode|code|token|credentials?|username|pin)\b.{0,40}\b(?:incorrect|invalid|not valid|wrong|expired|rejected)|do not match|auth choice ".*" (?:not available|matches multiple)))`)

var (
	codeWords     = regexp.MustCompile(`(?i)\b(?:otp|one[- ]time|pass ?codes?|token ?codes?|tokens?|tan|verification code|security code|second factor|second(?:ary)? (?:password|token)|2fa|mfa|two[- ]factor|authenticator|sms)\b`)
	codeLabel     = regexp.MustCompile(`(?i)\b(?:codes?|pin|challenge|response|answer)\b`)
	passwordLabel = regexp.MustCompile(`(?i)pass ?w(?:or)?d|passwort|pass ?phrase|kennwort|mot de passe|contraseña|wachtwoord|senha|пароль|secret`)
	userLabel     = regexp.MustCompile(`(?i)^(?:enter |your |please enter )*(?:user ?-?(?:name|id)?|login|benutzer(?:name)?|account|e-?mail(?: address)?)\b`)
)

// field makes a field of the unfinished line that asks for it. What is not known is
// shown as it is, and in the open.
func field(ask, message string, r *redactor, user, group string) session.VPNField {
	if name, list, ok := choices(ask); ok {
		f := session.VPNField{Kind: session.VPNChoice, Label: label(name, r)}
		for _, c := range list {
			if c = clean(c, maxWord); c != "" && !slices.Contains(f.Choices, c) && len(f.Choices) < maxChoices {
				f.Choices = append(f.Choices, c)
			}
		}
		if slices.Contains(f.Choices, group) {
			f.Value = group
		}
		if len(f.Choices) > 0 {
			return f
		}
	}
	f := session.VPNField{Kind: session.VPNText, Label: label(ask, r)}
	switch plain := label(ask, &redactor{}); {
	case userLabel.MatchString(plain):
		f.Value = user
	case codeWords.MatchString(plain):
		f.Kind = session.VPNCode
	case passwordLabel.MatchString(plain):
		f.Kind = session.VPNPassword
		if codeWords.MatchString(message) {
			f.Kind = session.VPNCode
		}
	case codeLabel.MatchString(plain):
		f.Kind = session.VPNCode
	}
	return f
}

// choices takes a line apart that asks for one of several: "label [one|other]:". There
// may be brackets in the label, and in what is to be chosen.
func choices(ask string) (label string, list []string, ok bool) {
	s, ok := strings.CutSuffix(strings.TrimRight(ask, " "), "]:")
	if !ok {
		return "", nil, false
	}
	begin := strings.IndexByte(s, '[')
	for i, open := len(s)-1, 0; i >= 0 && open <= 0; i-- {
		switch s[i] {
		case ']':
			open--
		case '[':
			if open++; open > 0 && strings.Count(s[:i], "[") == strings.Count(s[:i], "]") {
				begin = i
			}
		}
	}
	if begin < 0 || !strings.Contains(s[begin:], "|") {
		return "", nil, false
	}
	return strings.TrimRight(s[:begin], " "), strings.Split(s[begin+1:], "|"), true
}

// chosen is what the server calls a choice that is shown as that.
func chosen(ask, shown string) string {
	_, list, _ := choices(ask)
	for _, c := range list {
		if clean(c, maxWord) == shown {
			return c
		}
	}
	return shown
}

// label is the server's word for a field, without the colon that ends it.
func label(ask string, r *redactor) string {
	return strings.TrimSpace(strings.TrimSuffix(r.words(ask, maxWord), ":"))
}
