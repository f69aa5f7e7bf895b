#!/usr/bin/env bash
# `npm run s3`: runs the storage driver, the server and the HTTP API on a real S3 server: versitygw on a new folder.
# `npm run s3 -- driver api` runs only these parts. Parts: driver, sizes, server, import, api, redirect, conformance, clients.
# Without arguments it runs all parts except clients, which needs root and the tools of `npm run clients`.
set -euo pipefail
shopt -s globstar
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

require_tools 'versitygw|registry'
require_build
parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(driver sizes server import api redirect conformance)

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/berth-s3.XXXXXX")
export BERTH_CLIENTS_SCRATCH
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

mkdir -p "$BERTH_CLIENTS_SCRATCH/s3/berth"
export BERTH_STORAGE_DRIVER=s3
export BERTH_STORAGE_S3_BUCKET=berth
export BERTH_STORAGE_S3_FORCE_PATH_STYLE=true
export BERTH_STORAGE_S3_ACCESS_KEY_ID=berth
export BERTH_STORAGE_S3_SECRET_ACCESS_KEY=berth-secret

# Another process may take the port before versitygw does. Then the loop tries another port.
for ((tries = 0; tries < 10; tries++)); do
  port=$((20000 + RANDOM % 20000))
  ROOT_ACCESS_KEY=berth ROOT_SECRET_KEY=berth-secret versitygw --quiet --keep-alive \
    --port "127.0.0.1:$port" posix "$BERTH_CLIENTS_SCRATCH/s3" > "$BERTH_CLIENTS_SCRATCH/versitygw.log" 2>&1 &
  server=$!
  for ((waited = 0; waited < 100; waited++)); do
    if ! kill -0 "$server" 2> /dev/null; then break; fi
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then break 2; fi
    sleep 0.1
  done
done
export BERTH_STORAGE_S3_ENDPOINT="http://127.0.0.1:$port"

tests() {
  "$node" --enable-source-maps test/run.mjs --concurrency 2 --files "$@" &
  wait $!
}

# api REDIRECT FILE...: runs tests of the HTTP API. BERTH_TEST_S3 passes them the configuration keys.
api() {
  local redirect=$1
  shift
  BERTH_TEST_S3=$(printf '{"storage.driver":"s3","storage.s3.bucket":"berth","storage.s3.endpoint":"%s","storage.s3.forcePathStyle":"true","storage.s3.accessKeyId":"berth","storage.s3.secretAccessKey":"berth-secret","storage.s3.redirect":"%s"}' \
    "$BERTH_STORAGE_S3_ENDPOINT" "$redirect")
  export BERTH_TEST_S3
  tests "$@"
}

failed=0
for part in "${parts[@]}"; do
  echo "== $part"
  case $part in
    driver | sizes | server | import) tests "test/s3/$part.test.ts" || failed=1 ;;
    api)
      api false test/http/*.test.ts test/http/{middleware,ops,registry,token}/**/*.test.ts || failed=1
      ;;
    # Only reads of blobs are redirected.
    redirect) api true test/http/registry/**/*.test.ts || failed=1 ;;
    conformance | clients)
      for redirect in false true; do
        BERTH_STORAGE_S3_REDIRECT=$redirect bash "test/$part/run.sh" || failed=1
      done
      ;;
    *)
      echo "there is no part $part" >&2
      failed=1
      ;;
  esac
done
exit "$failed"
