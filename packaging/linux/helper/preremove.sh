#!/bin/sh
# Stops the helper, and undoes what it did for users: nobody else would. An
# upgrade leaves all that to the helper that comes.
set -e
case "$1" in
remove | 0) ;; # as dpkg and rpm say it
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now tidegate-helper.socket tidegate-helper.service
fi
if [ -d /run/tidegate/helper ]; then
	/usr/libexec/tidegate-helper -undo || echo "tidegate-helper: what it did for users ends with the next start of the machine" >&2
fi
