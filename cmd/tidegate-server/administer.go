package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/wire"
)

// task finds what to ask of the running controller over its socket.
func task(words []string) (func(ctx context.Context, socket string) error, bool) {
	verb, args := "", words
	if len(words) > 0 {
		verb, args = words[0], words[1:]
	}
	switch {
	case verb == "enrol" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return printLink(controller.AdminEnrol(ctx, socket, args[0]))
		}, true
	case verb == "enrol-gateway" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return printLink(controller.AdminEnrolGateway(ctx, socket, args[0]))
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "session":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeSession(ctx, socket, wire.SessionID(args[1]))
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "user":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeUser(ctx, socket, args[1])
		}, true
	case verb == "revoke" && len(args) == 2 && args[0] == "device":
		return func(ctx context.Context, socket string) error {
			return controller.AdminRevokeDevice(ctx, socket, wire.DeviceID(args[1]))
		}, true
	case verb == "restore" && len(args) == 1:
		return func(ctx context.Context, socket string) error {
			return controller.AdminRestoreUser(ctx, socket, args[0])
		}, true
	case verb == "sessions" && len(args) == 0:
		return func(ctx context.Context, socket string) error {
			list, err := controller.AdminSessions(ctx, socket)
			if err != nil {
				return err
			}
			return printSessions(os.Stdout, list)
		}, true
	case verb == "audit" && len(args) == 0:
		return func(ctx context.Context, socket string) error {
			records, err := controller.AdminAudit(ctx, socket)
			if err != nil {
				return err
			}
			return printAudit(os.Stdout, records)
		}, true
	}
	return nil, false
}

func printLink(l wire.EnrolmentLink, err error) error {
	if err != nil {
		return err
	}
	fmt.Println(l)
	return nil
}
