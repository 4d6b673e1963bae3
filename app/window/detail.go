package window

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// detailView is all that the layer of one application shows.
type detailView struct {
	card                        cardView
	about                       string
	title, text, fix            string
	cure                        string
	until, untilIs, site, since string
	failing                     [][2]string // what is about, and how it is found
	hidden                      bool
	name, devices               string // its own address, and those of a device of ours
	address, command            string
	flows, data, used, decision string
	connections                 []flowView
	open                        session.OpenKind
	openable                    bool
	pinned                      bool
}

func detailOf(s session.State, a *session.App) detailView {
	v := detailView{
		card: cardOf(a, s.At), about: a.Description,
		flows: flowsText(a.Flows, a.Parked), data: carried(a.Up, a.Down),
		used: words.never, decision: string(a.Decision), open: a.Open, openable: s.ZTA.Allowed && a.OpenWith != "",
		connections: flowsOf(a, s.At), pinned: slices.Contains(s.Choices.Pinned, a.ID),
	}
	switch {
	case v.card.why:
		v.title, v.text, v.fix = whyTitle(a), a.Why.Detail, a.Why.Fix
		v.openable = false
	case a.Why.Title != "":
		v.title, v.text, v.fix = a.Why.Title, a.Why.Detail, a.Why.Fix
	case a.State == session.AppInUse && a.Parked > 0 && a.Parked >= a.Flows:
		v.title, v.text = words.restTitle, words.restText
	case a.State == session.AppInUse:
		v.title, v.text = words.inUseTitle, words.inUseText
	default:
		v.title, v.text = words.readyTitle, words.readyText
	}
	if len(a.Cure) > 0 && s.ZTA.Allowed {
		v.cure = cureWord(a.Cure)
	}
	if !a.Until.IsZero() {
		v.until, v.untilIs = exactly(a.Until, s.At), words.factUntil
		if v.card.state.tone == bad || v.card.why && !a.Allowed {
			v.untilIs = words.factAgain
		}
	}
	if !a.Since.IsZero() {
		v.since = exactly(a.Since, s.At)
	}
	for _, x := range a.Failing {
		v.failing = append(v.failing, [2]string{x.Title, found(x, s.At)})
	}
	v.hidden = a.Hidden
	if len(a.Addresses) > 0 {
		v.name = net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
		v.devices = devicesText(a.Addresses)
	}
	if a.Listen.IsValid() {
		v.address = a.Listen.String()
	}
	if a.Open != session.OpenBrowser && a.OpenWith != v.address {
		v.command = a.OpenWith
	}
	for _, site := range s.Sites {
		if site.ID == a.Site {
			word, _ := channelWord(site.State)
			v.site = site.Name + " · " + word
		}
	}
	if !a.LastUsed.IsZero() {
		v.used = lastUsed(a.LastUsed, s.At)
	}
	return v
}

// devicesText lists addresses.
func devicesText(all []netip.Addr) string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// flowsText counts open connections, and says how many of them rest.
func flowsText(flows, parked int) string {
	switch {
	case parked == 0:
		return strconv.Itoa(flows)
	case parked < flows:
		return fmt.Sprintf(words.someRest, flows, parked)
	}
	return fmt.Sprintf(words.atRest, flows)
}

// found is how a criterion is found to be.
func found(x session.Failing, now time.Time) string {
	if x.Answered.IsZero() {
		return x.Found
	}
	return x.Found + " " + moment(x.Answered, now)
}

// lastUsed writes a past instant.
func lastUsed(t, now time.Time) string {
	switch days(t, now) {
	case 0:
		return lang.F("Today %s", timezone.In(t).Format("15:04"))
	case 1:
		return lang.F("Yesterday %s", timezone.In(t).Format("15:04"))
	}
	return moment(t, now)
}
