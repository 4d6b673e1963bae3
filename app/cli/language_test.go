package cli

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// atAll is what people type, and is the same in every language: commands, flags and
// settings with their values.
var atAll = regexp.MustCompile("`?tidegate( (-{0,2}[a-zA-Z]+(-[a-z]+)*|--|\\[?[a-zA-Z .|]+\\]*))*`?|--[a-z-]+|ALL_PROXY|export|SOCKS5|PAC|tcsh|Left out")

// named stand in the tests' states, but for whom they name.
var named = regexp.MustCompile(`(?i)\b(ZTA|TUN|VPN|ID|IP|HTTP|UTC|kB|MB|B|IPv[46]|Wiki|Payroll|Vault|Build|host|Headquarters|Lab|Ada|Lovelace|Example|Office|openvpn|ESP|Ivanti Connect Secure|Pulse|Juniper Network Connect|hq|d1|corp|system|default|important|none|all|on|off|en|de|fr|es|you|ready|present|absent|locked|old|pay|build|safe|juniper|anyconnect|gp|fortinet|nc|or|eth0|wg0|tun0|odd|nonsense|stat|status|apps|wikki|wiki|answer|nobody|never|volum|x|NAME|UTC|not connected|connected|anyconnect|gp|f5|pulse|language|notifications|appearance|controller|user|idle|keychain|helper|tray|names|Wait|Ask|Disconnect it|Not accepted|Try again|Not all|Firewall|One-time code|answered|This device|[a-z]+(-[a-z]+)+)\b|\S*[./:\d|\[\]]\S*`)

var wordly = regexp.MustCompile(`\pL{2,}`)

// Whatever a command writes for people is said in their language, but for what they
// type and what the state holds, which is said elsewhere.
func TestAllThatIsPrintedIsSaid(t *testing.T) {
	unmark := lang.Mark()
	defer unmark()
	rich := vpns()
	rich.Local.DNS = serving()
	rich.Local.DNS.Mode = "resolved-link"
	rich.Enrolments = []session.Enrolment{rich.Enrolment, {Controller: "b.example:443", Name: "Lab", User: "ada", Device: "d2"}}
	rich.Sites = append(rich.Sites, session.Site{Name: "Lab", State: session.Suspended, Cause: session.CauseUser}, session.Site{Name: "Lab", State: session.Suspended, Cause: session.CauseAdministrator, Flows: 3, Parked: 1})
	rich.Apps[0].Connections = []session.Connection{{Via: session.ViaProxy, Since: noon, Resting: true}, {Via: session.ViaName, Since: noon}, {Via: session.ViaAddress, Since: noon}}
	fixed := wire.DefaultSettings()
	fixed.IdleMost = wire.Duration(time.Hour)
	rich.Fixed, rich.Tray, rich.Login = &fixed, session.TrayPresent, session.LoginOff
	rich.Helper = session.Helper{Phase: session.HelperStopped, Version: "1.2", Command: "sudo /x"}
	rootless := state()
	rootless.Local.DNS = &session.DNS{NameService: session.NameService{Rootless: true}}
	rootless.Local.Problem = &session.Problem{Title: "x"}
	empty := session.State{At: noon}
	unsigned := session.State{At: noon, Enrolment: rich.Enrolment, Prompt: &session.Prompt{Kind: session.PromptSignIn}}
	for _, s := range []session.State{rich, rootless, empty, unsigned} {
		held := holds(t, s)
		for _, line := range []string{
			"", "nonsense", "stat", "--json", "status", "status --wait x", "apps", "apps x y", "open wiki", "open build", "open pay", "open payroll", "open wikki", "why wiki", "why vault", "why safe", "why pay",
			"enrolments", "switch nobody", "forget d1", "events --since never", "answer --timeout 10ms", "answer nobody", "answer wiki --with x --timeout 10ms", "enrol nonsense", "enrol -", "sign-in --timeout 10ms",
			"dns", "dns x", "dns explain", "dns explain wiki.corp.example", "dns explain www.example.com", "dns explain www.example.net", "dns explain odd", "dns explain offline",
			"vpn", "vpn x", "vpn add vpn.example", "vpn edit a", "vpn edit nobody --name x", "vpn connect nobody", "vpn remove nobody", "vpn disconnect nobody",
			"settings", "settings show idle", "settings show helper", "settings show volum", "settings set idle x", "settings set tray x", "settings set user x", "settings set appearance x", "settings set language x", "settings x",
			"proxy", "run --x", "window", "pause", "completion tcsh",
		} {
			src := &apptest.Source{}
			src.Publish(s)
			r := invoke(t, src, "", strings.Fields(line)...)
			for _, printed := range strings.Split(strings.ReplaceAll(r.out+r.err, "tidegate: ", ""), "\n") {
				left := atAll.ReplaceAllString(lang.Unmarked(printed), " ")
				for _, text := range held {
					left = strings.ReplaceAll(left, text, " ")
				}
				left = named.ReplaceAllString(left, " ")
				if wordly.MatchString(left) {
					t.Errorf("tidegate %s: %q of %q", line, left, printed)
				}
			}
		}
	}
}

// holds are the texts of a state and of the lookups, the longest first.
func holds(t *testing.T, s session.State) (texts []string) {
	t.Helper()
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, v := range v {
				walk(v)
			}
		case []any:
			for _, v := range v {
				walk(v)
			}
		case string:
			if len(v) > 4 {
				texts = append(texts, v, strings.TrimSuffix(v, "."), lower(v))
			}
		}
	}
	for _, of := range []any{s, lookups} {
		b, err := json.Marshal(of)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		walk(v)
	}
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	return texts
}
