// Command tray is an application in the tray whose tooltip tells what was
// clicked last.
package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"fyne.io/systray"
)

func main() {
	// What is set before the start is what the tray sees first; what is set
	// while it starts may be lost.
	systray.SetTitle("Harness")
	systray.SetIcon(dot(color.NRGBA{R: 0x3d, G: 0xd6, B: 0x8c, A: 0xff}))
	systray.SetTooltip("Harness is idle")
	systray.SetOnTapped(func() { systray.SetTooltip("Harness was clicked") })
	systray.Run(func() {
		first := systray.AddMenuItem("First_thing", "")
		first.Disable()
		systray.AddSeparator()
		group := systray.AddMenuItem("More", "")
		choice := group.AddSubMenuItemCheckbox("Choice", "", true)
		quit := systray.AddMenuItem("Quit", "")
		go func() {
			for {
				select {
				case <-choice.ClickedCh:
					systray.SetTooltip("Choice was chosen")
				case <-quit.ClickedCh:
					systray.Quit()
				}
			}
		}()
	}, func() {})
}

// dot is a PNG of a filled disc.
func dot(c color.NRGBA) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	for y := range 32 {
		for x := range 32 {
			if dx, dy := x-16, y-16; dx*dx+dy*dy < 15*15 {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}
