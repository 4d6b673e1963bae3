package config

import "github.com/tidegate/tidegate/internal/wire"

// The specs of the kinds of resources, as they stand in YAML.
type (
	controllerSpec struct {
		Title         string       `yaml:"title"`
		Listen        string       `yaml:"listen"`
		PublicAddress string       `yaml:"publicAddress"`
		StateDir      string       `yaml:"stateDir"`
		Settings      settingsSpec `yaml:"settings"`
	}
	settingsSpec struct {
		Idle                   wire.Duration `yaml:"idle"`
		RideThrough            wire.Duration `yaml:"rideThrough"`
		StampRounding          wire.Duration `yaml:"stampRounding"`
		WarningLead            wire.Duration `yaml:"warningLead"`
		CookieLifetime         wire.Duration `yaml:"cookieLifetime"`
		ClaimsLifetime         wire.Duration `yaml:"claimsLifetime"`
		EntitlementLifetime    wire.Duration `yaml:"entitlementLifetime"`
		MinInteractionLifetime wire.Duration `yaml:"minInteractionLifetime"`
		Lockout                struct {
			After int           `yaml:"after"`
			For   wire.Duration `yaml:"for"`
		} `yaml:"lockout"`
	}
	userSpec struct {
		DisplayName string   `yaml:"displayName"`
		Groups      []string `yaml:"groups"`
		Password    string   `yaml:"password,secret"`
		TOTP        string   `yaml:"totp,secret"`
		Disabled    bool     `yaml:"disabled"`
	}
	siteSpec struct {
		Title string `yaml:"title"`
	}
	gatewaySpec struct {
		Site      string `yaml:"site"`
		Address   string `yaml:"address"`
		Enrolment string `yaml:"enrolment,secret"`
	}
	conditionSpec struct {
		Criteria     string             `yaml:"criteria"`
		Interactions []wire.Interaction `yaml:"interactions"`
		Denied       string             `yaml:"denied"`
		Reevaluate   struct {
			At    []string      `yaml:"at"`
			Every wire.Duration `yaml:"every"`
		} `yaml:"reevaluate"`
	}
	entitlementSpec struct {
		Title      string         `yaml:"title"`
		Site       string         `yaml:"site"`
		Actions    []wire.Action  `yaml:"actions"`
		Conditions []string       `yaml:"conditions"`
		Shortcuts  []shortcutSpec `yaml:"shortcuts"`
	}
	shortcutSpec struct {
		ID          string `yaml:"id"`
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Group       string `yaml:"group"`
		Color       int    `yaml:"color"`
		Icon        string `yaml:"icon"`
		Link        string `yaml:"link"`
	}
	policySpec struct {
		Assign struct {
			Users    []string `yaml:"users"`
			Groups   []string `yaml:"groups"`
			Everyone bool     `yaml:"everyone"`
		} `yaml:"assign"`
		Entitlements []string `yaml:"entitlements"`
		RequireCode  bool     `yaml:"requireCode"`
	}
)
