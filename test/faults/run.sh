#!/usr/bin/env bash
# `npm run faults`: the worst days of a machine, each with Berth's data on it, and after each that nothing is lost.
# A few rounds of each; `npm run faults -- --long` (or FAULTS_LONG=1) runs as many as it takes to be sure.
# `npm run faults -- kill power-cut` runs those files alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/clients/support/environment.sh
source test/clients/support/environment.sh

if [[ $(id -u) -ne 0 ]]; then
  echo 'mounts and limits need root: run it with sudo, or in a container' >&2
  exit 1
fi

require_tools '.*' test/faults/tools.txt
if [[ ! -e /dev/loop-control ]]; then
  echo 'missing: /dev/loop-control: the kernel has no loop devices here' >&2
  exit 1
fi
require_build

FAULTS_LONG=${FAULTS_LONG:-0}
files=()
for name in "$@"; do
  if [[ $name == --long ]]; then FAULTS_LONG=1; else files+=("test/faults/$name.fault.ts"); fi
done
[[ ${#files[@]} -gt 0 ]] || files=(test/faults/*.fault.ts)

FAULTS_SCRATCH=$(mktemp -d "${FAULTS_ON:-${TMPDIR:-/tmp}}/berth-faults.XXXXXX")
export FAULTS_SCRATCH FAULTS_LONG

finish() {
  local group
  if [[ -f $FAULTS_SCRATCH/summary ]]; then
    echo
    cat "$FAULTS_SCRATCH/summary"
  fi
  sweep "$FAULTS_SCRATCH"
  for group in /sys/fs/cgroup/{,memory/}"${FAULTS_SCRATCH##*/}"; do
    if [[ -d $group ]]; then rmdir "$group"; fi
  done
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# In a mount namespace of its own: with its last process go the mounts, and with them the loop devices.
unshare --mount --propagation private "$node" --import ./test/support/register.mjs --test \
  --test-concurrency=1 --test-reporter=spec "${files[@]}" &
wait $!
