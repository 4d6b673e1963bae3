#!/bin/sh
# Has systemd forget the units, and with a purge forgets the helper's state and the
# group: no file is the group's but the socket, which is gone.
set -e
case "$1" in
remove | purge | 0) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /run/tidegate /var/lib/tidegate
	if getent group tidegate >/dev/null && ! groupdel tidegate; then
		echo "tidegate: the group tidegate stays: see above" >&2
	fi
fi
