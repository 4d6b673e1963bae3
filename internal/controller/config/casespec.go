package config

import (
	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/wire"
)

// CaseKind is the kind of resources that say what a configuration must decide.
// They may stand in its files, where Load passes over them; package policycase
// reads and judges them.
const CaseKind = "Case"

// CaseSpec is a Case as it stands in YAML.
type CaseSpec struct {
	As          string     `yaml:"as" jsonschema:"required" jsonschema_description:"The User who tries."`
	At          CaseTime   `yaml:"at" jsonschema:"required" jsonschema_description:"When, for example 2026-11-20T16:58:00Z."`
	App         string     `yaml:"app" jsonschema_description:"The shortcut that is tried; or write entitlement."`
	Entitlement string     `yaml:"entitlement" jsonschema_description:"The Entitlement that is tried; or write app."`
	Claims      CaseClaims `yaml:"claims" jsonschema_description:"What is claimed at that time. What is not written is missing."`
	Expect      CaseExpect `yaml:"expect" jsonschema:"required" jsonschema_description:"What must come of it. What is not written is not compared."`
}

// CaseTime is a time as it is written, which YAML would read as a timestamp.
type CaseTime string

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *CaseTime) UnmarshalText(b []byte) error {
	*t = CaseTime(b)
	return nil
}

// CaseClaims are a Case's.
type CaseClaims struct {
	Device    map[string]*yaml.Node             `yaml:"device" jsonschema_description:"What the device reports, by the names that criteria use behind the dot: firewall, os_name."`
	Responses map[wire.InteractionKind]CaseTime `yaml:"responses" jsonschema_description:"When the user answered: 10m ago, or a time such as 2026-11-20T14:32:00Z. It is stamped as the controller would."`
	Risk      *int64                            `yaml:"risk" jsonschema:"minimum=0,maximum=100" jsonschema_description:"The user's risk; 20, which is low, by default."`
	Scripts   map[string]*yaml.Node             `yaml:"scripts" jsonschema_description:"What the CriteriaScripts yield, by name."`
	Address   string                            `yaml:"address" jsonschema_description:"The client's address."`
}

// CaseExpect is what a Case expects.
type CaseExpect struct {
	Allow  *bool                  `yaml:"allow" jsonschema:"required" jsonschema_description:"Whether access is granted."`
	Until  CaseTime               `yaml:"until" jsonschema_description:"When that ends: the next HH:MM in UTC, a time such as 2026-11-20T17:00:00Z, or never."`
	Warn   CaseTime               `yaml:"warn" jsonschema_description:"When the user is prompted, written as until is."`
	Cure   []wire.InteractionKind `yaml:"cure" jsonschema:"enum=mfa,enum=password,enum=reason,enum=message" jsonschema_description:"What the user is asked, in any order; [] is nothing."`
	Reason wire.ReasonKind        `yaml:"reason" jsonschema_description:"The kind of criterion that denies, or ends the access."`
}
