#!/bin/sh
# Makes the database where there is none yet, then becomes the server; any other command is run as it is.
set -eu
[ "$1" = postgres ] || exec "$@"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s\n' "${POSTGRES_PASSWORD:?the first start needs the password to set}" > /tmp/password
  initdb --auth=scram-sha-256 --pwfile=/tmp/password
  rm /tmp/password
fi
unset POSTGRES_PASSWORD
exec "$@" -c "listen_addresses=$LISTEN" -c unix_socket_directories=/tmp
