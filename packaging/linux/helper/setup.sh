#!/bin/sh
# Has the helper started whenever a client asks for it, and puts whoever wanted that in
# its group. The window's settings have it run by pkexec, after an administrator's
# password; in a terminal it is: sudo /usr/libexec/tidegate-helper-setup
#
# It takes no arguments, and of its environment only who pkexec or sudo says asked. What
# users may have of the helper stays as the administrator has it: /etc/tidegate/helper.toml.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

die() {
	printf 'tidegate-helper-setup: %s\n' "$@" >&2
	exit 1
}

[ $# = 0 ] || die "it takes no arguments"
uid=${PKEXEC_UID:-${SUDO_UID:-}}
case $uid in
*[!0-9]*) die "there is no user '$uid'" ;;
esac
name=root
if [ -n "$uid" ]; then
	name=$(getent passwd "$uid") || die "there is no user $uid"
	name=${name%%:*}
fi

systemd-sysusers tidegate.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
systemctl enable --quiet tidegate-helper.socket tidegate-helper-recover.service
if [ -d /run/systemd/system ]; then
	systemctl start tidegate-helper.socket
fi
if [ "$name" != root ]; then
	gpasswd --add "$name" tidegate >/dev/null
fi
