package assets

import (
	"embed"
	"fmt"
	"image/color"
	"io/fs"
	"path"
	"strings"

	"fyne.io/fyne/v2"
)

//go:embed icons/*.svg
var iconFiles embed.FS

// HasIcon says whether there is an icon of that name ("database").
func HasIcon(name string) bool {
	if name == "" || strings.ContainsAny(name, "/.") {
		return false
	}
	_, err := fs.Stat(iconFiles, "icons/"+name+".svg")
	return err == nil
}

// Icons returns the names of all icons, sorted. Each is there as an outline
// and filled.
func Icons() []string {
	files, err := iconFiles.ReadDir("icons")
	if err != nil {
		panic("assets: " + err.Error())
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".svg"); !strings.HasSuffix(name, "-fill") {
			names = append(names, name)
		}
	}
	return names
}

// Icon returns an icon in a colour. The colour is part of the resource's name,
// because Fyne's cache of SVGs is keyed by it. An unknown name is "help".
func Icon(name string, filled bool, c color.Color) fyne.Resource {
	if !HasIcon(name) {
		name = "help"
	}
	if filled {
		name += "-fill"
	}
	return Tint(embedded(iconFiles, "icons/"+name+".svg"), c)
}

// Tint returns an SVG whose paths, which must carry no fill of their own, are
// filled with c.
func Tint(svg fyne.Resource, c color.Color) fyne.Resource {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	fill := fmt.Sprintf(`<path fill="#%02x%02x%02x" fill-opacity="%.3f" `, n.R, n.G, n.B, float64(n.A)/255)
	if n.A == 255 {
		fill = fmt.Sprintf(`<path fill="#%02x%02x%02x" `, n.R, n.G, n.B)
	}
	name := fmt.Sprintf("%02x%02x%02x%02x-%s", n.R, n.G, n.B, n.A, path.Base(svg.Name()))
	return fyne.NewStaticResource(name, []byte(strings.ReplaceAll(string(svg.Content()), "<path ", fill)))
}
