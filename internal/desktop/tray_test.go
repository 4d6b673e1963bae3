//go:build linux

package desktop_test

import (
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/desktop"
)

func TestTray(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := start(t, desktop.Panel)
	// Built without the race detector: the library has races of its own.
	binary := filepath.Join(t.TempDir(), "tray")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./testdata/tray").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	app := d.Command(ctx, binary)
	app.Stderr = os.Stderr
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	item, err := d.WaitTrayItem(ctx, "Harness", func(i desktop.TrayItem) bool { return i.Icon != nil && i.Tooltip != "" })
	if err != nil {
		t.Fatal(err)
	}
	if item.Tooltip != "Harness is idle" || item.Status != "Active" {
		t.Errorf("status %q, tooltip %q", item.Status, item.Tooltip)
	}
	green := color.NRGBA{R: 0x3d, G: 0xd6, B: 0x8c, A: 0xff}
	if got := item.Icon.NRGBAAt(16, 16); got != green {
		t.Errorf("the icon's centre is %v, want %v", got, green)
	}
	menu, err := d.WaitTrayMenu(ctx, item, "Quit", func(m desktop.Menu) bool {
		_, below := m.Find("More", "Choice")
		_, last := m.Find("Quit")
		return below && last
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{"Firstthing [disabled]", "---", "More", "  Choice [checked]", "Quit", ""}, "\n")
	if diff := cmp.Diff(want, menu.String()); diff != "" {
		t.Errorf("the menu differs (-want +got):\n%s", diff)
	}

	at, err := d.WaitTrayIcon(ctx)
	if err != nil {
		t.Fatal(err)
	}
	shot(t, d, "tray.png")
	popup, err := d.OpenTrayMenu(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if popup.Dy() < 3*20 {
		t.Errorf("three items and a separator are drawn in %v", popup)
	}
	shot(t, d, "menu.png")
	if err := d.CloseTrayMenu(ctx); err != nil {
		t.Fatal(err)
	}

	if err := d.Click(ctx, at); err != nil {
		t.Fatal(err)
	}
	tooltip := func(text string) {
		t.Helper()
		_, err := d.WaitTrayItem(ctx, "Harness", func(i desktop.TrayItem) bool { return i.Tooltip == text })
		if err != nil {
			t.Fatal(err)
		}
	}
	tooltip("Harness was clicked")
	if err := d.ClickTrayMenu(ctx, item, "More", "Choice"); err != nil {
		t.Fatal(err)
	}
	tooltip("Choice was chosen")
	if err := d.Activate(ctx, item); err != nil {
		t.Fatal(err)
	}
	tooltip("Harness was clicked")

	if err := d.StopPanel(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := d.TrayItems(ctx); err == nil {
		t.Error("there is a tray without a panel")
	}
	if err := d.StartPanel(ctx); err != nil {
		t.Fatal(err)
	}
	if item, err = d.WaitTrayItem(ctx, "Harness", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.ClickTrayMenu(ctx, item, "Quit"); err != nil {
		t.Fatal(err)
	}
	if err := app.Wait(); err != nil {
		t.Errorf("the application in the tray: %v", err)
	}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := start(t, desktop.Notifications)
	conn, err := dbus.Connect(d.Bus())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id uint32
	err = conn.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").CallWithContext(ctx,
		"org.freedesktop.Notifications.Notify", 0, "Harness", uint32(0), "dialog-information",
		"Access ends soon", "Wiki needs a new code\nby 14:00.", []string{"default", "Open"},
		map[string]dbus.Variant{"urgency": dbus.MakeVariant(byte(2))}, int32(-1)).Store(&id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.WaitNotification(ctx, "Wiki needs a new code by 14:00.")
	if err != nil {
		t.Fatal(err)
	}
	want := desktop.Notification{
		App: "Harness", Icon: "dialog-information", Summary: "Access ends soon", Body: "Wiki needs a new code\nby 14:00.",
		Actions: []string{"default", "Open"}, Urgency: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the notification differs (-want +got):\n%s", diff)
	}
	if all := d.Notifications(); len(all) != 1 {
		t.Errorf("recorded %v, want one", all)
	}
	if _, err := d.WaitWindow(ctx, "Dunst"); err != nil {
		t.Error(err)
	}
	shot(t, d, "notification.png")
	if err := d.CloseNotifications(ctx); err != nil {
		t.Error(err)
	}
	if err := d.WaitNoWindow(ctx, "Dunst"); err != nil {
		t.Error(err)
	}
}

// shot saves a picture where the tests' pictures are kept.
func shot(t *testing.T, d *desktop.Desktop, name string) {
	t.Helper()
	if err := d.Screenshot(t.Context(), fmt.Sprintf("../../build/desktop/%s", name)); err != nil {
		t.Error(err)
	}
}
