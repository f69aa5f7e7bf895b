#!/usr/bin/env bash
# `npm run conformance`: runs the official distribution-spec suite against new Berth servers, in two profiles.
# REGISTRY=host:port tests another registry instead. The reports are kept in test-results/conformance.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

require_tools 'conformance|registry'
require_build

BERTH_CLIENTS_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/berth-conformance.XXXXXX")
export BERTH_CLIENTS_SCRATCH
trap 'sweep "$BERTH_CLIENTS_SCRATCH"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

"$node" --enable-source-maps test/run.mjs --concurrency 1 --files test/conformance/*.test.ts &
wait $!
