package config

import (
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type entitlementSpec struct {
	Title      string         `yaml:"title" jsonschema_description:"The entitlement's name, as people see it."`
	Site       string         `yaml:"site" jsonschema:"required" jsonschema_description:"The Site whose gateways enforce it."`
	Actions    []actionSpec   `yaml:"actions" jsonschema:"required,minItems=1" jsonschema_description:"What becomes of traffic to which destinations."`
	Conditions []string       `yaml:"conditions" jsonschema_description:"The Conditions that all have to hold."`
	Shortcuts  []shortcutSpec `yaml:"shortcuts" jsonschema_description:"The applications that users see."`
}

func (l *loader) entitlement(d *resource.Document) {
	s := entitlementSpec{Title: d.Name}
	l.errs.Add(d.Decode(&s))
	l.refer(d, "Site", s.Site, "site")
	e := &Entitlement{Site: wire.SiteID(s.Site), Entitlement: wire.Entitlement{ID: wire.EntitlementID(d.Name), Name: s.Title}}
	if len(s.Actions) == 0 {
		l.errs.Add(d.At("actions").Errorf("the entitlement allows nothing; write actions, for example - {hosts: [wiki.example.com], ports: [443]}"))
	}
	for i, a := range s.Actions {
		e.Actions = append(e.Actions, l.action(d, i, a))
	}
	for i, name := range s.Conditions {
		if l.refer(d, "Condition", name, "conditions", i) && l.conf.Conditions[wire.ConditionID(name)] != nil {
			e.Conditions = append(e.Conditions, l.conf.Conditions[wire.ConditionID(name)].Condition)
		}
	}
	for i, sc := range s.Shortcuts {
		e.Shortcuts = append(e.Shortcuts, l.shortcut(d, i, sc, e.Actions))
	}
	l.conf.Entitlements[e.ID] = e
}
