package window

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// spinner is an arc that turns while something is under way, and only then:
// an animation keeps Fyne drawing.
type spinner struct {
	node
	arc  *canvas.Arc
	role role
	turn *fyne.Animation
}

func newSpinner(side, thickness float32, r role) *spinner {
	s := &spinner{role: r, arc: canvas.NewArc(0, 100, 1-2*thickness/side, ink(r))}
	s.arc.CornerRadius = thickness / 2
	s.parts = []fyne.CanvasObject{s.arc}
	s.least = func() fyne.Size { return fyne.NewSquareSize(sign(side)) }
	s.arrange = func(size fyne.Size) {
		side := signIn(side, size)
		place(s.arc, (size.Width-side)/2, (size.Height-side)/2, side, side)
	}
	s.paint = func() {
		s.arc.FillColor = ink(s.role)
		s.arc.Refresh()
	}
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

// set starts or stops it.
func (s *spinner) set(on bool) {
	if on == (s.turn != nil) {
		return
	}
	shown(s, on)
	if !on {
		s.turn.Stop()
		s.turn = nil
		return
	}
	s.turn = fyne.NewAnimation(1100*time.Millisecond, func(done float32) {
		s.arc.StartAngle = 360 * done
		s.arc.EndAngle = s.arc.StartAngle + 100
		s.arc.Refresh()
	})
	s.turn.Curve = fyne.AnimationLinear
	s.turn.RepeatCount = fyne.AnimationRepeatForever
	s.turn.Start()
}
