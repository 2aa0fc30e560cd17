#!/usr/bin/env bash
# Makes a Debian base image where no registry offers one: debian-base.sh DIR RBUILD leaves an OCI layout in DIR that holds
# debian:bookworm, made with debootstrap from the machine's own apt sources. Hand it to a build with
# --build-context debian:bookworm=oci-layout://DIR:debian:bookworm (any name of a FROM will do). What is there already is
# kept, so delete DIR to make it anew. As root, or as a user with sudo (debootstrap needs it). Can be sourced for its functions.

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

need() { # PROGRAM PACKAGE: installs a missing program through the system's package manager
  PATH=$PATH:/usr/sbin command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || { echo "$1 is missing: install the package that has it" >&2; exit 1; }
  echo "installing $2"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
}

debian_base() { # DIR RBUILD
  local base=$1 rbuild=$2 root=$1.rootfs
  need debootstrap debootstrap
  as_root rm -rf "$root" "$base.partial"
  as_root env PATH="$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >"$base.log" \
    || { tail -5 "$base.log" >&2; exit 1; }
  # A machine behind a proxy or mirror says so in its apt and pip configuration and its certificates; the image needs them.
  for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/pip.conf /usr/local/share/ca-certificates; do
    if [ -e "$path" ]; then as_root cp -aL "$path" "$root$(dirname "$path")/"; fi
  done
  as_root cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  # As in Debian's own images: what is installed is not started.
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$root/usr/sbin/policy-rc.d" >/dev/null
  as_root chmod 755 "$root/usr/sbin/policy-rc.d"
  as_root rm -rf "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
  as_root mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
  as_root tar -C "$root" --numeric-owner -cf - . >"$base.tar"
  as_root rm -rf "$root"
  RBUILD_ROOT=$base.partial "$rbuild" import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'CMD ["bash"]' "$base.tar" debian:bookworm
  rm "$base.tar" "$base.log"
  chmod 755 "$base.partial" # nothing in it is secret, and any user may build on it
  mv "$base.partial" "$base"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  [ $# = 2 ] || { echo "usage: $0 DIR RBUILD" >&2; exit 2; }
  mkdir -p "$(dirname "$1")"
  # Two at once would make it twice: the second waits and finds it.
  exec 9>"$1.lock"
  flock 9
  [ -d "$1" ] || debian_base "$1" "$2"
fi
