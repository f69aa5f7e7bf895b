#!/usr/bin/env bash
# `npm run browser`: journeys through the web pages in Chromium, with real clients. `npm run browser -- reading` runs only
# this file. It starts a Docker engine, so it needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh
require_tools '.*' test/browser/tools.txt
require_tools 'crane|dockerd'
require_build

files=()
for name in "$@"; do files+=("test/browser/$name.test.ts"); done
[[ $# -gt 0 ]] || files=(test/browser/*.test.ts)

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/berth-browser.XXXXXX")
export BERTH_CLIENTS_SCRATCH
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# A separate mount namespace with an empty /run and /var/lib: it removes the mounts of the engine.
unshare --mount --propagation private bash -c '
  mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mkdir /run/lock && exec "$@"
' bash "$node" --enable-source-maps test/run.mjs --concurrency 1 --files "${files[@]}" &
wait $!
