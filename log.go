package main

import (
	"log/slog"
	"os"
)

// logger writes to standard error; TIDEGATE_LOG=debug says more.
func logger() *slog.Logger {
	level := slog.LevelInfo
	if os.Getenv("TIDEGATE_LOG") == "debug" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log) // the libraries' own words go the same way
	return log
}
