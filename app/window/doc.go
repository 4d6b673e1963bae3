// Package window is the Fyne window: pages, dialogs and theme. It shows each
// session.State it is fed and turns what the user does into session.Commands;
// it decides nothing about access, and knows nothing of sockets.
//
// It never imports fyne/v2/app, so that all of it is tested without OpenGL;
// the program that makes the fyne.App calls New on Fyne's thread, then Run on
// a goroutine of its own. Widgets belong to Fyne's thread; (*Window).enter is
// the only place that gets there. Run and Inspect may be called from any other
// goroutine, everything else belongs to Fyne's.
//
//	states ──► Run ──► enter ──► render(State) ──► side, pages, dialogs
//	                                                      │
//	client.Do ◄── Run's sender ◄── queue ◄── clicks ◄─────┘
package window
