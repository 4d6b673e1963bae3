package app

import "testing"

func TestUserService(t *testing.T) {
	for groups, want := range map[string]bool{
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/tidegate.service\n":                            true,
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.tidegate.Tidegate@autostart.service\n": true,
		"1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/tidegate.service\n0::/\n":          true,
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.tidegate.Tidegate-4711.scope\n":  false,
		"0::/user.slice/user-1000.slice/session-2.scope\n":                                                         false,
		"0::/system.slice/cron.service\n":                                                     false,
		"0::/user.slice/user-1000.slice/user@1000.service\n":                                  false,
		"4:memory:/user.slice/user-1000.slice/user@1000.service/app.slice/tidegate.service\n": false,
		"":        false,
		"damaged": false,
	} {
		if got := userService(groups); got != want {
			t.Errorf("%q: %v", groups, got)
		}
	}
}
