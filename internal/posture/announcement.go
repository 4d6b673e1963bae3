package posture

import "slices"

// announcement is what the operating system said has changed: all, which is a
// guess, or the named paths, or with neither something that is cheap to see.
type announcement struct {
	all   bool
	hurry bool // what is to be found out has changed: somebody waits for it
	paths []string
}

func (a *announcement) add(b announcement) {
	a.all, a.hurry = a.all || b.all, a.hurry || b.hurry
	for _, p := range b.paths {
		if !slices.Contains(a.paths, p) {
			a.paths = append(a.paths, p)
		}
	}
}

// concerns says whether p is to be found out again.
func (a announcement) concerns(p probe) bool {
	return a.all || !p.dear || slices.ContainsFunc(p.paths, func(s string) bool { return slices.Contains(a.paths, s) })
}

// listener hears what the operating system announces.
type listener interface {
	// watch says which paths count and of which programs the start and the end
	// do, in place of what was said before. It does not block.
	watch(paths, programs []string)
	// close ends all that listen began.
	close()
}
