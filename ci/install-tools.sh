#!/usr/bin/env bash
# Installs the missing tools of the suites on Debian 12 with Node, npm and Go: Debian packages, and the
# programs of the lists below at their pinned versions. Needs root, and the package registries. It never waits for input.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
exec < /dev/null

lists=(test/browser/tools.txt test/clients/tools.txt test/faults/tools.txt test/replicas/tools.txt)
policy=/usr/sbin/policy-rc.d
work=$(mktemp -d)
own_policy=

finish() {
  if [[ -n $own_policy ]]; then rm -f "$policy"; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

run() {
  echo "== install: $*"
  "$@"
}

install_packages() {
  local wanted missing=() package
  # python3, make and g++ build the native module of better-sqlite3; the others are for the source packages.
  local builds='pkg-config libevent-dev libssl-dev'
  wanted=$(awk '$2 == "apt" { print $3 }' "${lists[@]}" | sort -u)
  for package in python3 make g++ ca-certificates $builds $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q ' installed$' || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if [[ ! -e $policy ]]; then # apt must not start system services; the suites start their own container engines
    own_policy=1
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  run apt-get update -qq
  run apt-get install -y -qq --no-install-recommends "${missing[@]}"
  if [[ -n $own_policy ]]; then rm -f "$policy"; fi
  own_policy=
}

install_go_tools() {
  local command how from gobin
  gobin=$(go env GOBIN)
  gobin=${gobin:-$(go env GOPATH)/bin}
  mkdir -p "$gobin" "$work/bin"
  while read -r command how from; do
    [[ ($how == go || $how == src) && $(built_from "$gobin/$command") != "$from" ]] || continue
    if [[ $how == go ]]; then
      run env "GOBIN=$work/bin" CGO_ENABLED=0 GOFLAGS=-buildvcs=false go install "$from"
    else
      build_source "$from" "$work/bin/$command"
    fi
    mv "$work"/bin/* "$gobin/$command"
  done < <(cat "${lists[@]}")
}

# build_source MODULE@VERSION FILE: builds a program in a copy of its module.
build_source() {
  local source
  source=$(cd "$work" && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  cp -r --no-preserve=mode "$source" "$work/source"
  run env CGO_ENABLED=0 go -C "$work/source" build -mod=mod -trimpath=false \
    -ldflags "-X $1.built=1" -o "$2" .
  rm -rf "$work/source"
}

# Prints the package and version in the build information of a Go program.
built_from() {
  go version -m "$1" 2> /dev/null |
    awk '$1 == "path" { path = $2 } $1 == "mod" { version = $3 }
      match($0, /-X [^ ]+@v[^ ]+\.built=1/) { built = substr($0, RSTART + 3, RLENGTH - 11) }
      END { print built ? built : path "@" version }'
}

install_npm_tools() {
  local command how from
  while read -r command how from; do
    [[ $how == npm ]] || continue
    if npm ls --global --depth 0 "$from" > /dev/null 2>&1 && command -v "$command" > /dev/null; then continue; fi
    run npm install --global --omit=optional --ignore-scripts --no-audit --no-fund "$from"
  done < <(cat "${lists[@]}")
}

install_python_tools() {
  local command how from
  while read -r command how from; do
    [[ $how == pip ]] || continue
    if pipx list --short 2> /dev/null | grep -qx "${from/==/ }"; then continue; fi
    run pipx install --force "$from"
  done < <(cat "${lists[@]}")
}

# Programs that Debian 12 has in an older version: from the source package of another release, without its documentation.
install_source_packages() {
  local command how from package release apt
  while read -r command how from; do
    [[ $how == deb-src ]] || continue
    if [[ -x /usr/local/bin/$command ]]; then continue; fi
    package=${from%@*} release=${from#*@}
    mkdir -p "$work/apt/lists/partial" "$work/apt/source"
    echo "deb-src http://deb.debian.org/debian $release main" > "$work/apt/sources.list"
    apt=(-qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=-
      -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o APT::Sandbox::User=root)
    run apt-get "${apt[@]}" update
    (cd "$work/apt/source" && run apt-get "${apt[@]}" source --download-only "$package")
    tar -xf "$work/apt/source/$package"_*.orig.tar.gz -C "$work/apt/source"
    (cd "$work/apt/source/$package"-*/ && run ./configure --quiet --without-cares && run make --silent -j2 "$package" > /dev/null)
    install -m 755 "$work/apt/source/$package"-*/"$package" "/usr/local/bin/$command"
  done < <(cat "${lists[@]}")
}

install_packages
install_go_tools
install_npm_tools
install_python_tools
install_source_packages
