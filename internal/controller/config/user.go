package config

import (
	"encoding/base32"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type userSpec struct {
	DisplayName string   `yaml:"displayName" jsonschema_description:"The user's name, as people see it."`
	Groups      []string `yaml:"groups" jsonschema_description:"The groups that the user is in, beside those that list the user as a member."`
	Password    string   `yaml:"password,secret" jsonschema:"required" jsonschema_description:"The password's argon2id hash, as tidegate-server controller hash-password prints it."`
	TOTP        string   `yaml:"totp,secret" jsonschema_description:"The secret of the user's authenticator, in base32."`
	Disabled    bool     `yaml:"disabled" jsonschema_description:"The user may not sign in."`
}

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
