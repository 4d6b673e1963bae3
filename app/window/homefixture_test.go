package window

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// atHome is a day like any other: some applications are pinned, some were used, and
// what is ahead is known.
func atHome() session.State {
	s := ahead()
	s.Choices.Pinned = []wire.AppID{"crm", "scada", "git"}
	for id, ago := range map[wire.AppID]time.Duration{"orders": 3 * time.Hour, "metrics": 2 * time.Hour, "historian": 50 * time.Minute, "reports": 26 * time.Hour, "git": time.Minute} {
		a, _ := appOf(s, id)
		a.LastUsed = noon.Add(-ago)
	}
	s.Control.Since = noon.Add(-50 * time.Minute)
	s.Sites[0].Since, s.Sites[0].Lane, s.Sites[0].Gateway = noon.Add(-20*time.Minute), "h3", "quay-1"
	s.Sites[1].Since = noon.Add(-25 * time.Hour)
	return s
}

func toHome(b *bench) { b.pages.show(session.PageHome) }

func homeScenes() []scene {
	asked := atHome()
	asked.Prompt = mfaPrompt().Prompt
	asked.Prompt.Dismissed = true
	asked.ZTA.Attention, asked.ZTA.Title, asked.ZTA.Detail = true, "Action needed", "Verify to keep Bastion host"
	far := atHome()
	l := lost()
	far.Control, far.ZTA, far.Problems, far.Apps, far.Sites, far.Ahead = l.Control, l.ZTA, l.Problems, l.Apps, l.Sites, nil
	gone := lost()
	gone.Apps = nil
	fresh := signedIn()
	for i := range fresh.Apps {
		a := &fresh.Apps[i]
		a.LastUsed, a.Flows = time.Time{}, 0
		if a.State == session.AppInUse {
			a.State = session.AppReady
		}
	}
	working := connecting()
	dropped := atHome()
	dropped.Choices.Pinned = append(dropped.Choices.Pinned, "gone", "gone-too")
	many := atHome()
	for _, a := range manyApps(40).Apps {
		many.Apps = append(many.Apps, a)
		many.Choices.Pinned = append(many.Choices.Pinned, a.ID)
	}
	for range 9 {
		many.Sites = append(many.Sites, session.Site{ID: "pier", Name: "Pier", State: session.Connecting})
	}
	below := func(b *bench) {
		toHome(b)
		b.canvas().Focus(b.pages.home.shelf)
		b.key("Down")
		b.key("Right")
	}
	return []scene{
		{"home", atHome(), toHome},
		{"home-asked", asked, toHome},
		{"home-focus", atHome(), below},
		{"home-gone", dropped, toHome},
		{"home-fresh", fresh, toHome},
		{"home-many", many, func(b *bench) { toHome(b); b.pages.home.scroll.ScrollToBottom() }},
		{"home-lost", far, toHome},
		{"home-lost-empty", gone, toHome},
		{"home-signed-out", signedOut(), toHome},
		{"home-not-enrolled", notEnrolled(), toHome},
		{"home-connecting", working, toHome},
		{"small-home", asked, func(b *bench) { small(b); toHome(b) }},
	}
}
