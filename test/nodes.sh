#!/usr/bin/env bash
# `npm run nodes`: what reads JSON and manifests, on every supported major version of Node and on the next one. V8's
# JSON.parse differs between them (https://github.com/nodejs/node/issues/63785). Versions come from the npm registry;
# NODES="24 26" narrows the run.
set -euo pipefail
cd "$(dirname "$0")/.."

files=(test/oci/*.test.ts)
code=0
for version in ${NODES:-20 22 24 26}; do
  echo "== Node $version"
  npx --yes --package "node@$version" node --version
  npx --yes --package "node@$version" node --enable-source-maps test/run.mjs --files "${files[@]}" || code=1
done
exit "$code"
