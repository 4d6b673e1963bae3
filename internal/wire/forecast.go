package wire

import "time"

// PathForecast: GET, answered Forecast: when the session's user will have access
// to what, as far as claims, policies and the clock tell now. A device that asks
// too often, or while too many do, is refused with CodeOverload.
const PathForecast = "/v1/forecast"

// ForecastAhead is how far a Forecast looks: the rest of today and the seven days
// behind it, in any time zone.
const ForecastAhead = 8 * 24 * time.Hour

// MaxForecastSpans bounds the spans of all lines of a Forecast together: it has to
// fit into MaxBody.
const MaxForecastSpans = 3000

// Forecast is what will become of a session's verdicts while everything but the
// clock stays as it is: the user answers nothing, the device reports nothing
// new. It comes from the engine that judges at the gateways, and its instants
// are as exact as a verdict's NotAfter.
type Forecast struct {
	At      time.Time `json:"at"` // the controller's clock, which all instants here are of
	Until   time.Time `json:"until"`
	Expires time.Time `json:"expires"` // of the cookie: a sign-in is asked for then
	// Lines hold each entitlement once; those that the same conditions guard share one.
	Lines []ForecastLine `json:"lines"`
}

// ForecastLine is what becomes of entitlements.
type ForecastLine struct {
	Entitlements []EntitlementID `json:"entitlements"`
	// Spans follow each other without a gap from At. Where the last ends before
	// Until, or there is none, more changes than is told.
	Spans []ForecastSpan `json:"spans"`
	// MayChange are the kinds of what the conditions read that the clock does not
	// tell: the device, the network, the risk, scripts.
	MayChange []ReasonKind `json:"may_change,omitempty"`
}

// ForecastSpan is one verdict: from From on, to before To.
type ForecastSpan struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Allow bool      `json:"allow"`
	// Warn is when, of an allowance in use, Cure is asked to keep it beyond To.
	Warn time.Time `json:"warn,omitzero"`
	// Cure of a denial is what opens it as soon as it is answered, at any time
	// within the span. Empty: nothing that the user can answer.
	Cure []InteractionKind `json:"cure,omitempty"`
	// AnyOf: one of Cure suffices.
	AnyOf bool `json:"any_of,omitempty"`
	// Reason explains a denial, or what ends the allowance at To.
	Reason ReasonKind `json:"reason,omitempty"`
	// Script: Allow and Cure say what all else says; a script, which gateways alone
	// run, may still deny.
	Script bool `json:"script,omitempty"`
}
