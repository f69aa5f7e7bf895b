# The run.sh files source this file. It checks the tools, and cleans up after a run.
# shellcheck shell=bash disable=SC2034

tools="$PWD/test/clients/tools.txt"

# Debian's packages come before other programs of the same name, and then the programs that `go install` built.
node=$(command -v node)
if command -v go > /dev/null; then
  gobin=$(go env GOBIN)
  gobin=${gobin:-$(go env GOPATH)/bin}
else
  gobin=${GOBIN:-${GOPATH:-$HOME/go}/bin}
fi
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$gobin:${PIPX_BIN_DIR:-$HOME/.local/bin}:$PATH"

# require_tools PATTERN [LIST]: fails and lists the missing tools whose name matches.
require_tools() {
  local command how from missing=0 list=${2:-$tools}
  while read -r command how from; do
    [[ $command != "#" && $command =~ ^($1)$ ]] || continue
    command -v "$command" > /dev/null && continue
    missing=$((missing + 1))
    [[ $missing -gt 1 ]] || echo 'missing:' >&2
    case $how in
      apt) echo "  $command: apt-get install $from" >&2 ;;
      go) echo "  $command: go install $from (as $gobin/$command)" >&2 ;;
      npm) echo "  $command: npm install --global $from" >&2 ;;
      pip) echo "  $command: pipx install $from" >&2 ;;
      deb-src) echo "  $command: built from the Debian source package $from (as /usr/local/bin/$command)" >&2 ;;
      src) echo "  $command: go build, in the source of $from (as $gobin/$command)" >&2 ;;
    esac
  done < "$list"
  if [[ $missing -gt 0 ]]; then
    echo "$missing missing; ci/install-tools.sh installs them all" >&2
    return 1
  fi
}

require_build() {
  [[ -f dist/main.js ]] && return
  echo 'dist/main.js is missing: run npm ci, or npm run build' >&2
  return 1
}

# Prints the ids of the processes that have the scratch folder in their arguments or environment.
processes_of() {
  local folder=$1 file pid
  for file in /proc/[0-9]*/cmdline; do
    pid=${file//[!0-9]/}
    [[ $pid -ne $$ && $pid -ne $BASHPID ]] || continue
    if grep -qsaF "$folder" "$file" "/proc/$pid/environ" 2> /dev/null; then echo "$pid"; fi
  done
}

# Ends these processes by their ids, unmounts file systems below the folder, and removes the folder.
sweep() {
  local folder=$1 pid tries
  for signal in TERM KILL; do
    for pid in $(processes_of "$folder"); do kill -s "$signal" "$pid" 2> /dev/null || true; done
    for ((tries = 0; tries < 100; tries++)); do
      [[ -n $(processes_of "$folder") ]] || break
      sleep 0.2
    done
  done
  awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/self/mounts |
    sort -r | while read -r point; do umount -l "$point"; done
  rm -rf "$folder"
}
