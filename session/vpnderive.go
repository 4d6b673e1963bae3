package session

import (
	"reflect"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// deriveVPN puts what there is of classic VPNs into words.
func deriveVPN(f *facts, in *intent, w *wake) VPN {
	v := VPN{Others: f.vpn.Others, Warnings: deriveWarnings(f, in)}
	if f.vpnSeen {
		v.Engine = VPNEngine{Version: f.vpn.Engine}
		switch p := f.vpn.Problem; {
		case p != nil && p.Code == wire.Code(VPNNoHelper) && f.vpn.Engine == "":
			v.Engine.Problem = vpnBothMissing()
		case p != nil:
			v.Engine.Problem = explainVPNEngine(p)
		case f.vpn.Engine == "":
			v.Engine.Problem = explainVPN(&VPNFailure{Code: VPNNoEngine})
		}
	}
	if p := f.vpn.Prompt; p != nil {
		asked := *p
		asked.Busy = p.Busy || in.beside.answered == p.ID
		asked.Unawaited = in.beside.unawaited == p.ID
		v.Prompt = &asked
	}
	for _, fact := range f.vpn.Connections {
		v.Connections = append(v.Connections, deriveConnection(fact, v.Prompt, in, w))
	}
	return v
}

func deriveConnection(f VPNFact, asked *VPNPrompt, in *intent, w *wake) VPNConnection {
	if b, ok := in.beside.begun[f.ID]; ok && reflect.DeepEqual(b.was, f) && w.within(b.at, vpnBeginTime) {
		f.Phase, f.Since, f.Failure = VPNSigningIn, b.at, nil
	}
	c := VPNConnection{VPNSettings: f.VPNSettings, Untested: !f.Protocol.Tested(), Phase: f.Phase, Since: f.Since, VPNLink: f.VPNLink}
	if f.Phase == VPNDisconnected {
		c.Since, c.VPNLink = time.Time{}, VPNLink{}
	}
	if asked == nil || asked.Connection != f.ID {
		asked = nil
	}
	c.Title = vpnTitle(f.Phase, asked)
	switch {
	case f.Failure != nil:
		c.Problem = explainVPN(f.Failure)
		c.Problem.Warning = f.up()
	case f.up() && len(f.Left) > 0:
		c.Problem = explainLeft(f.Left)
	}
	return c
}

// up says whether the tunnel is there.
func (f *VPNFact) up() bool { return f.Phase == VPNConnected || f.Phase == VPNReconnecting }

// Linked says whether the tunnel is there, at work or interrupted.
func (c *VPNConnection) Linked() bool { return c.Phase == VPNConnected || c.Phase == VPNReconnecting }

// vpnTitle is a phase in words, or what is waited for in it.
func vpnTitle(p VPNPhase, asked *VPNPrompt) string {
	switch p {
	case VPNSigningIn:
		switch {
		case asked == nil || asked.Busy:
		case asked.Kind == VPNCertificate:
			return lang.T("Waiting for you to check the server")
		case asks(asked, VPNPassword):
			return lang.T("Waiting for your password")
		case asks(asked, VPNCode):
			return lang.T("Waiting for your code")
		default:
			return lang.T("Waiting for your answer")
		}
		return lang.T("Signing in")
	case VPNConnecting:
		return lang.T("Connecting")
	case VPNConnected:
		return lang.T("Connected")
	case VPNReconnecting:
		return lang.T("Reconnecting")
	case VPNDisconnecting:
		return lang.T("Disconnecting")
	}
	return lang.T("Not connected")
}

func asks(p *VPNPrompt, k VPNFieldKind) bool {
	for _, f := range p.Fields {
		if f.Kind == k {
			return true
		}
	}
	return false
}
