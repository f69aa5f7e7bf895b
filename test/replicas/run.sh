#!/usr/bin/env bash
# `npm run replicas`: several replicas on real PostgreSQL and S3 servers behind HAProxy, with faults. No acknowledged push
# may be lost. `npm run replicas -- kill mirror` runs only these files. --short: a few seconds of load per fault, as
# ci/run.sh does; --long: two minutes per fault.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

if [[ $(id -u) -ne 0 ]]; then
  echo 'network namespaces and the user postgres need root: run it with sudo, or in a container' >&2
  exit 1
fi
# Debian does not put the server into PATH.
export PATH="/usr/lib/postgresql/15/bin:$PATH"
require_tools '.*' test/replicas/tools.txt
require_tools 'versitygw|helm|nginx|ip|docker-compose' test/clients/tools.txt
require_tools 'faketime|unshare|setpriv' test/faults/tools.txt
require_build

REPLICAS_SECONDS=15
minutes=10
files=()
for name in "$@"; do
  case $name in
    --short) REPLICAS_SECONDS=4 ;;
    --long) REPLICAS_SECONDS=120 minutes=60 ;;
    *) files+=("test/replicas/$name.test.ts") ;;
  esac
done
[[ ${#files[@]} -gt 0 ]] || files=(test/replicas/*.test.ts)
export REPLICAS_SECONDS

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${REPLICAS_ON:-${TMPDIR:-/tmp}}/berth-replicas.XXXXXX")
export BERTH_CLIENTS_SCRATCH
# PostgreSQL runs as another user.
chmod 755 "$BERTH_CLIENTS_SCRATCH"
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# In separate network and mount namespaces no test reaches another program of this machine, and the namespaces that
# tests create end with the run.
unshare --net --mount --propagation private bash -c '
  ip link set lo up && mount -t tmpfs tmpfs /run && mkdir /run/lock && exec "$@"
' bash "$node" --enable-source-maps test/run.mjs --concurrency 1 --minutes "$minutes" --files "${files[@]}" &
wait $!
