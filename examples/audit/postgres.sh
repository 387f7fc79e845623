#!/bin/sh
# SPDX-License-Identifier: MIT
# postgres.sh DIR PORT - a PostgreSQL of its own in DIR, made when it is not there, on 127.0.0.1:PORT. Not for data that matters.
#
# PostgreSQL does not run as root: then the user postgres runs it.
set -eu
dir=$1 port=$2 as=""
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
if [ "$(id -u)" -eq 0 ]; then
	as="setpriv --reuid=postgres --regid=postgres --clear-groups"
	if ! $as test -x "$(dirname "$dir")"; then
		echo "postgres.sh: the user postgres cannot reach $dir: choose another --runs-dir" >&2
		exit 1
	fi
	mkdir -p "$dir"
	chown postgres:postgres "$dir"
else
	mkdir -p "$dir"
fi
chmod 700 "$dir"
cd "$dir"
[ -s "$dir/PG_VERSION" ] || $as "$bin/initdb" -D "$dir" -U postgres -A trust -N -E UTF8 --locale=C >/dev/null
exec $as "$bin/postgres" -D "$dir" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=50
