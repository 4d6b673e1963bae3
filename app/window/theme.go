package window

import (
	"context"
	"image/color"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/colorscheme"
)

// appearance is the user's choice of theme, as it stands in the preferences.
type appearance string

const (
	followSystem appearance = "system"
	alwaysDark   appearance = "dark"
	alwaysLight  appearance = "light"
)

// look is the theme. Where neither the user nor the desktop says which, it is
// dark; FYNE_THEME counts as the desktop.
type look struct {
	choice  appearance
	text    int        // the size of text, in hundredths; zero: 100
	desktop preference // what that has told
}

// preference is which theme the desktop has for windows, as far as it has told us. Fyne
// asks it as well, and does not understand the answer of every portal.
type preference uint8

const (
	untoldYet preference = iota
	prefersDark
	prefersLight
)

// schemes tells what the desktop prefers, unless the environment says which it is.
func schemes(ctx context.Context, set func(colorscheme.Scheme)) error {
	if os.Getenv("FYNE_THEME") != "" {
		return nil
	}
	return colorscheme.FollowSession(ctx, set)
}

// prefer has the window be as the desktop's others. Where that has no preference they
// are light.
func (w *Window) prefer(s colorscheme.Scheme) {
	next := *w.look
	next.desktop = prefersLight
	if s == colorscheme.Dark {
		next.desktop = prefersDark
	}
	w.put(next)
}

// light says whether the theme is, where Fyne takes the desktop for v.
func (l *look) light(v fyne.ThemeVariant) bool {
	switch {
	case l.choice == alwaysLight, l.choice == alwaysDark:
		return l.choice == alwaysLight
	case l.desktop != untoldYet:
		return l.desktop == prefersLight
	}
	return v == theme.VariantLight
}

// worn is a theme, and whether the desktop is dark or light beneath it.
type worn struct {
	theme   fyne.Theme
	variant fyne.ThemeVariant
}

func wornNow() worn {
	s := fyne.CurrentApp().Settings()
	return worn{s.Theme(), s.ThemeVariant()}
}

// Color implements fyne.Theme.
func (l *look) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	palette := dark
	if l.light(v) {
		palette = light
	}
	if c, ok := palette[name]; ok {
		return c
	}
	if r, ok := fyneRoles[name]; ok {
		if r == "" {
			return color.Transparent
		}
		return palette[r]
	}
	return theme.DefaultTheme().Color(name, v)
}

// fyneRoles gives Fyne's own widgets (the fields and scroll bars) our colours.
var fyneRoles = map[fyne.ThemeColorName]role{
	theme.ColorNameBackground:          roleGround,
	theme.ColorNameForeground:          roleText,
	theme.ColorNamePrimary:             roleFocus,
	theme.ColorNameFocus:               roleFocus,
	theme.ColorNameHover:               roleRaised,
	theme.ColorNamePressed:             roleRaised,
	theme.ColorNameSelection:           roleAccentSoft,
	theme.ColorNameInputBackground:     roleRaised,
	theme.ColorNameInputBorder:         roleLineStrong,
	theme.ColorNamePlaceHolder:         roleFaint,
	theme.ColorNameDisabled:            roleFaint,
	theme.ColorNameError:               roleBad,
	theme.ColorNameScrollBar:           roleLineStrong,
	theme.ColorNameScrollBarBackground: "",
	theme.ColorNameShadow:              "",
	theme.ColorNameSeparator:           roleLine,
	theme.ColorNameOverlayBackground:   "",
	theme.ColorNameMenuBackground:      roleSurface,
}

// Font implements fyne.Theme.
func (l *look) Font(s fyne.TextStyle) fyne.Resource {
	switch {
	case s.Monospace, s.Symbol:
		return theme.DefaultTheme().Font(s)
	case s.Bold:
		return assets.Font(assets.SemiBold)
	}
	return assets.Font(assets.Regular)
}

// Icon implements fyne.Theme.
func (l *look) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size implements fyne.Theme.
func (l *look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return l.em(14)
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 10
	case theme.SizeNameInputBorder:
		return 1
	case theme.SizeNameInnerPadding:
		return 12
	case theme.SizeNameInlineIcon:
		return l.em(18)
	case theme.SizeNameScrollBar:
		return 8
	case theme.SizeNameScrollBarSmall:
		return 4
	case theme.SizeNameScrollBarRadius:
		return 4
	}
	return theme.DefaultTheme().Size(name)
}
