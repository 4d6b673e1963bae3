package window

import (
	"bytes"
	"flag"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

var update = flag.Bool("update", false, "write what the pages look like to testdata/layout, in place of comparing them with it")

// What stands where on each page, in which colours, is as it was, in both themes and
// each language, in a window of the usual size, and in the least one where the words
// are longest. A line is a text or a thing to press: where it is, how large, in the
// dark and in the light theme in which colour on which, and what it says. Fyne's own
// markup of a page has a thousand lines, of which a reader of a change sees no more.
//
// After a change that is meant: go test -tags gles ./app/window -run TestLayouts -update
func TestLayouts(t *testing.T) {
	pages := []struct {
		page  session.Page
		state session.State
	}{
		{session.PageHome, atHome()},
		{session.PageApplications, atHand()},
		{session.PageToday, ahead()},
		{session.PageConnections, vpnUp()},
		{session.PageActivity, signedIn()},
		{session.PageSettings, chosen()},
	}
	english(t)
	dark := map[string]*survey{}
	for _, choice := range []appearance{alwaysDark, alwaysLight} { // Fyne reads its fonts anew for each
		for i, p := range pages {
			for j, tag := range []string{"en", "de", "fr", "es"} {
				if (i+j)%oneIn != 0 {
					continue
				}
				b := layoutOf(t, choice, p.page, in(tag, p.state))
				for _, size := range []string{"", "-narrow"} {
					if size != "" {
						if tag == "fr" || tag == "es" {
							continue // their words are shorter than the German ones
						}
						b.win.Resize(b.root.MinSize())
					}
					name, found := string(p.page)+"-"+tag+size, b.survey()
					if choice == alwaysDark {
						dark[name] = found
						continue
					}
					t.Run(name, func(t *testing.T) {
						compare(t, filepath.Join("testdata", "layout", name+".txt"), together(t, dark[name], found))
					})
				}
			}
		}
	}
}

func layoutOf(t *testing.T, choice appearance, page session.Page, s session.State) *bench {
	b := newBench(t, choice)
	b.apply(s)
	b.pages.show(page)
	return b
}

// together writes down both themes, which differ in colours alone.
func together(t *testing.T, dark, light *survey) []byte {
	t.Helper()
	if len(dark.texts) != len(light.texts) || len(dark.targets) != len(light.targets) {
		t.Fatalf("the dark theme has %d texts and the light one %d; things to press: %d and %d", len(dark.texts), len(light.texts), len(dark.targets), len(light.targets))
	}
	var b bytes.Buffer
	for i, d := range dark.texts {
		l := light.texts[i]
		if d.text != l.text || d.ink != l.ink {
			t.Errorf("%q stands at %v, and in the light theme %q at %v", d.text, d.ink, l.text, l.ink)
		}
		fmt.Fprintf(&b, "%s %s on %s, %s on %s: %s\n", where(d.ink), written(d.in), written(d.back), written(l.in), written(l.back), d.text)
	}
	for i, d := range dark.targets {
		if l := light.targets[i]; d.name != l.name || d.at != l.at {
			t.Errorf("%s is at %v, and in the light theme %s at %v", d.name, d.at, l.name, l.at)
		}
		fmt.Fprintf(&b, "%s press: %s\n", where(d.at), d.name)
	}
	return b.Bytes()
}

func where(a area) string {
	return fmt.Sprintf("%4.0f,%-4.0f %4.0fx%-4.0f", a.left, a.top, a.right-a.left, a.bottom-a.top)
}

func written(c color.NRGBA) string { return fmt.Sprintf("%02x%02x%02x", c.R, c.G, c.B) }

// compare holds what was found to what is kept in a file.
func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s: %s\nIf this is meant: go test -tags gles ./app/window -run TestLayouts -update", name, d)
	}
}
