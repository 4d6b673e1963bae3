package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store/natskv"
)

func runController(ctx context.Context, args []string) error {
	o := newWishes()
	words, err := o.parse(args)
	if err != nil {
		return err
	}
	if len(words) == 1 && words[0] == "hash-password" {
		return hashPassword(os.Stdin, os.Stdout)
	}
	task, ok := task(o, words)
	if !ok && len(words) > 0 {
		return usageError("controller: unknown command %q", strings.Join(words, " "))
	}
	if err := o.needConfig(); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1) // from here on one does not kill
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	conf, err := config.Load(o.config)
	if err != nil {
		return err
	}
	if ok {
		return task(ctx, controller.AdminSocket(conf.StateDir))
	}
	return served(ctx, serveController(ctx, o.options, conf, hangup))
}

func serveController(ctx context.Context, o *options, conf *config.Config, hangup <-chan os.Signal) (err error) {
	log := o.log(slog.LevelInfo)
	st, err := natskv.Open(ctx, natskv.Options{Dir: filepath.Join(conf.StateDir, "store"), Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	c, err := controller.New(controller.Options{Config: conf, Source: o.config, Store: st, Logger: log})
	if err != nil {
		return err
	}
	if err := c.Listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	reloads := make(chan struct{})
	go func() {
		defer close(reloads)
		reload(ctx, hangup, o.config, c, log)
	}()
	err = c.Run(ctx)
	cancel()
	<-reloads
	return err
}

// reload reads the file again whenever told to, until ctx is over. What is wrong
// in it is logged line by line, and the controller goes on with what it has.
func reload(ctx context.Context, hangup <-chan os.Signal, file string, c *controller.Controller, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		loaded := false
		err := c.ReloadFrom(ctx, func() (*config.Config, error) {
			conf, err := config.Load(file)
			loaded = err == nil
			return conf, err
		})
		if err != nil && !loaded {
			for line := range strings.Lines(err.Error()) {
				log.Error("the configuration was not reloaded", "error", strings.TrimSuffix(line, "\n"))
			}
			continue
		}
		if err != nil {
			log.Error("the configuration was not reloaded whole; mend it and send SIGHUP again", "error", err)
			continue
		}
		log.Info("the configuration was reloaded", "file", file)
	}
}
