package window

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/tidegate/tidegate/internal/colorscheme"
	"github.com/tidegate/tidegate/session"
)

func TestContrasts(t *testing.T) {
	const text, sign = 4.5, 3 // WCAG 2.2 AA: of text, and of what is not text
	type pair struct {
		fore, back role
		least      float64
	}
	pairs := []pair{
		{roleOnFill, roleAccentFill, text}, {roleOnFill, roleAccentOver, text},
		{roleZTAOnGood, roleZTAGood1, sign}, {roleZTAOnGood, roleZTAGood2, text},
		{roleZTAOnWarn, roleZTAWarn1, text}, {roleZTAOnWarn, roleZTAWarn2, text},
		{roleAccent, roleAccentSoft, text}, {roleFocus, roleGround, sign}, {roleFocus, roleSurface, sign}, {roleFocus, rolePanel, sign},
		{roleText, roleWarnSoft, text}, {roleMuted, roleWarnSoft, text}, {roleText, roleBadSoft, text}, {roleMuted, roleBadSoft, text},
		{roleText, roleGoodSoft, text}, {roleMuted, roleGoodSoft, text}, {roleGround, roleText, text},
		{roleText, roleAccentSoft, text}, {roleMuted, roleAccentSoft, text}, {roleFaint, roleRaised, sign}, {roleOnFill, roleAccentFill, sign},
	}
	for _, back := range []role{roleGround, rolePanel, roleSurface, roleRaised} {
		for _, fore := range []role{roleText, roleMuted, roleFaint, roleAccent} {
			pairs = append(pairs, pair{fore, back, text})
		}
	}
	for _, tn := range []tone{neutral, good, warn, bad, accent} {
		pairs = append(pairs, pair{tn.ink(), tn.soft(), text}, pair{tn.ink(), roleSurface, text})
	}
	for n := 1; n <= hues; n++ {
		pairs = append(pairs, pair{hueInk(n), hueSoft(n), text})
	}
	for name, palette := range map[string]map[role]color.NRGBA{"dark": dark, "light": light} {
		for _, p := range pairs {
			if got := contrast(palette[p.fore], palette[p.back]); got < p.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, p.fore, p.back, got, p.least)
			}
		}
	}
}

func TestPalettesHoldTheSameRoles(t *testing.T) {
	for r := range dark {
		if _, ok := light[r]; !ok {
			t.Errorf("light lacks %s", r)
		}
	}
	for r := range light {
		if _, ok := dark[r]; !ok {
			t.Errorf("dark lacks %s", r)
		}
	}
	for name, r := range fyneRoles {
		if _, ok := dark[r]; !ok && r != "" {
			t.Errorf("%s stands for %s, which is no role", name, r)
		}
	}
}

func TestWhichPalette(t *testing.T) {
	const unknown = 2
	for _, c := range []struct {
		choice  appearance
		variant fyne.ThemeVariant
		want    color.Color
	}{
		{followSystem, theme.VariantLight, light[roleGround]},
		{followSystem, theme.VariantDark, dark[roleGround]},
		{followSystem, unknown, dark[roleGround]},
		{alwaysLight, theme.VariantDark, light[roleGround]},
		{alwaysDark, theme.VariantLight, dark[roleGround]},
		{"nonsense", theme.VariantLight, light[roleGround]},
	} {
		l := &look{choice: c.choice}
		if got := l.Color(theme.ColorNameBackground, c.variant); got != c.want {
			t.Errorf("%s with variant %d: %v", c.choice, c.variant, got)
		}
	}
}

// What the desktop's portal told us counts for more than what Fyne made of it, and less
// than what the user chose.
func TestPreferenceOfTheDesktop(t *testing.T) {
	b := newBench(t, followSystem)
	ground := func() color.Color {
		return b.app.Settings().Theme().Color(theme.ColorNameBackground, theme.VariantDark)
	}
	if ground() != dark[roleGround] {
		t.Error("untold, it is not as Fyne has it")
	}
	for _, tt := range []struct {
		scheme colorscheme.Scheme
		want   color.Color
	}{{colorscheme.Light, light[roleGround]}, {colorscheme.Dark, dark[roleGround]}, {colorscheme.None, light[roleGround]}} {
		b.prefer(tt.scheme)
		if got := ground(); got != tt.want {
			t.Errorf("where the desktop prefers %d: %v", tt.scheme, got)
		}
	}
	b.choose(alwaysDark)
	b.prefer(colorscheme.Light)
	if ground() != dark[roleGround] {
		t.Error("the desktop overrules the user")
	}
	b.choose(followSystem)
	if ground() != light[roleGround] {
		t.Error("what the desktop told is forgotten")
	}
}

func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// What comes into sight after the theme became another is painted in that one: rows
// that were not there when it did, too.
func TestWhatComesLaterWearsTheTheme(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.canvas().(interface{ SetScale(float32) }).SetScale(0.1)
	there := atHome()
	there.VPN = vpnUp().VPN
	for _, page := range sixPages { // the rows are made
		b.pages.show(page)
		b.apply(there)
	}
	b.canvas().Capture()
	b.apply(signedOut()) // and put away
	b.choose(alwaysLight)
	b.apply(there)
	for _, page := range sixPages {
		b.pages.show(page)
		b.canvas().Capture()
		s := b.survey()
		s.judge()
		for _, f := range s.faults {
			t.Errorf("%s: %s", page, f)
		}
	}
}

var sixPages = []session.Page{session.PageHome, session.PageApplications, session.PageToday, session.PageConnections, session.PageActivity, session.PageSettings}
