#!/usr/bin/env bash
# `npm run faults`: power cuts, kill -9, full and failing disks and other faults. No acknowledged data may be lost.
# It runs a few rounds of each fault; `npm run faults -- --long` (or FAULTS_LONG=1) runs many more.
# `npm run faults -- kill power-cut` runs only these files.
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
minutes=10
if [[ $FAULTS_LONG -eq 1 ]]; then minutes=600; fi

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

# The tests run in a separate mount namespace. Its mounts and their loop devices end with its last process.
unshare --mount --propagation private "$node" --enable-source-maps test/run.mjs \
  --concurrency 2 --minutes "$minutes" --files "${files[@]}" &
wait $!
