#!/bin/sh
# Stops the helper, and undoes what it did for users: nobody else would. An
# upgrade leaves all that to the helper that comes. With dpkg a removal is not the
# end of the settings, and so not of whether the socket is enabled: postinstall.sh
# reads what is noted here, and a purge removes it.
set -e
case "$1" in
remove | 0) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac
if [ "$1" = remove ] && systemctl is-enabled --quiet tidegate-helper.socket 2>/dev/null; then
	mkdir -p -m 755 /var/lib/tidegate
	: >/var/lib/tidegate/socket-enabled
fi
if [ -d /run/systemd/system ]; then
	systemctl stop tidegate-helper.socket tidegate-helper.service || true # it says why
fi
systemctl disable --quiet tidegate-helper.socket tidegate-helper-recover.service || true
if [ -d /run/tidegate/helper ] || [ -d /var/lib/tidegate/dns ]; then
	if /usr/libexec/tidegate-helper -undo; then
		rm -rf /var/lib/tidegate/dns
	else
		echo "tidegate-helper: what it did for users ends with the next start of the machine; see that /etc/resolv.conf names your network's servers" >&2
	fi
fi
