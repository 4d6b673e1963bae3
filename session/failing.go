package session

import (
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Failing is one criterion that denies an application, or will. Where the
// administrator hides values only Kind, Condition and Title are set.
type Failing struct {
	Kind      wire.ReasonKind  `json:"kind"`
	Condition wire.ConditionID `json:"condition,omitempty"`
	Title     string           `json:"title"` // what it is about: "Firewall"
	// Found says what it is at present: "off", "not reported". Of an answer it
	// says "answered", and Answered when that counts from; of one that was never
	// given, "not answered yet".
	Found    string    `json:"found,omitempty"`
	Answered time.Time `json:"answered,omitzero"`
	// Text is the criterion as it was written, Claim what it reads, Reported its
	// value.
	Text     string `json:"text,omitempty"`
	Claim    string `json:"claim,omitempty"`
	Reported string `json:"reported,omitempty"`
}

// failing puts the terms of a verdict into words, in their order.
func failing(terms []wire.Term, hide bool) []Failing {
	var out []Failing
	for _, t := range terms {
		title, known := kindNames[t.Kind]
		if !known {
			title = kindNames[wire.ReasonCriteria]
		}
		x := Failing{Kind: t.Kind, Condition: t.Condition, Title: lang.T(title)}
		if !hide {
			x.Text, x.Claim, x.Reported = t.Text, t.Claim, t.Reported
			x.name()
		}
		out = append(out, x)
	}
	return out
}

// name says what the criterion reads, and what it found.
func (x *Failing) name() {
	where, id, dotted := strings.Cut(x.Claim, ".")
	title, known := claimNames[x.Claim]
	switch {
	case x.Claim == "":
		return
	case known:
		x.Title = lang.T(title)
	case dotted:
		x.Title = upper(strings.ReplaceAll(id, "_", " "))
	default:
		x.Title = upper(x.Claim)
	}
	switch {
	case where == "responses":
		x.Found = lang.T("not answered yet")
		if at, err := time.Parse(time.RFC3339, x.Reported); err == nil {
			x.Found, x.Answered = lang.T("answered"), at
		}
	case x.Reported == "" && x.Kind != wire.ReasonMissing:
		x.Found = lang.T("none")
	case x.Reported == "" && where == "device":
		x.Found = lang.T("not reported")
	case x.Reported == "":
		x.Found = lang.T("not known")
	case x.Claim == "risk":
		x.Found = risk(x.Reported)
	case x.Reported == "true" || x.Reported == "false":
		x.Found = truth(x.Reported == "true", switches[x.Claim])
	default:
		x.Found = x.Reported
	}
}

// truth is the word for a claim that is true or not, of a switch that it is on or off.
func truth(is, onOff bool) string {
	switch {
	case is && onOff:
		return lang.T("on")
	case onOff:
		return lang.T("off")
	case is:
		return lang.T("yes")
	}
	return lang.T("no")
}

// risk puts the word of a level before it.
func risk(level string) string {
	n, err := strconv.ParseInt(level, 10, 64)
	switch {
	case err != nil:
		return level
	case n < wire.RiskMedium:
		return lang.F("low (%s)", level)
	case n < wire.RiskHigh:
		return lang.F("medium (%s)", level)
	}
	return lang.F("high (%s)", level)
}

// kindNames are the words for the kinds of criteria, where no more is told.
var kindNames = map[wire.ReasonKind]string{
	wire.ReasonMFA:         "One-time code",
	wire.ReasonPassword:    "Password",
	wire.ReasonUserReason:  "Reason",
	wire.ReasonMessage:     "Message",
	wire.ReasonTime:        "Hours",
	wire.ReasonGroup:       "Groups",
	wire.ReasonDevice:      "This device",
	wire.ReasonMissing:     "Something that is not known",
	wire.ReasonRisk:        "Risk",
	wire.ReasonNetwork:     "Network",
	wire.ReasonScript:      "A check by your organisation",
	wire.ReasonBlocked:     "Blocked destination",
	wire.ReasonCriteria:    "Conditions of your organisation",
	wire.ReasonTokenEnd:    "Renewal",
	wire.ReasonNotEntitled: "Entitlement",
	wire.ReasonRevoked:     "Ended by an administrator",
}

// claimNames are the words for the built-in claims.
var claimNames = map[string]string{
	"now":                    "Hours",
	"responses.mfa":          "One-time code",
	"responses.password":     "Password",
	"responses.reason":       "Reason",
	"responses.message":      "Message",
	"risk":                   "Risk",
	"user.name":              "User",
	"user.groups":            "Groups",
	"system.address":         "Network address",
	"device.firewall":        "Firewall",
	"device.disk_encryption": "Disk encryption",
	"device.screen_lock":     "Screen lock",
	"device.admin":           "Administrator rights",
	"device.os_name":         "Operating system",
	"device.os_version":      "Operating system’s version",
	"device.kernel":          "Kernel",
	"device.hostname":        "Computer’s name",
	"device.client_version":  "Tidegate’s version",
	"device.addresses":       "Computer’s addresses",
}

// switches are claims that are on or off.
var switches = map[string]bool{"device.firewall": true, "device.disk_encryption": true, "device.screen_lock": true}
