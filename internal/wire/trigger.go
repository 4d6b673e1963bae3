package wire

// Trigger is what caused an evaluation: a row of seed 003's table, or the end
// of a verdict that the gateway had foreseen. It stands in tokens (why they were
// made) and in audit records.
type Trigger string

// The fourteen rows of seed 003's table, in its order.
const (
	TriggerSignIn           Trigger = "sign-in"           // client sign-in, to the controller
	TriggerConnect          Trigger = "connect"           // client connects to a gateway
	TriggerAccess           Trigger = "access"            // an access was tried, or an interaction answered
	TriggerDeviceClaims     Trigger = "device-claims"     // the device reported a change
	TriggerPeriodic         Trigger = "periodic"          // 12 times per hour, on the quarters, on the hour
	TriggerAtTime           Trigger = "at-time"           // at a time of day
	TriggerClaimsToken      Trigger = "claims-token"      // the claims token neared its end
	TriggerEntitlementToken Trigger = "entitlement-token" // an entitlement token neared its end
	TriggerResolver         Trigger = "resolver"          // a name resolver reported a change
	TriggerAlert            Trigger = "alert"             // the user's risk was raised or lowered
	TriggerRenewal          Trigger = "renewal"           // an administrator renewed tokens, or changed the policies
	TriggerReconnect        Trigger = "reconnect"         // the client came back, after sleep or to another server
	TriggerRoaming          Trigger = "roaming"           // the client came back from another address
	TriggerSignOut          Trigger = "sign-out"          // client sign-out
)

// Triggers beside the table.
const (
	// TriggerInstant: the instant has come at which the verdict was known to change.
	TriggerInstant Trigger = "instant"
	// TriggerScript: an access-criteria script's refreshed value differs.
	TriggerScript Trigger = "script"
	// TriggerClock: the wall clock was set.
	TriggerClock Trigger = "clock"
)

// TableTriggers are the rows of seed 003's table, in its order.
var TableTriggers = []Trigger{
	TriggerSignIn, TriggerConnect, TriggerAccess, TriggerDeviceClaims, TriggerPeriodic, TriggerAtTime, TriggerClaimsToken,
	TriggerEntitlementToken, TriggerResolver, TriggerAlert, TriggerRenewal, TriggerReconnect, TriggerRoaming, TriggerSignOut,
}
