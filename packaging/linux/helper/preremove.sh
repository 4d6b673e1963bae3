#!/bin/sh
# Stops the helper, and undoes what it did for users: nobody else would. An
# upgrade leaves all that to the helper that comes.
set -e
case "$1" in
remove | 0) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl stop tidegate-helper.socket tidegate-helper.service
fi
systemctl disable --quiet tidegate-helper.socket tidegate-helper-recover.service
if [ -d /run/tidegate/helper ] || [ -d /var/lib/tidegate/dns ]; then
	if /usr/libexec/tidegate-helper -undo; then
		rm -rf /var/lib/tidegate/dns
	else
		echo "tidegate-helper: what it did for users ends with the next start of the machine; see that /etc/resolv.conf names your network's servers" >&2
	fi
fi
