#!/bin/sh
# Stops the helper; the devices that it has opened go with their clients.
set -e
if [ -d /run/systemd/system ]; then
	systemctl disable --now tidegate-helper.socket tidegate-helper.service
fi
