package config

import (
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	siteSpec struct {
		Title string `yaml:"title" jsonschema_description:"The site's name, as people see it."`
	}
	gatewaySpec struct {
		Site      string `yaml:"site" jsonschema:"required" jsonschema_description:"The Site that it protects."`
		Address   string `yaml:"address" jsonschema:"required" jsonschema_description:"How clients reach it, host:port."`
		Enrolment string `yaml:"enrolment,secret" jsonschema_description:"A code that the gateway redeems once; without, tidegate-server controller enrol-gateway makes one."`
	}
)

func (l *loader) site(d *resource.Document) {
	s := siteSpec{Title: d.Name}
	l.errs.Add(d.Decode(&s))
	id := wire.SiteID(d.Name)
	l.conf.Sites[id] = &Site{ID: id, Title: s.Title}
}

// minCode is the length of the shortest enrolment code that may be configured:
// 80 bits in base32, which is what wire.NewID gives.
const minCode = 16

func (l *loader) gateway(d *resource.Document) {
	var s gatewaySpec
	l.errs.Add(d.Decode(&s))
	l.refer(d, "Site", s.Site, "site")
	if host, _, wrong := SplitAddress(s.Address, false); wrong != "" || host == "" {
		if wrong == "" {
			wrong = "the host is missing"
		}
		l.errs.Add(d.At("address").Errorf("address: %s; write host:port as clients reach the gateway, for example gw1.example.com:8444", wrong))
	}
	if d.Has("enrolment") && len(s.Enrolment) < minCode {
		l.errs.Add(d.At("enrolment").Errorf("the enrolment code is shorter than %d characters and could be guessed; write a random one, or none and make one with `tidegate-server controller enrol-gateway`", minCode))
	}
	l.conf.Gateways[d.Name] = &Gateway{Name: d.Name, Site: wire.SiteID(s.Site), Address: s.Address, Enrolment: s.Enrolment}
}
