// Package desktop brings up a desktop of its own for tests and for the demo:
// a display (Xvfb), a window manager (openbox), a panel with a real tray
// (xfce4-panel, the StatusNotifier host), a notification service (dunst) and a
// keychain (gnome-keyring, the Secret Service), on a session bus that nothing
// else is on. No part is imitated; what a test sees is what a user sees.
//
// [Start] returns when all that was asked for answers. Everything lies in one
// new folder with its own home and XDG folders, so several desktops run beside
// each other and beside a real one, as root or as any user. A program under
// test is started with [Desktop.Command], or with [Desktop.Env] as its
// environment. [Desktop.Close] ends exactly the processes that were started,
// and they also end with the context of Start and with the process that
// called it, however that ends.
//
// The methods may be called from several goroutines, but there is one pointer
// and one keyboard. Every wait ends: with its context, and after ten seconds
// if that has no deadline. An error about a program ends with the last lines
// of its log.
//
// The programs are installed by packaging/deps.sh. Linux only.
package desktop
