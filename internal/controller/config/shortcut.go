package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type shortcutSpec struct {
	ID          string `yaml:"id" jsonschema:"required" jsonschema_description:"By which commands and settings name it; unique among all shortcuts."`
	Name        string `yaml:"name" jsonschema_description:"As people see it; the id by default."`
	Description string `yaml:"description" jsonschema_description:"One line more."`
	Group       string `yaml:"group" jsonschema_description:"The heading under which it is shown."`
	Color       int    `yaml:"color" jsonschema:"minimum=0,maximum=20" jsonschema_description:"1 to 20; 0 chooses by name."`
	Icon        string `yaml:"icon" jsonschema_description:"The name of an icon; without, one is chosen by the link."`
	Link        string `yaml:"link" jsonschema:"required" jsonschema_description:"Where it is: http, https, ssh or tcp, for example https://wiki.example.com/."`
}

// ports are what a link of a scheme reaches where it names no port.
var ports = map[string]uint16{"http": 80, "https": 443, "ssh": 22, "tcp": 0}

func (l *loader) shortcut(d *resource.Document, i int, s shortcutSpec, actions []wire.Action) wire.Shortcut {
	at := func(key string) resource.Place { return d.At("shortcuts", i, key) }
	sc := wire.Shortcut{ID: wire.AppID(s.ID), Name: s.Name, Description: s.Description, Group: s.Group, Color: s.Color, Icon: s.Icon, Link: s.Link}
	if err := wire.CheckID(s.ID); err != nil {
		l.errs.Add(at("id").Errorf("a shortcut's id: %v", err))
	} else if first, dup := l.apps[sc.ID]; dup {
		l.errs.Add(at("id").Errorf("the shortcut %q exists already, at %s; give this one another id", s.ID, first))
	} else {
		l.apps[sc.ID] = at("id")
	}
	if sc.Name == "" {
		sc.Name = s.ID
	}
	if s.Color < 0 || s.Color > 20 {
		l.errs.Add(at("color").Errorf("color %d is not one of 1 to 20; write one of them, or none", s.Color))
	}
	host, port, wrong := splitLink(s.Link)
	if wrong != "" {
		l.errs.Add(at("link").Errorf("the link %q: %s", s.Link, wrong))
	} else if len(actions) > 0 && !slices.ContainsFunc(actions, func(a wire.Action) bool { return a.Effect == wire.EffectAllow && meets(a, host, port) != never }) {
		l.errs.Add(at("link").Errorf("no action of this entitlement opens %s port %d, so the link %q would be refused; add it to hosts and ports", host, port, s.Link))
	}
	return sc
}

// splitLink reads the link of a shortcut and says what is wrong with it.
func splitLink(link string) (host string, port uint16, wrong string) {
	const example = "; write for example https://wiki.example.com or tcp://db.example.com:5432"
	u, err := url.Parse(link)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return "", 0, "is not a link" + example
	}
	port, known := ports[u.Scheme]
	if !known {
		return "", 0, "the scheme " + strconv.Quote(u.Scheme) + " is not offered; write http, https, ssh or tcp"
	}
	if u.User != nil {
		return "", 0, "must not hold a user or password; remove what stands before @"
	}
	if checkHost(u.Hostname()) != "" || strings.Contains(u.Hostname(), "/") {
		return "", 0, strconv.Quote(u.Hostname()) + " is not a host" + example
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, strconv.Quote(p) + " is not a port" + example
		}
		port = uint16(n)
	}
	if port == 0 {
		return "", 0, "the port is missing" + example
	}
	return u.Hostname(), port, ""
}
