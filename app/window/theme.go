package window

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/tidegate/tidegate/assets"
)

// appearance is the user's choice of theme, as it stands in the preferences.
type appearance string

const (
	followSystem appearance = "system"
	alwaysDark   appearance = "dark"
	alwaysLight  appearance = "light"
)

// look is the theme. Where neither the user nor the system says which, it is
// dark; FYNE_THEME counts as the system.
type look struct {
	choice appearance
	text   int // the size of text, in hundredths; zero: 100
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
	if l.choice == alwaysLight || l.choice != alwaysDark && v == theme.VariantLight {
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
