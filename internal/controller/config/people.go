package config

import (
	"encoding/base32"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// minTOTP is the length in bytes of the shortest secret (RFC 4226, R6: 128 bits).
const minTOTP = 16

func (l *loader) user(d *resource.Document) {
	s := userSpec{DisplayName: d.Name}
	l.errs.Add(d.Decode(&s))
	u := &User{Name: d.Name, DisplayName: s.DisplayName, Groups: s.Groups, Disabled: s.Disabled, TOTP: normalTOTP(s.TOTP)}
	for i, g := range s.Groups {
		if err := wire.CheckID(g); err != nil {
			l.errs.Add(d.At("groups", i).Errorf("a group: %v", err))
		} else if slices.Index(s.Groups, g) < i {
			l.errs.Add(d.At("groups", i).Errorf("the group %q is there twice; remove one", g))
		}
	}
	switch h, err := parseHash(s.Password); {
	case s.Password == "":
		l.errs.Add(d.At("password").Errorf("the password of %s is missing; write the hash that `tidegate-server controller hash-password` prints", d.Name))
	case err != nil:
		l.errs.Add(d.At("password").Errorf("password: %v; write the hash that `tidegate-server controller hash-password` prints", err))
	default:
		u.Password = h
	}
	if d.Has("totp") {
		if b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.TOTP); err != nil {
			l.errs.Add(d.At("totp").Errorf("totp is not base32; write the letters A-Z and digits 2-7 that the authenticator was given"))
		} else if len(b) < minTOTP {
			l.errs.Add(d.At("totp").Errorf("totp is shorter than %d bits; write at least %d letters and digits of base32", minTOTP*8, (minTOTP*8+4)/5))
		}
	}
	l.conf.Users[u.Name] = u
}

func normalTOTP(s string) string {
	return strings.ToUpper(strings.TrimRight(strings.ReplaceAll(s, " ", ""), "="))
}

func (l *loader) policy(d *resource.Document) {
	var s policySpec
	l.errs.Add(d.Decode(&s))
	p := &Policy{Name: d.Name, Users: s.Assign.Users, Groups: s.Assign.Groups, Everyone: s.Assign.Everyone, RequireCode: s.RequireCode}
	if !p.Everyone && len(p.Users) == 0 && len(p.Groups) == 0 {
		l.errs.Add(d.At("assign").Errorf("the policy is assigned to nobody; write users, groups, or everyone: true under assign"))
	}
	for i, u := range p.Users {
		l.refer(d, "User", u, "assign", "users", i)
	}
	for i, g := range p.Groups {
		if err := wire.CheckID(g); err != nil {
			l.errs.Add(d.At("assign", "groups", i).Errorf("a group: %v", err))
		}
	}
	for i, e := range s.Entitlements {
		l.refer(d, "Entitlement", e, "entitlements", i)
		p.Entitlements = append(p.Entitlements, wire.EntitlementID(e))
	}
	l.conf.Policies = append(l.conf.Policies, p)
}

// codes checks that whoever must give a one-time code can.
func (l *loader) codes() {
	for _, d := range l.docs {
		u := l.conf.Users[d.Name]
		if d.Kind != "User" || u == nil || u.TOTP != "" || u.Disabled || l.named["User"][d.Name] != d {
			continue
		}
		for _, p := range l.conf.Assigned(u) {
			if p.RequireCode {
				l.errs.Add(d.AtName().Errorf("policy %s wants a one-time code of %s, who has none; write totp, a base32 secret", p.Name, u.Name))
				break
			}
		}
	}
}
