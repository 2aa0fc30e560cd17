# What .ci/run and .ci/full share. Sourced, not run.

# Everything beyond Rust that the checks use, through the system's package manager.
install_packages() {
  local packages=(attr btrfs-progs busybox-static bzip2 curl debootstrap docker-registry file fuse-overlayfs gcc git jq libcap2-bin make musl-tools passt podman procps python3 python3-yaml
    qemu-user-static runc skopeo slirp4netns strace tar time uidmap umoci util-linux xfsprogs xz-utils zfs-fuse zstd)
  if ! dpkg-query -W -f '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | grep -c '^installed' | grep -qx "${#packages[@]}"; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
  fi
  rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl
}

# The directory cargo builds into.
target_dir() { cargo metadata --format-version 1 --no-deps | jq -r .target_directory; }

# Runs a cargo test command and adds its tests to the count.
count_cargo() {
  local log status=0
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || status=$?
  passed=$((passed + $(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | paste -sd+ | sed 's/^$/0/' | bc_sum)))
  failed=$((failed + $(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$log" | paste -sd+ | sed 's/^$/0/' | bc_sum)))
  rm -f "$log"
  if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
}

bc_sum() { local sum; read -r sum; echo $((sum)); }

# Runs a check that closes with "N passed, N failed" and adds its counts.
count_last() {
  local log line status=0
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
  rm -f "$log"
  if [ -z "$line" ]; then
    echo "'$1 $2' ended with status $status and no count"
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + ${line%% passed*}))
  line=${line#*, }
  failed=$((failed + ${line%% failed}))
}

# Fails unless the binary needs no shared library and no interpreter.
check_static() {
  file "$1"
  if ldd "$1" 2>&1 | grep -vq -e 'statically linked' -e 'not a dynamic executable'; then
    echo "$1 is not static:"
    ldd "$1"
    exit 1
  fi
}
