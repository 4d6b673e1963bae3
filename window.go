package main

import (
	"context"
	"log/slog"
	"os"

	fyneapp "fyne.io/fyne/v2/app"

	"github.com/tidegate/tidegate/app"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/viewer"
)

// appID names the application to the desktop, as FyneApp.toml does; what the
// window remembers of a named profile lies beside it, below a name of its own.
const appID = "org.tidegate.Tidegate"

func windowID(p profile.Profile) string {
	if p.Name == "" {
		return appID
	}
	return appID + "." + p.Name
}

// showWindow is the window process. It is the only place that makes a Fyne
// application: the tray process has none, and so no display to lose.
func showWindow(ctx context.Context, p profile.Profile, log *slog.Logger) error {
	if err := app.NoDisplay(); err != nil {
		return err
	}
	client, err := local.Dial(p)
	if err != nil {
		return err
	}
	defer client.Close()
	return viewer.Run(ctx, viewer.Options{App: fyneapp.NewWithID(windowID(p)), Client: client, Instance: app.Replaceable{Client: client, Profile: p},
		Inspect: os.Getenv("TIDEGATE_INSPECT"), Log: log, Force: func() { os.Exit(0) }})
}
