#!/bin/sh
# Makes the group and starts the socket, where systemd runs.
set -e
systemd-sysusers tidegate.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl enable --now tidegate-helper.socket
	systemctl try-restart tidegate-helper.service
fi
