package notify

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// What a notice says, and its button, are in the language of the states.
func TestNoticesInEachLanguage(t *testing.T) {
	t.Cleanup(func() { lang.Set("") })
	due := noon.Add(30 * time.Hour)
	steps := []struct{ prev, next session.State }{
		{base(), with(prompted("p", due, "pay", "wiki"))},
		{base(), with(prompted("p", due, "pay", "wiki", "git"))},
		{with(inUse(0)), with(cut(0))},
		{base(), with(blocked(0), blocked(1))},
		{base(), with(phase(session.ControlLost))},
		{with(office(session.VPNConnected, nil)), with(office(session.VPNDisconnected, &session.Problem{Title: "x"}))},
		{base(), with(warns(session.VPNWarning{Feature: "a", Title: "x"}, session.VPNWarning{Feature: "b"}, session.VPNWarning{Feature: "c"}))},
	}
	for _, tt := range []struct {
		tag  string
		want []string
	}{
		{"de", []string{
			"Bestätigen Sie, um Payroll und Wiki zu behalten", "Bestätigen Sie, um Payroll und 2 weitere zu behalten", "Payroll wurde getrennt",
			"2 Anwendungen wurden gesperrt", "Der Controller ist nicht erreichbar", "Das VPN Office ist beendet", "x", "Das hat nicht funktioniert"}},
		{"fr", []string{
			"Confirmez pour conserver Payroll et Wiki", "Confirmez pour conserver Payroll et 2 autres", "Payroll a été coupé",
			"2 applications ont été bloquées", "Le contrôleur est injoignable", "Le VPN Office s’est arrêté", "x", "Cela n’a pas fonctionné"}},
		{"es", []string{
			"Verifique para conservar Payroll y Wiki", "Verifique para conservar Payroll y 2 más", "Se cortó Payroll",
			"Se bloquearon 2 aplicaciones", "No se puede acceder al controlador", "La VPN Office ha terminado", "x", "Eso no ha funcionado"}},
	} {
		lang.Set(tt.tag)
		var got []string
		for _, s := range steps {
			for _, n := range Diff(s.prev, s.next) {
				if !n.Over {
					got = append(got, n.Title)
				}
			}
		}
		got = append(got, Failed(errors.New("x")).Title)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.tag, diff)
		}
	}
	lang.Set("de")
	n := Diff(steps[0].prev, steps[0].next)[0]
	if want := "Der Zugriff endet: 3. März 18:00. Offene Verbindungen bleiben offen, wenn Sie vorher antworten."; n.Body != want || n.Button != "Bestätigen" {
		t.Errorf("it says %q, with the button %q", n.Body, n.Button)
	}
	if n := Diff(steps[6].prev, steps[6].next)[0]; n.Body != "Und 2 weitere Warnungen." {
		t.Errorf("of three warnings it says %q", n.Body)
	}
}
