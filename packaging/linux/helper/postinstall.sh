#!/bin/sh
# Makes the group, has the helper started when a member asks for it, and starts that
# at once where systemd runs. An upgrade leaves the socket as the administrator has it,
# and so does an installation after a removal: preremove.sh notes how it was.
set -e
case "$1" in
configure | abort-remove | 1 | 2) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac

# enable UNIT: unless the administrator has masked it.
enable() {
	case $(systemctl is-enabled "$1" 2>/dev/null) in
	masked*) ;;
	*) systemctl enable --quiet "$1" ;;
	esac
}

# now ACTION UNIT: where systemd runs, and the machine's policy has nothing against it.
# What fails leaves no package half installed: systemd says why.
now() {
	[ -d /run/systemd/system ] || return 0
	if command -v deb-systemd-invoke >/dev/null; then
		deb-systemd-invoke "$@" || true
	else
		systemctl "$@" || true
	fi
}

was=/var/lib/tidegate/socket-enabled
systemd-sysusers tidegate.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
enable tidegate-helper-recover.service
if [ "$1" = 1 ] || [ "$1" = configure ] && [ -z "$2" ] || [ -e "$was" ]; then # it is new, or was so before
	enable tidegate-helper.socket
	if systemctl is-enabled --quiet tidegate-helper.socket 2>/dev/null; then
		now start tidegate-helper.socket
	fi
fi
rm -f "$was"
# These leave our devices alone from now on, and not only once they are started anew.
for manager in NetworkManager systemd-networkd; do
	if [ -d /run/systemd/system ] && systemctl is-active --quiet "$manager.service"; then
		now reload "$manager.service"
	fi
done
now try-restart tidegate-helper.service
