package window

import (
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/timezone"
)

// scale stands over the lanes: the hours of a day, or the days of a week.
type scale struct {
	node
	view   laneView
	week   bool
	labels []*label
	now    *label
}

func newScale() *scale {
	s := &scale{now: newLabel("", font{size: 12, weight: assets.SemiBold, role: roleAccent, align: fyne.TextAlignCenter})}
	s.least = func() fyne.Size { return fyne.NewSize(em(2*todayNames), s.now.font.measure("0").Height) }
	s.arrange = s.place
	s.ExtendBaseWidget(s)
	return s
}

func (s *scale) set(v laneView, week bool) {
	s.view, s.week = v, week
	s.place(s.Size())
	s.Refresh()
}

// place puts a word at each tick that has room for it, away from that of now.
func (s *scale) place(size fyne.Size) {
	left, w := laneLeft(), size.Width-laneLeft()-laneRight+ringRoom
	s.parts = s.parts[:0]
	if w <= 0 || !s.view.to.After(s.view.from) {
		return
	}
	var nowFrom, nowTo float32
	if !s.view.now.IsZero() {
		s.now.set(s.view.now.Format("15:04"))
		need := s.now.MinSize().Width
		x := left + float32(s.view.at(s.view.now, float64(w)))
		nowFrom = max(left, min(x-need/2, left+w-need))
		nowTo = nowFrom + need
		place(s.now, nowFrom, 0, need, size.Height)
		s.parts = append(s.parts, s.now)
	}
	end := left - 8
	for i, t := range s.view.ticks {
		if i == len(s.labels) {
			s.labels = append(s.labels, newLabel("", font{size: 12, role: roleFaint}))
		}
		l := s.labels[i]
		l.set(tickWord(t, s.week))
		need := l.MinSize().Width
		x := left + float32(s.view.at(t, float64(w)))
		if !s.week {
			x = max(left, x-need/2)
		}
		if x < end+8 || x+need > left+w || x < nowTo+6 && x+need > nowFrom-6 {
			continue
		}
		place(l, x, 0, need, size.Height)
		s.parts = append(s.parts, l)
		end = x + need
	}
}

// midnight is the beginning of a day, so many days on: of 23 hours, or of 25. Where
// that hour is left out, time.Date is in the day before, which then ends by the change.
func midnight(t time.Time, days int) time.Time {
	y, m, d := timezone.In(t).Date()
	begin := time.Date(y, m, d+days, 0, 0, 0, 0, timezone.Local())
	if _, change := begin.ZoneBounds(); begin.Hour() > 12 {
		return change
	}
	return begin
}

// dayView is a day in lanes, weekView the seven days that begin with it.
func dayView(now time.Time) laneView {
	v := laneView{from: midnight(now, 0), to: midnight(now, 1), now: timezone.In(now), chosen: -1}
	v.ticks = []time.Time{v.from}
	y, m, d := v.from.Date()
	for h := 3; h < 24; h += 3 {
		v.ticks = append(v.ticks, time.Date(y, m, d, h, 0, 0, 0, timezone.Local()))
	}
	return v
}

func weekView(now time.Time) laneView {
	v := laneView{from: midnight(now, 0), to: midnight(now, 7), now: timezone.In(now), chosen: -1}
	for d := range 7 {
		v.ticks = append(v.ticks, midnight(now, d))
	}
	return v
}
