package main

import (
	"context"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/heap"
)

func runGateway(ctx context.Context, args []string) error {
	o := newOptions("gateway")
	words, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.only(words); err != nil {
		return err
	}
	if err := o.needConfig(); err != nil {
		return err
	}
	conf, err := gateway.LoadConfig(o.config)
	if err != nil {
		return err
	}
	heap.Floor(gateway.HeapFloor)
	signal.Ignore(syscall.SIGHUP) // there is nothing to reload
	g, err := gateway.New(gateway.Options{Config: conf, Log: o.log(slog.LevelInfo)})
	if err != nil {
		return err
	}
	if err := g.Listen(); err != nil {
		return err
	}
	return served(ctx, g.Run(ctx))
}
