#!/usr/bin/env bash
# Checks a commit on Debian 12 with Node, npm and Go: installs the missing tools (install-tools.sh), checks the source,
# runs all suites (faults and fuzz in their short form) and audits the dependencies. The last line is the total,
# "N passed, N failed". Needs root, loop devices and the package registries. It never waits for input.
set -euo pipefail
cd "$(dirname "$0")/.."
exec < /dev/null

work=$(mktemp -d)
passed=0
failed=0
child=

finish() {
  local status=$?
  trap '' INT TERM
  if [[ -n $child ]]; then end_tree "$child"; fi
  # A log that is cut at its start still has the counts of each suite and names what failed.
  cat "$work/summary" 2> /dev/null || true
  rm -rf "$work"
  if [[ $status -ne 0 && $failed -eq 0 ]]; then failed=1; fi
  echo "$passed passed, $failed failed"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Sends SIGTERM to a process and its descendants by process id, and waits for the process.
end_tree() {
  local pid=$1 below children=()
  read -ra children 2> /dev/null < "/proc/$pid/task/$pid/children" || true
  for below in "${children[@]}"; do end_tree "$below"; done
  kill "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null || true
}

# Runs a command in the background and waits, so that bash handles a signal at once and not after the command.
run() {
  local code=0
  echo "== $SECONDS s: $*"
  "$@" &
  child=$!
  wait "$child" || code=$?
  child=
  return "$code"
}

# suite NAME COMMAND...: runs tests, adds their counts to the totals and goes on after a failure. A suite that hangs is
# stopped, so that all suites end within 75 minutes after the installation; they take 50 to 60. A skipped test counts as
# failed, because every tool is installed.
suite() {
  local name=$1 log="$work/$1.log" code=0 passes=$passed failures=$failed out tee limit
  shift
  limit=$((installed + 4500 - SECONDS))
  if [[ $limit -gt 1500 ]]; then limit=1500; fi
  if [[ $limit -lt 30 ]]; then limit=30; fi
  exec {out}> >(tee "$log")
  tee=$!
  run timeout --kill-after=60 "$limit" "$@" >&"$out" 2>&1 || code=$?
  exec {out}>&-
  wait "$tee"
  add "$log" '^(ℹ|#) pass ([0-9]+)$' passed
  add "$log" '^(ℹ|#) (fail|cancelled) ([0-9]+)$' failed
  add "$log" '^(ℹ|#) (skipped|todo) ([0-9]+)$' failed
  add "$log" '^conformance [a-z ]+: ([0-9]+) Pass,' passed
  add "$log" '^conformance [a-z ]+: .* ([0-9]+) FAIL,' failed
  echo "$name: $((passed - passes)) passed, $((failed - failures)) failed, exit code $code" >> "$work/summary"
  sed -n "s/^ *✖ /$name failed: /p; s/^ *﹣ \(.*\) # SKIP$/$name skipped: \1/p; /^conformance [a-z ]*: .* [1-9][0-9]* FAIL,/p" "$log" |
    grep -v 'failing tests:$' | sort -u >> "$work/summary" || true
  if [[ $code -eq 124 || $code -eq 137 ]]; then note "$name did not end within $limit s"; fi
  if [[ $passed -eq $passes && $failed -eq $failures ]]; then
    note "$name ran no test"
    failed=$((failed + 1))
  elif [[ $failed -eq $failures && $code -ne 0 ]]; then
    failed=$((failed + 1))
  fi
}

# Prints a failure that is not a test, and keeps it for the end.
note() {
  echo "$1" >&2
  echo "$1" >> "$work/summary"
}

# check NAME: checks the source. A failure counts as one failed test, and the script continues.
check() {
  if run npm run --silent "check:$1"; then return; fi
  note "check:$1 failed"
  failed=$((failed + 1))
}

# Known vulnerabilities count as one failed test. Exit code 3 (the registry can't be asked) does not count as failed.
audit() {
  local code=0
  run npm run --silent audit || code=$?
  if [[ $code -eq 0 || $code -eq 3 ]]; then return; fi
  note "audit failed"
  failed=$((failed + 1))
}

# add LOG PATTERN TOTAL: for every matching line adds the number in the last group of the pattern to the variable TOTAL.
add() {
  local line number
  while read -r line; do
    [[ $line =~ $2 ]] || continue
    number=${BASH_REMATCH[-1]}
    printf -v "$3" '%d' $((${!3} + number))
  done < <(sed 's/\x1b\[[0-9;]*m//g' "$1")
}

run ci/install-tools.sh
run npm ci --no-audit --no-fund
installed=$SECONDS
for check in format types lint dead; do check "$check"; done
suite unit npm test
suite nodes npm run --silent nodes
suite postgres npm run --silent postgres -- --concurrency 3
suite replicas npm run --silent replicas -- --short
suite replicas-conformance npm run --silent replicas-conformance
suite clients npm run --silent clients
suite mirror npm run --silent mirror
suite conformance npm run --silent conformance
suite faults npm run --silent faults
suite s3 npm run --silent s3 -- driver sizes server import api redirect conformance
suite browser npm run --silent browser
suite bounds npm run --silent bounds
suite fuzz npm run --silent fuzz -- --seconds 90
audit
echo "== $SECONDS s: done"
[[ $failed -eq 0 ]]
