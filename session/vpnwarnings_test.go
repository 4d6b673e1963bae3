package session

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// brief writes warnings one a line: whose, which, how urgent, and the title.
func brief(ws []VPNWarning) string {
	var b strings.Builder
	for _, w := range ws {
		word := "now"
		switch {
		case w.Served:
			word = "served"
		case w.Ahead:
			word = "ahead"
		}
		b.WriteString(word + " " + w.Key() + " | " + w.Title)
		if w.Evidence != "" {
			b.WriteString(" | " + w.Evidence)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func own(id, name string, phase VPNPhase, features ...VPNFeature) VPNFact {
	return VPNFact{VPNSettings: VPNSettings{ID: id, Name: name, Address: id + ".example", Features: features}, Phase: phase}
}

func TestWarnings(t *testing.T) {
	linked := own("a", "Office", VPNConnected, VPNTrafficEnforcement, VPNStealthMode)
	linked.Adapter = "tidev1000"
	tun := VPNOther{Program: "openvpn", VPNLink: VPNLink{Adapter: "tun0"}}
	for _, tt := range []struct {
		name string
		vpn  VPNFacts
		want string
	}{
		{"nothing", VPNFacts{Connections: []VPNFact{own("a", "Office", "")}, Others: []VPNOther{tun}}, ""},
		{"settings, before connecting", VPNFacts{Connections: []VPNFact{own("a", "", "", VPNIPv6, VPNRouteMonitoring)}}, `
ahead route-monitoring a | Route Monitoring of a.example will not be applied
ahead ipv6 a | IPv6 policy of a.example will not be applied
`},
		{"settings, while it signs in", VPNFacts{Connections: []VPNFact{own("a", "Office", VPNSigningIn, VPNAlwaysOn)}}, `
ahead always-on a | Always-on VPN (lock-down) of Office will not be applied
`},
		{"settings, while it is up and while it reconnects", VPNFacts{Connections: []VPNFact{own("a", "Office", VPNConnected, VPNIPv6), own("b", "Lab", VPNReconnecting, VPNIPv6)}}, `
now ipv6 a | IPv6 policy of Office is not applied
now ipv6 b | IPv6 policy of Lab is not applied
`},
		{"a feature that nobody knows", VPNFacts{Connections: []VPNFact{own("a", "Office", "", "later")}}, ""},
		{"what is seen stands over what is set", VPNFacts{Connections: []VPNFact{linked}, Conflicts: []VPNConflict{
			{Feature: VPNTrafficEnforcement, Connection: "a", Harm: VPNHarmAll, Evidence: "nft"}}}, `
now traffic-enforcement a | Nothing is let out but through Office | nft
now stealth-mode a | Stealth Mode of Office is not applied
`},
		{"known by its adapter alone", VPNFacts{Connections: []VPNFact{linked}, Conflicts: []VPNConflict{
			{Feature: VPNTrafficEnforcement, Adapter: "tidev1000", Harm: VPNHarmAll}}}, `
now traffic-enforcement a | Nothing is let out but through Office
now stealth-mode a | Stealth Mode of Office is not applied
`},
		{"another's, by its adapter and by its program", VPNFacts{Others: []VPNOther{tun}, Conflicts: []VPNConflict{
			{Feature: VPNIPv6, Adapter: "tun0", Harm: VPNHarmLeak, Evidence: "route of 2000::1"}, {Feature: VPNIPv6, Program: "openvpn", Harm: VPNHarmIPv6, Evidence: "blackhole"}}}, `
now ipv6 tun0 | openvpn (adapter tun0) holds IPv6 back | blackhole; route of 2000::1
`},
		{"of two programs", VPNFacts{Conflicts: []VPNConflict{
			{Feature: VPNStealthMode, Program: "pulsesvc", Evidence: "pid 7"}, {Feature: VPNStealthMode, Program: "gpd"}, {Feature: VPNStealthMode, Program: "pulsesvc", Evidence: "pid 7"}}}, `
now stealth-mode pulsesvc | pulsesvc runs without showing itself | pid 7
now stealth-mode gpd | gpd runs without showing itself
`},
		{"the worse of two stands, and nothing is served", VPNFacts{Conflicts: []VPNConflict{
			{Feature: VPNRouteMonitoring, Adapter: "tun0", How: VPNServedRoutes, Evidence: "10.0.0.0/8"}, {Feature: VPNRouteMonitoring, Adapter: "tun0", Harm: VPNHarmRoutes, Evidence: "100.96.0.0/16"}}}, `
now route-monitoring tun0 | The VPN at adapter tun0 takes routes away | 100.96.0.0/16; 10.0.0.0/8
`},
		{"in the order of urgency", VPNFacts{Connections: []VPNFact{own("a", "Office", "", VPNRouteMonitoring), own("b", "Lab", VPNConnected, VPNStealthMode)}, Conflicts: []VPNConflict{
			{Feature: VPNTrafficEnforcement, Adapter: "t5", Harm: VPNHarmUnderlay, How: VPNServedAround},
			{Feature: VPNIPv6, Adapter: "t4", How: VPNServedIPv4},
			{Feature: VPNIPv6, Adapter: "t3", Harm: VPNHarmLeak},
			{Feature: VPNLocationAwareness, Adapter: "t2", Harm: VPNHarmPlace},
			{Feature: VPNRouteMonitoring, Adapter: "t1", Harm: VPNHarmRoutes},
			{Feature: VPNTrafficEnforcement, Adapter: "t7", Harm: VPNHarmDevice},
			{Feature: VPNAlwaysOn, Adapter: "t0", Harm: VPNHarmAll},
			{Feature: VPNTrafficEnforcement, Adapter: "t6", Harm: VPNHarmUnderlay},
		}}, `
now always-on t0 | The VPN at adapter t0 lets nothing out while it is not connected
now traffic-enforcement t7 | Nothing is let out but through the VPN at adapter t7
now route-monitoring t1 | The VPN at adapter t1 takes routes away
now ipv6 t3 | IPv6 goes around the VPN at adapter t3
now traffic-enforcement t6 | Nothing is let out but through the VPN at adapter t6
now location-awareness t2 | The VPN at adapter t2 connects by which network it finds itself in
now stealth-mode b | Stealth Mode of Lab is not applied
ahead route-monitoring a | Route Monitoring of Office will not be applied
served traffic-enforcement t5 | Nothing is let out but through the VPN at adapter t5, and Tidegate goes there too
served ipv6 t4 | The VPN at adapter t4 has no way for IPv6, and your applications need none
`},
		{"served and harmed all the same", VPNFacts{Conflicts: []VPNConflict{{Feature: VPNIPv6, Adapter: "tun0", Harm: VPNHarmLeak, How: VPNServedIPv4}}}, `
now ipv6 tun0 | IPv6 goes around the VPN at adapter tun0
`},
		{"whose it is is not known", VPNFacts{Conflicts: []VPNConflict{{Feature: VPNAlwaysOn, Harm: VPNHarmAll}, {Feature: VPNRouteMonitoring, Harm: VPNHarmRoutes}}}, `
now always-on  | A VPN lets nothing out while it is not connected
now route-monitoring  | Another program takes routes away
`},
		{"of the user's own, by another program", VPNFacts{Connections: []VPNFact{linked}, Conflicts: []VPNConflict{
			{Feature: VPNRouteMonitoring, Connection: "a", How: VPNServedRoutes, Evidence: "10.0.0.0/8"}}}, `
now traffic-enforcement a | Traffic Enforcement of Office is not applied
now stealth-mode a | Stealth Mode of Office is not applied
served route-monitoring a | Another program takes routes of Office away, and Tidegate puts them back | 10.0.0.0/8
`},
		{"a connection that is gone", VPNFacts{Conflicts: []VPNConflict{{Feature: VPNAlwaysOn, Connection: "gone"}}}, `
now always-on gone | gone lets nothing out while it is not connected
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &facts{vpn: tt.vpn}
			in := &intent{beside: newVPNIntent()}
			ws := deriveWarnings(f, in)
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), brief(ws)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			keys := map[string]bool{}
			for _, w := range ws {
				if keys[w.Key()] {
					t.Errorf("%s is warned of twice", w.Key())
				}
				keys[w.Key()] = true
			}
		})
	}
}

// A warning says whom to let through.
func TestWarningsNameTheUnderlay(t *testing.T) {
	f := &facts{vpn: VPNFacts{Conflicts: []VPNConflict{{Feature: VPNTrafficEnforcement, Program: "openvpn", Harm: VPNHarmAll}}}}
	fix := func() string { return deriveWarnings(f, &intent{beside: newVPNIntent()})[0].Fix }
	if got := fix(); !strings.Contains(got, "the controller and the gateways") {
		t.Errorf("not enrolled, it says %q", got)
	}
	f.enrolled.Controller = "zta.example:8443"
	if got, want := fix(), "Ask its administrator to let zta.example past Traffic Enforcement, or disconnect openvpn while you use your applications."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	// And what programs send to applications, where that is held back.
	f.vpn.Conflicts[0].Device = "tide1000"
	if got, want := fix(), "Ask its administrator to let zta.example, and what leaves by Tidegate's device tide1000, past Traffic Enforcement, or disconnect openvpn while you use your applications."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	f.vpn.Conflicts[0].Harm = VPNHarmDevice
	if got, want := fix(), "Ask its administrator to let what leaves by Tidegate's device tide1000 past Traffic Enforcement, or disconnect openvpn while you use your applications."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// However long the name of a connection is, a warning's title says what is so before a
// notification cuts it.
func TestWarningsOfALongName(t *testing.T) {
	long := own("a", strings.Repeat("Regional maintenance ", 12), VPNConnected)
	f := &facts{vpn: VPNFacts{Connections: []VPNFact{long}, Conflicts: []VPNConflict{{Feature: VPNIPv6, Connection: "a", Harm: VPNHarmIPv6}}}}
	w := deriveWarnings(f, &intent{beside: newVPNIntent()})[0]
	if len([]rune(w.Title)) > 100 || !strings.HasPrefix(w.Title, "Regional maintenance") || !strings.HasSuffix(w.Title, "… holds IPv6 back") {
		t.Errorf("it says %q", w.Title)
	}
}
