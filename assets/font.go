package assets

import (
	"embed"
	"sync"

	"fyne.io/fyne/v2"
)

//go:embed fonts/*.otf
var fontFiles embed.FS

// Weight is a weight of the typeface.
type Weight string

// The weights there are.
const (
	Regular  Weight = "Regular"
	Medium   Weight = "Medium"
	SemiBold Weight = "SemiBold"
	Bold     Weight = "Bold"
)

var fonts = map[Weight]func() fyne.Resource{
	Regular:  font(Regular),
	Medium:   font(Medium),
	SemiBold: font(SemiBold),
	Bold:     font(Bold),
}

// Font returns Inter in the weight; an unknown weight is Regular. The same
// weight is always the same resource, as Fyne's font cache wants it.
func Font(w Weight) fyne.Resource {
	f, ok := fonts[w]
	if !ok {
		f = fonts[Regular]
	}
	return f()
}

func font(w Weight) func() fyne.Resource {
	return sync.OnceValue(func() fyne.Resource {
		return embedded(fontFiles, "fonts/Inter-"+string(w)+".otf")
	})
}

// embedded reads a file that the build put there.
func embedded(fs embed.FS, name string) *fyne.StaticResource {
	b, err := fs.ReadFile(name)
	if err != nil {
		panic("assets: " + err.Error())
	}
	return fyne.NewStaticResource(name, b)
}
