#!/bin/sh
# Makes the group and starts the socket, where systemd runs. An upgrade leaves the
# socket as the administrator has it.
set -e
systemd-sysusers tidegate.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if [ "$1" = 1 ] || [ "$1" = configure ] && [ -z "$2" ]; then # as rpm and dpkg say it
		systemctl enable --now tidegate-helper.socket
	fi
	systemctl enable --quiet tidegate-helper-recover.service
	systemctl try-restart tidegate-helper.service
fi
