package config

import (
	"slices"

	"github.com/tidegate/tidegate/internal/resource"
)

type groupSpec struct {
	Title   string   `yaml:"title" jsonschema_description:"The group's name, as people see it."`
	Members []string `yaml:"members" jsonschema_description:"The Users in it, beside those who list it among their groups."`
}

func (l *loader) group(d *resource.Document) {
	s := groupSpec{Title: d.Name}
	l.errs.Add(d.Decode(&s))
	l.conf.Groups[d.Name] = &Group{Name: d.Name, Title: s.Title}
	for i, m := range s.Members {
		if !l.refer(d, "User", m, "members", i) {
			continue
		}
		if slices.Index(s.Members, m) < i {
			l.errs.Add(d.At("members", i).Errorf("the member %q is there twice; remove one", m))
		}
		if u := l.conf.Users[m]; u != nil && !slices.Contains(u.Groups, d.Name) {
			u.Groups = append(u.Groups, d.Name)
		}
	}
}
