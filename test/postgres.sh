#!/usr/bin/env bash
# `npm run postgres`: the tests of `npm test` on PostgreSQL 15, in a cluster of their own. `npm run postgres -- database/`
# runs only the files whose path contains the text. Needs root, because PostgreSQL runs as the user postgres.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(id -u) -ne 0 ]]; then
  echo 'PostgreSQL is started as the user postgres, which needs root: run it with sudo, or in a container' >&2
  exit 1
fi
# Debian does not put the server into PATH.
export PATH="/usr/lib/postgresql/15/bin:$PATH"
if ! command -v postgres > /dev/null; then
  echo 'missing: PostgreSQL 15 (apt-get install postgresql-15); ci/install-tools.sh installs it' >&2
  exit 1
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/berth-postgres.XXXXXX")
finish() {
  if [[ -f $scratch/data/postmaster.pid ]]; then
    setpriv --reuid postgres --regid postgres --clear-groups pg_ctl --pgdata "$scratch/data" --mode immediate --silent stop
  fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

chown postgres "$scratch"
as_postgres() { (cd "$scratch" && setpriv --reuid postgres --regid postgres --clear-groups "$@"); }
as_postgres initdb --pgdata data --auth trust --username postgres --encoding UTF8 --locale C.UTF-8 > /dev/null
port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });')
as_postgres pg_ctl --pgdata data --log log --wait --silent \
  --options "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$scratch -c max_connections=300" start

BERTH_TEST_DATABASE=postgres BERTH_TEST_DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres" \
  node --enable-source-maps test/run.mjs "$@" &
wait $!
