package assets

import (
	"embed"

	"fyne.io/fyne/v2"
)

//go:embed brand/logo*
var brandFiles embed.FS

// AppIcon returns the application's icon, 256 pixels wide, as a PNG.
func AppIcon() fyne.Resource { return embedded(brandFiles, "brand/logo-256.png") }

// Logo returns the application's icon as an SVG.
func Logo() fyne.Resource { return embedded(brandFiles, "brand/logo.svg") }
