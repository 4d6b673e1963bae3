package window

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// eventRow is one thing that happened.
type eventRow struct {
	*line
	bed   *surface
	glyph *glyph
	text  *paragraph
	at    *label
	seq   uint64
}

func newEventRow() *eventRow {
	r := &eventRow{bed: newSurface(roleRaised, "", 10), glyph: newGlyph("info", false, 18, roleMuted)}
	r.text = newParagraph("", font{size: 14, role: roleText}, 0)
	r.at = newLabel("", font{size: 13, role: roleFaint})
	r.line = newLine(14, pads(10, 14), newSurface(roleSurface, roleLine, 12), newBadge(34, r.bed, r.glyph), r.text, r.at).growing(r.text)
	return r
}

func (r *eventRow) set(e session.Event, active session.Enrolment, all []session.Enrolment) {
	icon, t := signOf(e.Kind)
	r.bed.set(t.soft(), "")
	r.glyph.set(icon, false, t.ink())
	r.text.set(e.Sentence(active, all))
	r.at.set(timezone.In(e.At).Format("15:04:05"))
	r.seq = e.Seq
}

// signOf is the sign of a kind of event. Kinds are words joined by hyphens; one
// that is not known here has a plain sign.
func signOf(kind string) (icon string, t tone) {
	parts := strings.Split(kind, "-")
	has := func(words ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(words, p) })
	}
	switch {
	case has("cut", "refused", "denied", "revoked", "blocked", "removed"):
		return "block", bad
	case has("lost", "failed", "interrupted", "locked", "problem"):
		return "cloud_off", warn
	case has("over", "allowed"):
		return "check_circle", good
	case has("warning", "competitor", "missed"):
		return "warning", warn
	case has("needs", "asked", "prompt", "prompted", "warned"):
		return "fingerprint", warn
	case has("answered", "verified"):
		return "check_circle", good
	case has("in", "enrolled"):
		return "login", good
	case has("out", "ended"):
		return "logout", neutral
	case has("suspended"):
		return "dark_mode", neutral
	case has("vpn"):
		if has("connected", "reconnected") {
			return "vpn_key", good
		}
		return "vpn_key", neutral
	case has("dns"):
		return "dns", neutral
	case has("channel", "gateway"):
		return "lan", good
	case has("control", "established"):
		return "hub", good
	case has("app", "flow", "opened"):
		return "open_in_new", accent
	}
	return "info", neutral
}
