package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
)

// options are the flags that the servers share.
type options struct {
	*flag.FlagSet
	config  string
	verbose bool
}

func newOptions(name string) *options {
	o := &options{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	o.SetOutput(io.Discard) // run's caller prints errors
	o.StringVar(&o.config, "config", "", "the configuration file (YAML)")
	o.BoolVar(&o.verbose, "verbose", false, "log more")
	return o
}

// parse takes flags before and behind the words, and returns the words.
func (o *options) parse(args []string) ([]string, error) {
	var words []string
	for {
		if err := o.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError("%s: %v", o.Name(), err)
		}
		if o.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, o.Arg(0)), o.Args()[1:]
	}
}

// only refuses words where there is nothing to say but flags.
func (o *options) only(words []string) error {
	if len(words) > 0 {
		return usageError("%s: unknown command %q", o.Name(), strings.Join(words, " "))
	}
	return nil
}

func (o *options) needConfig() error {
	if o.config == "" {
		return usageError("which configuration? Write --config FILE")
	}
	return nil
}

// log is the servers' log, from the given level up.
func (o *options) log(level slog.Level) *slog.Logger {
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
