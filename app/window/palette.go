package window

import (
	"image/color"
	"strconv"
)

// The colours, by what they are for. "Soft" is a tint to put things of that
// meaning on, "fill" a ground for the text of roleOnFill.
const (
	roleGround     role = "tidegate.ground"  // behind everything
	rolePanel      role = "tidegate.panel"   // the side
	roleSurface    role = "tidegate.surface" // cards, dialogs
	roleRaised     role = "tidegate.raised"  // fields and cards under the pointer
	roleLine       role = "tidegate.line"    // hairlines
	roleLineStrong role = "tidegate.outline" // the edge of what can be used
	roleText       role = "tidegate.text"    // titles
	roleMuted      role = "tidegate.muted"   // sentences
	roleFaint      role = "tidegate.faint"   // captions
	roleAccent     role = "tidegate.accent"  // links, the chosen tab
	roleAccentSoft role = "tidegate.accent.soft"
	roleAccentFill role = "tidegate.accent.fill"
	roleAccentOver role = "tidegate.accent.over" // the fill under the pointer
	roleOnFill     role = "tidegate.on.fill"
	roleGood       role = "tidegate.good"
	roleGoodSoft   role = "tidegate.good.soft"
	roleWarn       role = "tidegate.warn"
	roleWarnSoft   role = "tidegate.warn.soft"
	roleBad        role = "tidegate.bad"
	roleBadSoft    role = "tidegate.bad.soft"
	roleFocus      role = "tidegate.focus"
	roleScrim      role = "tidegate.scrim"  // over the window, below a dialog
	roleShadow     role = "tidegate.shadow" // around a dialog

	// The ZTA button, upper and lower end of its gradient, its glow, its sign.
	roleZTAGood1, roleZTAGood2 role = "tidegate.zta.good.1", "tidegate.zta.good.2"
	roleZTAWarn1, roleZTAWarn2 role = "tidegate.zta.warn.1", "tidegate.zta.warn.2"
	roleZTAGoodGlow            role = "tidegate.zta.good.glow"
	roleZTAWarnGlow            role = "tidegate.zta.warn.glow"
	roleZTAOnGood              role = "tidegate.zta.on.good"
	roleZTAOnWarn              role = "tidegate.zta.on.warn"
)

// dark and light hold every role; a test checks the contrasts.
var dark = map[role]color.NRGBA{
	roleGround:     hex("#0a0c11"),
	rolePanel:      hex("#0f1218"),
	roleSurface:    hex("#14181f"),
	roleRaised:     hex("#1a1f29"),
	roleLine:       hex("#222834"),
	roleLineStrong: hex("#333c4d"),
	roleText:       hex("#eef1f6"),
	roleMuted:      hex("#a7b0c0"),
	roleFaint:      hex("#8d97a8"),
	roleAccent:     hex("#82b1ff"),
	roleAccentSoft: hex("#16233d"),
	roleAccentFill: hex("#2f68e6"),
	roleAccentOver: hex("#2a5fd6"),
	roleOnFill:     hex("#ffffff"),
	roleGood:       hex("#4fdfa0"),
	roleGoodSoft:   hex("#10291f"),
	roleWarn:       hex("#f7bd55"),
	roleWarnSoft:   hex("#2c2211"),
	roleBad:        hex("#ff8a85"),
	roleBadSoft:    hex("#33171a"),
	roleFocus:      hex("#82b1ff"),
	roleScrim:      hex("#05070bb8"),
	roleShadow:     hex("#00000014"),

	roleZTAGood1: hex("#12946a"), roleZTAGood2: hex("#0a6f55"),
	roleZTAWarn1: hex("#f6b73f"), roleZTAWarn2: hex("#d98a12"),
	roleZTAGoodGlow: hex("#1fd39444"), roleZTAWarnGlow: hex("#f6b73f3a"),
	roleZTAOnGood: hex("#ffffff"), roleZTAOnWarn: hex("#2a1a00"),
}

var light = map[role]color.NRGBA{
	roleGround:     hex("#f5f6f9"),
	rolePanel:      hex("#fdfdfe"),
	roleSurface:    hex("#ffffff"),
	roleRaised:     hex("#f7f8fb"),
	roleLine:       hex("#e3e7ed"),
	roleLineStrong: hex("#c8d0db"),
	roleText:       hex("#10151e"),
	roleMuted:      hex("#475164"),
	roleFaint:      hex("#5f6a7d"),
	roleAccent:     hex("#1d55cf"),
	roleAccentSoft: hex("#e7effe"),
	roleAccentFill: hex("#2159d6"),
	roleAccentOver: hex("#1c4fc2"),
	roleOnFill:     hex("#ffffff"),
	roleGood:       hex("#06704e"),
	roleGoodSoft:   hex("#dff5eb"),
	roleWarn:       hex("#8a5300"),
	roleWarnSoft:   hex("#fdf0d5"),
	roleBad:        hex("#b42626"),
	roleBadSoft:    hex("#fde9e8"),
	roleFocus:      hex("#2f6bed"),
	roleScrim:      hex("#1a223370"),
	roleShadow:     hex("#00000005"), // black: so little of a colour is rounded to another

	roleZTAGood1: hex("#13956b"), roleZTAGood2: hex("#08694f"),
	roleZTAWarn1: hex("#fbbf4a"), roleZTAWarn2: hex("#e29a24"),
	roleZTAGoodGlow: hex("#12b58138"), roleZTAWarnGlow: hex("#f0a52a3a"),
	roleZTAOnGood: hex("#ffffff"), roleZTAOnWarn: hex("#2a1a00"),
}

// hex reads #rrggbb or #rrggbbaa.
func hex(s string) color.NRGBA {
	if len(s) == 7 {
		s += "ff"
	}
	v, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		panic("window: colour " + s)
	}
	return color.NRGBA{R: uint8(v >> 24), G: uint8(v >> 16), B: uint8(v >> 8), A: uint8(v)}
}
