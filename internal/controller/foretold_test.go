package controller

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/plan"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// randomConfig writes a configuration of few users and entitlements.
func randomConfig(r *rand.Rand) string {
	const hash = "'$argon2id$v=19$m=8192,t=1,p=1$dGlkZWdhdGUtZXhhbXBsZQ$GPENF0ri8baqcU4HAF4gj0xs5fCwDOfIxtcA3FpDkLw'"
	var b strings.Builder
	doc := func(kind, name, format string, args ...any) {
		fmt.Fprintf(&b, "---\napiVersion: tidegate.org/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", kind, name, fmt.Sprintf(format, args...))
	}
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	doc("Controller", "example", `{listen: "127.0.0.1:0", stateDir: /nonexistent, settings: {cookieLifetime: %s, warningLead: %s}}`, pick("24h", "12h"), pick("5m", "10m"))
	doc("Site", "hq", "{}")
	for _, u := range []string{"alice", "bob", "carol"} {
		if u != "carol" || r.IntN(4) > 0 {
			doc("User", u, "{groups: [%s], disabled: %s, password: %s}", pick("staff", "finance", "staff, finance", ""), pick("false", "false", "false", "false", "true"), hash)
		}
	}
	criteria := []string{
		`{criteria: 'within(responses.mfa, duration("60m"))', interactions: [{kind: mfa}]}`,
		`{criteria: 'within(responses.mfa, duration("4h"))', interactions: [{kind: mfa}]}`,
		`{criteria: 'within(responses.mfa, duration("2h")) || within(responses.password, duration("3h"))', require: one, interactions: [{kind: mfa}, {kind: password}]}`,
		`{criteria: 'within(responses.reason, duration("2h"))'}`,
		`{criteria: 'during("Mon-Sun", "00:30", "17:00")'}`,
		`{criteria: 'during("Mon-Sun", "02:00", "19:00")'}`,
		`{criteria: risk < 50}`,
		`{criteria: risk < 95}`,
		`{criteria: '"finance" in user.groups'}`,
		`{criteria: device.firewall}`,
		`{criteria: '!device.firewall || risk < 50'}`,
		`{criteria: 'inNetwork(system.address, "192.0.2.0/24")'}`,
		`{criteria: 'now < timestamp("2000-01-02T03:04:05Z")'}`,
	}
	for i := range 3 {
		doc("Condition", fmt.Sprint("c", i), "%s", pick(criteria...))
	}
	for i := range 4 {
		doc("Entitlement", fmt.Sprint("e", i), "{site: hq, conditions: [%s], actions: [{hosts: [e%d.test], ports: [%s]}]}", pick("", "c0", "c1", "c2", "c0, c1", "c1, c2"), i, pick("443", "443", "80"))
	}
	for i := range 3 {
		doc("Policy", fmt.Sprint("p", i), "{assign: {%s}, entitlements: [%s]}",
			pick("everyone: true", "groups: [staff]", "groups: [finance]", "users: [bob]", `criteria: 'inNetwork(system.address, "192.0.2.0/24")'`, `groups: [staff], criteria: 'user.name != "bob"'`),
			pick("e0", "e1", "e0, e2", "e1, e3", "e2, e3", "e0, e1, e2, e3"))
	}
	return b.String()
}

// good are the tokens of a snapshot, of which the site's may be missing.
func (p *caller) good(s wire.Snapshot) held {
	p.b.t.Helper()
	if s.Tokens["hq"] == "" {
		return held{}
	}
	return p.held(s)
}

// sight is what a gateway makes of the tokens of a session.
type sight map[wire.EntitlementID]policy.Outcome

func (h held) see(risk int64, at time.Time) sight {
	if h.hq == nil {
		return sight{}
	}
	claims := policy.ClaimsOf(h.claims)
	claims.Risk = &risk
	claims.System.Address = h.hq.Address
	end := h.claims.Expires.Time()
	if e := h.hq.Expires.Time(); e.Before(end) {
		end = e
	}
	o := policy.PlanOptions{WarningLead: h.hq.Settings.WarningLead.D(), StampRounding: h.hq.Settings.StampRounding.D(), TokensEnd: end}
	all := sight{}
	for _, e := range h.hq.Entitlements {
		var conds []policy.Condition
		for _, w := range e.Conditions {
			c, err := policy.ConditionOf(w)
			if err != nil {
				panic(err)
			}
			conds = append(conds, c)
		}
		all[e.ID] = policy.Plan(conds, claims, at, o)
	}
	return all
}

// TestPlansComeTrue applies one random configuration after another and compares
// what was foretold with what the tokens then are good for.
func TestPlansComeTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 92))
	for round := range 40 {
		var confs [2]*config.Config
		for i := range confs {
			name := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(name, []byte(randomConfig(r)), 0o600); err != nil {
				t.Fatal(err)
			}
			conf, err := config.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			confs[i] = conf
		}
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, confs[0], dir, &store.Memory{})
			foretell(t, b, r, confs[1], fmt.Sprint("round ", round))
		})
	}
}

