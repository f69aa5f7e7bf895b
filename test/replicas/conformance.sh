#!/usr/bin/env bash
# `npm run replicas-conformance`: the conformance suite and the policy tables against two replicas on PostgreSQL behind
# HAProxy, which sends each request to the other replica than the request before: POST, PATCH and PUT of one upload too.
# `npm run replicas-conformance -- conformance` runs only this part. Parts: conformance, policy, api, and clients, which
# takes the names of files: `npm run replicas-conformance -- clients crane oras`.
set -euo pipefail
shopt -s globstar
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

if [[ $(id -u) -ne 0 ]]; then
  echo 'PostgreSQL runs as the user postgres, which needs root: run it with sudo, or in a container' >&2
  exit 1
fi
export PATH="/usr/lib/postgresql/15/bin:$PATH"
require_tools 'postgres|haproxy' test/replicas/tools.txt
require_tools 'versitygw|conformance' test/clients/tools.txt
require_build

if [[ ${1:-} == clients ]]; then
  shift
  export BERTH_CLIENTS_REPLICAS=2
  exec bash test/clients/run.sh "$@"
fi
parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(conformance policy)

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/berth-replicas.XXXXXX")
export BERTH_CLIENTS_SCRATCH
# PostgreSQL runs as another user.
chmod 755 "$BERTH_CLIENTS_SCRATCH"
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

tests() {
  "$node" --enable-source-maps test/run.mjs --files "$@" &
  wait $!
}

# Starts PostgreSQL for tests that open both replicas in their own process.
start_postgres() {
  local folder=$BERTH_CLIENTS_SCRATCH/postgres port
  if [[ -d $folder ]]; then return; fi
  mkdir -m 700 "$folder"
  chown postgres "$folder"
  (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups \
    initdb -D "$folder" -U postgres -A trust --no-sync -E UTF8 > /dev/null)
  port=$((20000 + RANDOM % 20000))
  (cd / && exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$folder" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
    > "$BERTH_CLIENTS_SCRATCH/postgres.log" 2>&1) &
  for ((waited = 0; waited < 300; waited++)); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then break; fi
    sleep 0.1
  done
  export BERTH_TEST_DATABASE=postgres BERTH_TEST_REPLICAS=2
  export BERTH_TEST_DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

failed=0
for part in "${parts[@]}"; do
  echo "== $part"
  case $part in
    conformance) BERTH_CLIENTS_REPLICAS=2 tests --concurrency 1 test/conformance/suite.test.ts || failed=1 ;;
    policy)
      start_postgres
      tests test/policy/*.test.ts || failed=1
      ;;
    api)
      start_postgres
      tests test/http/{registry,token}/**/*.test.ts || failed=1
      ;;
    *)
      echo "there is no part $part" >&2
      failed=1
      ;;
  esac
done
exit "$failed"
