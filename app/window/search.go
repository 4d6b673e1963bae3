package window

import (
	"strings"

	"github.com/tidegate/tidegate/session"
)

// index finds applications by what people type.
type index struct {
	apps  []session.App
	words []string // of each application, in lower case
}

// set takes the applications of a state, and says whether what can be searched
// or how it is grouped is different now.
func (x *index) set(apps []session.App) bool {
	same := len(apps) == len(x.apps)
	for i := 0; same && i < len(apps); i++ {
		a, b := &apps[i], &x.apps[i]
		same = a.ID == b.ID && a.Name == b.Name && a.Description == b.Description && a.Group == b.Group && a.Host == b.Host
	}
	x.apps = apps
	if same {
		return false
	}
	x.words = make([]string, len(apps))
	for i := range apps {
		a := &apps[i]
		x.words[i] = strings.ToLower(a.Name + "\n" + a.Description + "\n" + a.Group + "\n" + a.Host)
	}
	return true
}

// find returns the places of the applications that have every word of the
// query in their name, description, group or host.
func (x *index) find(query string) []int {
	terms := strings.Fields(strings.ToLower(query))
	found := make([]int, 0, len(x.apps))
next:
	for i, text := range x.words {
		for _, t := range terms {
			if !strings.Contains(text, t) {
				continue next
			}
		}
		found = append(found, i)
	}
	return found
}
