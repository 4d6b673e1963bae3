package natskv

import (
	"fmt"
	"log/slog"
)

// logger hands what the embedded server says to slog. A fatal one is an error
// here: Open and the writes report it.
type logger struct{ *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.Debug("store: " + fmt.Sprintf(format, v...)) }
func (l logger) Warnf(format string, v ...any)   { l.Warn("store: " + fmt.Sprintf(format, v...)) }
func (l logger) Errorf(format string, v ...any)  { l.Error("store: " + fmt.Sprintf(format, v...)) }
func (l logger) Fatalf(format string, v ...any)  { l.Error("store: " + fmt.Sprintf(format, v...)) }
func (l logger) Debugf(format string, v ...any)  { l.Debug("store: " + fmt.Sprintf(format, v...)) }
func (l logger) Tracef(format string, v ...any)  { l.Debug("store: " + fmt.Sprintf(format, v...)) }
