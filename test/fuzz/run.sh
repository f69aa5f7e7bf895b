#!/usr/bin/env bash
# `npm run fuzz`: sends random requests from a grammar over all routes to real Berth processes, for ten minutes.
# `npm run fuzz -- --seconds 90 --seed 7` sets the duration, and repeats the requests of an earlier run.
set -euo pipefail
cd "$(dirname "$0")/../.."

FUZZ_SECONDS=600
FUZZ_SEED=$((RANDOM * 32768 + RANDOM))
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds) FUZZ_SECONDS=$2 ;;
    --seed) FUZZ_SEED=$2 ;;
    *)
      echo "there is no option $1; usage: npm run fuzz -- [--seconds N] [--seed N]" >&2
      exit 2
      ;;
  esac
  shift 2
done
export FUZZ_SECONDS FUZZ_SEED

node build.mjs
exec node --import ./test/support/register.mjs --test --test-reporter=spec test/fuzz/*.test.ts
