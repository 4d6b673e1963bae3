package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// constants are the values of a type's constants, as the contract's source has them.
func constants(t *testing.T, typ string) (values []string) {
	t.Helper()
	for _, file := range []string{"vpn.go", "vpnport.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.ValueSpec)
			if !ok || len(s.Values) != 1 {
				return true
			}
			name, named := s.Type.(*ast.Ident)
			lit, literal := s.Values[0].(*ast.BasicLit)
			if named && literal && name.Name == typ {
				v, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, v)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("%s has no constants", typ)
	}
	return values
}

// plainSentences says what is wrong with words that a user reads.
func plainSentences(text string) string {
	switch {
	case text == "":
		return "nothing is said"
	case strings.ContainsAny(text, "{}%") || strings.Contains(text, "  "):
		return "something was not filled in"
	case !strings.HasSuffix(text, "."):
		return "it does not end"
	}
	return ""
}

func TestEveryVPNFailureHasWords(t *testing.T) {
	codes := constants(t, "VPNFailureCode")
	for _, code := range codes {
		x := vpnFailures[VPNFailureCode(code)]
		if x.Title == "" || plainSentences(x.Detail) != "" || plainSentences(x.Fix) != "" {
			t.Errorf("%s: %+v", code, x)
		}
		last := " Last heard: “Server said no”."
		switch VPNFailureCode(code) {
		case VPNBusy, VPNNoHelper, VPNConflictFailed, VPNOutside: // of this machine's own
			last = " Server said no."
		case VPNOldEngine:
			last = ": Server said no."
		}
		p := explainVPN(&VPNFailure{Code: VPNFailureCode(code), Detail: " Server said no. "})
		if p.Code != "vpn-"+code || !strings.HasSuffix(p.Detail, last) || p.Title != x.Title || p.Fix != x.Fix {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if len(vpnFailures) != len(codes) {
		t.Errorf("there are words for %d failures, of %d", len(vpnFailures), len(codes))
	}
	if p := explainVPN(&VPNFailure{Code: VPNBusy, Detail: `"Lab"`}); !strings.HasSuffix(p.Detail, ` Now it is "Lab".`) {
		t.Errorf("of another of the user's own: %+v", p)
	}
	if p := explainVPN(&VPNFailure{Code: "later"}); p.Code != "vpn-later" || p.Title == "" || p.Fix == "" {
		t.Errorf("a later version's: %+v", p)
	}
}

func TestEveryLeftHasWords(t *testing.T) {
	all := constants(t, "VPNLeftWhy")
	if len(all) != len(leftOrder) || len(all) != len(vpnLefts) {
		t.Errorf("there are %d reasons, words for %d, and an order of %d", len(all), len(vpnLefts), len(leftOrder))
	}
	var every []VPNLeft
	for _, why := range all {
		p := explainLeft([]VPNLeft{{What: "10.0.0.0/8", Why: VPNLeftWhy(why)}, {What: "corp.example", Why: VPNLeftWhy(why)}})
		if !strings.HasPrefix(p.Detail, "Left out 10.0.0.0/8, corp.example: ") || plainSentences(p.Detail) != "" || p.Code != "vpn-left" {
			t.Errorf("%s: %+v", why, p)
		}
		// What is the applications' own is no fault of anything's.
		if ours := why == string(VPNLeftOurs); p.Warning == ours || (plainSentences(p.Fix) != "") != ours {
			t.Errorf("%s: %+v", why, p)
		}
		every = append(every, VPNLeft{What: "x." + why, Why: VPNLeftWhy(why)})
	}
	p := explainLeft(every)
	for _, why := range all {
		if !strings.Contains(p.Detail, "x."+why) || !strings.Contains(p.Fix, vpnLefts[VPNLeftWhy(why)].fix) {
			t.Errorf("of all it says nothing of %s: %+v", why, p)
		}
	}
	if p := explainLeft([]VPNLeft{{What: "x.later", Why: "later"}, {What: "."}}); !strings.Contains(p.Detail, "x.later, all names") || p.Fix == "" {
		t.Errorf("a later version's: %+v", p)
	}
}

// Whatever is sensed of whichever of the six, there are words for it, with what to
// do or how both are served.
func TestEveryWarningHasWords(t *testing.T) {
	features, harms, hows := constants(t, "VPNFeature"), constants(t, "VPNHarm"), constants(t, "VPNServed")
	if len(features) != 6 || len(features) != len(VPNFeatures) || len(features) != len(vpnFeatures) || len(harms) != len(vpnHarms) || len(hows) != len(vpnServed)+1 {
		t.Errorf("of %d features, %d harms and %d ways there are words for %d, %d and %d", len(features), len(harms), len(hows), len(vpnFeatures), len(vpnHarms), len(vpnServed))
	}
	f := &facts{vpn: VPNFacts{Connections: []VPNFact{{VPNSettings: VPNSettings{ID: "a", Name: "Office 100%s {who}"}}}}}
	f.enrolled.Controller = "zta.example:8443"
	good := func(w VPNWarning) {
		t.Helper()
		text := func(s string) string { return strings.ReplaceAll(s, "Office 100%s {who}", "Office") }
		if w.Title == "" || strings.HasSuffix(w.Title, ".") || strings.ContainsAny(text(w.Title), "{}%") || plainSentences(text(w.Detail)) != "" {
			t.Errorf("%+v", w)
		}
		if w.Fix != "" && plainSentences(text(w.Fix)) != "" || w.Served != (w.Fix == "") {
			t.Errorf("%+v", w)
		}
		if strings.Contains(w.Fix, "controller") {
			t.Errorf("it does not say which controller: %+v", w)
		}
	}
	for _, feature := range append(features, "later") {
		for _, harm := range append(harms, "later") {
			for _, how := range append(hows, "later") {
				for _, ahead := range []bool{false, true} {
					for _, of := range []VPNConflict{{Connection: "a"}, {Program: "openvpn", Adapter: "tun0"}, {Adapter: "tun0"}, {Program: "openvpn"}, {}} {
						of.Feature, of.Harm, of.How, of.Ahead = VPNFeature(feature), VPNHarm(harm), VPNServed(how), ahead
						c := conflict{VPNConflict: of}
						good(c.warning(f))
					}
				}
			}
		}
	}
	for _, feature := range VPNFeatures {
		for _, ahead := range []bool{false, true} {
			c := conflict{set: true, VPNConflict: VPNConflict{Feature: feature, Connection: "a", Ahead: ahead}}
			good(c.warning(f))
		}
	}
}
