#!/usr/bin/env bash
# The main job on real input: builds examples/app and examples/app2, which share a base and two RUN layers, shows both
# histories and the cache hits, runs the first app and asks it for a page. As root, or as a user with sudo (debootstrap
# needs it). Everything it makes lies below $RBUILD_QUICKSTART (default: ~/.cache/rbuild-quickstart).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${RBUILD_QUICKSTART:-${XDG_CACHE_HOME:-$HOME/.cache}/rbuild-quickstart}
port=${PORT:-8080}
export RBUILD_ROOT=${RBUILD_ROOT:-$work/store}
mkdir -p "$work"

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
. "$here/debian-base.sh"

say "building rbuild"
need curl curl
need cc gcc
cargo build --release --manifest-path "$here/../Cargo.toml" -p rbuild
rbuild=$(cargo metadata --manifest-path "$here/../Cargo.toml" --format-version 1 --no-deps \
  | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/rbuild

# FROM ubuntu: from the registry where one answers, else from Debian's archive under that name.
base=()
if [ -d "$work/base" ] || ! "$rbuild" pull --quiet ubuntu >/dev/null 2>&1; then
  if [ ! -d "$work/base" ]; then
    say "no registry answers for 'ubuntu': making a base from Debian bookworm with this machine's own apt sources"
    debian_base "$work/base" "$rbuild"
  fi
  say "note: 'ubuntu' below is Debian bookworm, handed in with --build-context"
  base=(--build-context "ubuntu=oci-layout://$work/base:debian:bookworm")
fi

say "building app: base, apt-get, pip, source, entrypoint"
"$rbuild" -f "$here/app/Dockerfile" -t app "${base[@]}" "$here/app"

say "building app2: the same base, apt-get and pip layers come from the cache"
"$rbuild" -f "$here/app2/Dockerfile" -t app2 "${base[@]}" "$here/app2" 2>&1 | tee "$work/app2.log"
echo "steps of app2 that were cached: $(grep -c ' CACHED$' "$work/app2.log")"

say "history of app"
"$rbuild" history app
say "history of app2"
"$rbuild" history app2
say "who shares what"
"$rbuild" history --tree app app2

say "running app and asking it for a page"
"$rbuild" run --rm --name quickstart -e "PORT=$port" app >"$work/run.log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  if answer=$(curl -fsS --noproxy '*' "http://127.0.0.1:$port/" 2>/dev/null); then
    echo "http://127.0.0.1:$port/ answers: $answer"
    exit 0
  fi
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
echo "the app did not answer; it said:" >&2
cat "$work/run.log" >&2
exit 1
