#!/bin/sh
# Makes the group, has the helper started when a member asks for it, and starts that
# at once where systemd runs. An upgrade leaves the socket as the administrator has it.
set -e
case "$1" in
configure | 1 | 2) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac
systemd-sysusers tidegate.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
systemctl enable --quiet tidegate-helper-recover.service
if [ "$1" = 1 ] || [ "$1" = configure ] && [ -z "$2" ]; then # installed, and no upgrade
	systemctl enable --quiet tidegate-helper.socket
	if [ -d /run/systemd/system ]; then
		systemctl start tidegate-helper.socket
	fi
fi
if [ -d /run/systemd/system ]; then
	systemctl try-restart tidegate-helper.service
fi
