package gatewaybench

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

const site wire.SiteID = "bench"

// conditions are of the kinds that people write.
var conditions = []string{
	`device.firewall && "staff" in user.groups`,
	`during("Mon-Sun", "00:00", "24:00") && device.disk_encryption`,
	`within(responses.mfa, duration("8h")) || "trusted" in user.groups`,
	`risk < 60 && device.screen_lock`,
	`device.os_name == "linux" && inNetwork(system.address, "127.0.0.0/8")`,
	`during("Mon-Sun", "00:00", "24:00") && within(responses.mfa, duration("8h")) && device.firewall && "staff" in user.groups && risk < 50`,
	`"admins" in user.groups`,
	`device.hostname.startsWith("desk-")`,
	`user.groups.exists(g, g.startsWith("sta"))`,
	``,
}

// healthy is a device that reports all that the conditions want.
func healthy() wire.DeviceClaims {
	return wire.DeviceClaims{"os.name": "linux", "hostname": "desk-7", "firewall": true, "disk.encryption": true, "screen.lock": true}
}

// tokens are a session's; the port is where its first entitlement leads.
func (a *authority) tokens(cert tls.Certificate, sid wire.SessionID, port uint16, groups ...string) (wire.SessionRequest, error) {
	return a.tokensUnder(conditions, cert, sid, port, groups...)
}

// tokensUnder are a session's with an entitlement under each of the conditions.
func (a *authority) tokensUnder(conditions []string, cert tls.Certificate, sid wire.SessionID, port uint16, groups ...string) (wire.SessionRequest, error) {
	now := time.Now()
	base := func() wire.Token {
		t := wire.Token{ID: wire.NewID(), Issuer: "bench", Subject: "user-" + string(sid), Session: sid, Device: "bench",
			Issued: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(now.Add(12 * time.Hour)), Trigger: wire.TriggerClaimsToken}
		t.Confirm.Thumbprint = wire.Thumbprint(cert.Certificate[0])
		return t
	}
	c := wire.ClaimsToken{Token: base(), User: wire.UserClaims{Name: string(sid), Groups: groups}, System: wire.SystemClaims{Address: "127.0.0.1"}, Claims: healthy(),
		Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: now}}
	e := wire.EntitlementToken{Token: base(), Site: wire.Site{ID: site}, Settings: wire.DefaultSettings()}
	e.Audience = jwt.Audience{string(site)}
	for i, criteria := range conditions {
		ent := wire.Entitlement{ID: wire.EntitlementID(fmt.Sprint("e", i)), Actions: []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.TCP,
			Hosts: []string{fmt.Sprintf("app%d.bench.test", i)}, Ports: []uint16{port}}}}
		if criteria != "" {
			ent.Conditions = []wire.Condition{{ID: wire.ConditionID(fmt.Sprint("c", i)), Criteria: criteria,
				Interactions: []wire.Interaction{{Kind: wire.InteractionMFA}}}}
		}
		e.Entitlements = append(e.Entitlements, ent)
	}
	claims, err := wire.Sign(a.signKey, a.kid, wire.TypeClaims, c)
	if err != nil {
		return wire.SessionRequest{}, err
	}
	entitlement, err := wire.Sign(a.signKey, a.kid, wire.TypeEntitlement, e)
	return wire.SessionRequest{ClaimsToken: claims, EntitlementToken: entitlement}, err
}
