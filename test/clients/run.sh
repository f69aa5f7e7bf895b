#!/usr/bin/env bash
# `npm run clients`: runs real clients, each with a new Berth server.
# `npm run clients -- crane oras` runs only these files. REGISTRY=host:port tests another registry instead.
set -euo pipefail
shopt -s extglob
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

if [[ $(id -u) -ne 0 ]]; then
  echo 'the engines need root: run it with sudo, or in a container' >&2
  exit 1
fi
require_tools '.*'
require_tools strace test/faults/tools.txt
require_build

files=()
for name in "$@"; do files+=("test/clients/$name.test.ts"); done
if [[ $# -eq 0 && -n ${BERTH_CLIENTS_REPLICAS:-} ]]; then
  # These start servers of their own.
  files=(test/clients/!(compose|docs|package|systemd).test.ts)
elif [[ $# -eq 0 ]]; then
  files=(test/clients/*.test.ts)
fi

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/berth-clients.XXXXXX")
export BERTH_CLIENTS_SCRATCH
# PostgreSQL of the replicas runs as another user.
chmod 755 "$BERTH_CLIENTS_SCRATCH"
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# The tests run in a separate mount namespace with an empty /run and /var/lib. It removes the mounts of the engines.
# localhost resolves to ::1 first, as on many machines: clients must reach a registry on 127.0.0.1 under this name.
printf '::1 localhost\n' | cat - /etc/hosts > "$BERTH_CLIENTS_SCRATCH/hosts"
unshare --mount --propagation private bash -c '
  mount --bind "$BERTH_CLIENTS_SCRATCH/hosts" /etc/hosts &&
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mkdir /run/lock && exec "$@"
' bash "$node" --enable-source-maps test/run.mjs --concurrency 2 --files "${files[@]}" &
wait $!
