package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// The whole menu is in the language, with the forms that its numbers take.
func TestMenuInEachLanguage(t *testing.T) {
	t.Cleanup(func() { lang.Set("") })
	alpha, beta := web("alpha", session.AppInUse), web("beta", session.AppNeedsYou)
	alpha.Until = noon.Add(27 * time.Hour)
	s := beside(func(v *session.VPN) {
		v.Warnings = []session.VPNWarning{{Connection: "a", Ahead: true}, {Connection: "b", Ahead: true}, {Connection: "b", Ahead: true}}
	}, classic("a", "Office", session.VPNDisconnected), classic("b", "Lab", session.VPNDisconnected), classic("c", "Home", session.VPNReconnecting))
	s.At, s.User.Name, s.Apps = noon, "ada", []session.App{alpha, beta, web("gamma", session.AppBlocked)}
	for _, tt := range []struct{ tag, menu, tip string }{
		{"de", `
Alle Anwendungen…
---
Office verbinden – 1 Warnung
Lab verbinden – 2 Warnungen
Home trennen – wird neu verbunden
Verbindungen…
Tidegate öffnen
Abmelden
Beenden
`, "Alpha bis 3. März 15:00"},
		{"fr", `
Toutes les applications…
---
Connecter Office – 1 avertissement
Connecter Lab – 2 avertissements
Déconnecter Home – reconnexion
Connexions…
Ouvrir Tidegate
Se déconnecter
Quitter
`, "Alpha jusqu’à 3 mars 15:00"},
		{"es", `
Todas las aplicaciones…
---
Conectar Office – 1 advertencia
Conectar Lab – 2 advertencias
Desconectar Home – reconectando
Conexiones…
Abrir Tidegate
Cerrar sesión
Salir
`, "Alpha hasta 3 mar 15:00"},
	} {
		lang.Set(tt.tag)
		menu := MenuFor(s).String()
		lines := strings.SplitAfter(menu, "\n")
		if diff := cmp.Diff(strings.TrimPrefix(tt.menu, "\n"), strings.Join(lines[5:], "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.tag, diff)
		}
		for _, word := range []string{"until", "use", "needs", "blocked"} {
			if strings.Contains(menu, word) {
				t.Errorf("%s: %q is left in\n%s", tt.tag, word, menu)
			}
		}
		if tip := IconFor(s).Tooltip; !strings.Contains(tip, tt.tip) {
			t.Errorf("%s: the tool tip is %q, without %q", tt.tag, tip, tt.tip)
		}
	}
}