func foretell(t *testing.T, b *bubble, r *rand.Rand, next *config.Config, round string) {
	time.Sleep(time.Duration(r.IntN(20*60)) * time.Minute)
	who, before := map[wire.SessionID]*caller{}, map[wire.SessionID]sight{}
	streams, risks := map[wire.SessionID]*live{}, map[wire.SessionID]int64{}
	base := b.config()
	for _, name := range []string{"alice", "bob", "carol"} {
		if u := b.config().Users[name]; u == nil || u.Disabled {
			continue
		}
		p := b.device(name)
		p.from = []string{"192.0.2.1", "198.51.100.7"}[r.IntN(2)]
		w := p.must(http.StatusOK, "POST", wire.PathSession, wire.SignInRequest{User: name, Password: alicePassword, Device: wire.DeviceClaims{"firewall": r.IntN(2) == 0}})
		p.cookie = w.Result().Cookies()[0]
		_, err := b.renew(t.Context(), sessionKey(p.cookie.Value), func(v *sessionRecord, _ *configured) (need, error) {
			v.Responses = map[wire.InteractionKind]time.Time{}
			for _, k := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason} {
				if r.IntN(3) > 0 {
					v.Responses[k] = policy.Stamp(time.Now().Add(-time.Duration(r.IntN(200))*time.Minute), 15*time.Minute)
				}
			}
			return need{trigger: wire.TriggerAccess, claims: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		level := []int64{wire.RiskLow, wire.RiskMedium, wire.RiskHigh}[r.IntN(3)]
		if err := b.SetRisk(t.Context(), name, level, time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		l := p.open(wire.PathEvents)
		id := b.mustGet(p).ID
		who[id], streams[id], risks[id] = p, l, level
		before[id] = p.good(l.snapshot()).see(level, time.Now())
	}
	p, err := b.plan(t.Context(), next, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	said := map[wire.SessionID]map[wire.EntitlementID][]plan.Effect{}
	for _, e := range p.Effects {
		if said[e.Session] == nil {
			said[e.Session] = map[wire.EntitlementID][]plan.Effect{}
		}
		said[e.Session][e.Entitlement] = append(said[e.Session][e.Entitlement], e)
	}
	now := time.Now()
	for id, who := range who {
		if ended := b.mustGet(who).Ended != ""; ended != (len(said[id][""]) == 1) {
			t.Errorf("%s: %s's session ended: %v, foretold is %v", round, who.id, ended, said[id])
		} else if ended {
			continue
		}
		h := who.good(streams[id].snapshot())
		after := h.see(risks[id], now)
		for _, e := range []wire.EntitlementID{"e0", "e1", "e2", "e3"} {
			was, had := before[id][e]
			is, has := after[e]
			got := map[plan.EffectKind]plan.Effect{}
			for _, x := range said[id][e] {
				got[x.Kind] = x
			}
			loss, loses := got[plan.Loses]
			gain, gains := got[plan.Gains]
			prompt, prompted := got[plan.Prompted]
			wrong := func(what string) {
				t.Helper()
				text, _ := json.Marshal(said[id][e])
				t.Errorf("%s: %s: %s: was (%v) %+v, is (%v) %+v, foretold %s", round, e, what, had, was, has, is, text)
			}
			switch {
			case had && !has:
				if !loses {
					wrong("it is gone")
				}
				continue
			case loses != (was.Allow && !is.Allow):
				wrong("lost or not")
			case loses && (prompted || len(loss.Cure) != len(is.Cure)):
				wrong("asked for at once")
			case !was.Allow && is.Allow && !(gains && gain.At.Equal(now) && len(gain.Cure) == 0):
				wrong("gained")
			case gains && (had && (was.Allow || !is.Allow)):
				wrong("not gained")
			case !had && has && !is.Allow && (len(is.Cure) > 0 || !is.FailAt.IsZero()) && !gains:
				wrong("entitled, and not told")
			}
			if prompted && is.Allow && !prompt.At.Equal(is.WarnAt) {
				wrong("asked at another time")
			}
			if was.Allow && is.Allow && len(is.Cure) > 0 && (len(was.Cure) == 0 || is.WarnAt.Before(was.WarnAt)) && !prompted {
				wrong("asked sooner")
			}
			for _, kind := range []plan.EffectKind{plan.Sooner, plan.Later} {
				x, told := got[kind]
				if !told {
					continue
				}
				if !x.At.IsZero() && (h.see(risks[id], x.At)[e].Allow || !h.see(risks[id], x.At.Add(-1))[e].Allow) {
					wrong("it does not end then")
				}
			}
			if _, told := got[plan.Sooner]; was.Allow && is.Allow && len(is.Cure) == 0 && len(was.Cure) == 0 && !is.FailAt.IsZero() && (was.FailAt.IsZero() || is.FailAt.Before(was.FailAt)) && !told {
				wrong("it ends sooner")
			}
			if had && has {
				_, told := got[plan.Differs]
				if changed := !reflect.DeepEqual(b.config().Entitlements[e].Actions, base.Entitlements[e].Actions); changed != told {
					wrong("other destinations")
				}
			}
		}
	}
}
