package session

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/lang"
)

// maxVPNText is the length in bytes of the longest text in a connection's settings.
const maxVPNText = 256

// Checked returns settings as they are kept, or says what is wrong with them in
// the user's words. An address is never repeated there: a password may have been
// pasted with it.
func (s VPNSettings) Checked() (VPNSettings, error) {
	s.Name, s.User, s.Group = strings.TrimSpace(s.Name), strings.TrimSpace(s.User), strings.TrimSpace(s.Group)
	for _, x := range []struct{ text, long, bad string }{
		{s.Name, "the name is too long; shorten it", "the name holds what cannot be shown; type it anew"},
		{s.User, "the user name is too long; shorten it", "the user name holds what cannot be shown; type it anew"},
		{s.Group, "the group is too long; shorten it", "the group holds what cannot be shown; type it anew"},
	} {
		switch {
		case len(x.text) > maxVPNText:
			return s, errors.New(lang.T(x.long))
		case !utf8.ValidString(x.text) || strings.ContainsFunc(x.text, unprintable):
			return s, errors.New(lang.T(x.bad))
		}
	}
	var err error
	if s.Address, err = vpnAddress(s.Address); err != nil {
		return s, err
	}
	if !slices.Contains(VPNProtocols, s.Protocol) {
		var names []string
		for _, p := range VPNProtocols {
			names = append(names, string(p))
		}
		return s, says("choose the VPN's protocol, one of %s", strings.Join(names, ", "))
	}
	var features []VPNFeature
	for _, f := range VPNFeatures {
		if slices.Contains(s.Features, f) {
			features = append(features, f)
		}
	}
	for _, f := range s.Features {
		if !slices.Contains(VPNFeatures, f) {
			return s, says("there is no feature %q; choose of the six", f)
		}
	}
	s.Features = features
	return s, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// vpnAddress returns a server's address as host, host:port or host/path.
func vpnAddress(text string) (string, error) {
	forms := lang.T("it is HOST, HOST:PORT or HOST/PATH, or the https address of that")
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", says("type the address of the VPN's server: %s", forms)
	case len(text) > maxVPNText:
		return "", says("the address is too long; %s", forms)
	case strings.Contains(text, "@"):
		return "", says("take the user and the password out of the address; %s", forms)
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		if !strings.EqualFold(scheme, "https") {
			return "", says("a VPN's server is reached by https alone; %s", forms)
		}
		text = rest
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		text = "[" + text + "]"
	}
	u, err := url.Parse("https://" + text)
	switch {
	case err != nil || u.Opaque != "" || !vpnHost(u.Hostname()) || strings.HasSuffix(u.Host, ":"):
		return "", says("this is no address of a server; %s", forms)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return "", says("take what follows ? or # out of the address; %s", forms)
	}
	if p := u.Port(); p != "" {
		if _, err := netip.ParseAddrPort("127.0.0.1:" + p); err != nil || strings.Trim(p, "0") == "" {
			return "", says("the port is from 1 to 65535; %s", forms)
		}
	}
	path := u.EscapedPath()
	if path == "/" {
		path = ""
	}
	return strings.ToLower(u.Host) + path, nil
}

// vpnHost says whether a host may be asked for: a name or an address, and nothing
// that a program could take for an option.
func vpnHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == ""
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool {
			return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}
