# What the steps of `.ci/run` share. Sourced, not run.

# Everything is built once, from nothing: what an incremental build keeps costs and gives nothing.
export CARGO_TERM_COLOR=never RUST_BACKTRACE=1 CARGO_INCREMENTAL=0
target=x86_64-unknown-linux-gnu
started=$SECONDS
lacking=()

# Says what comes now, and how long everything before it took: by the clock, and of the processors.
step() {
  mkdir -p target
  times >target/times
  local processor
  processor=$(awk -F'[ms ]+' 'NR == 2 { printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }' target/times)
  printf '\n=== %s (%d s, %d s of the processors)\n' "$1" "$((SECONDS - started))" "$processor"
}

# What this machine lacks, in one sentence; said here and once more at the end.
cannot() {
  printf 'CANNOT RUN HERE: %s\n' "$1"
  lacking+=("$1")
}

# beside COMMAND…: runs it in the background; `and_what_ran_beside` waits for it, shows what it said,
# and ends the run if it failed.
beside() {
  mkdir -p target
  "$@" >target/beside.log 2>&1 &
  beside=$!
}

and_what_ran_beside() {
  local status=0 line
  wait "$beside" || status=$?
  cat target/beside.log
  while read -r line; do
    lacking+=("${line#CANNOT RUN HERE: }")
  done < <(grep '^CANNOT RUN HERE: ' target/beside.log)
  [ "$status" = 0 ] || exit "$status"
}

say_what_is_lacking() {
  [ ${#lacking[@]} = 0 ] || printf 'not run: %s\n' "${lacking[@]}"
}

nightly() { rustup run nightly rustc --version >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Whether the nightly toolchain has this component. On a CI machine a missing one is
# installed if possible; on a person's machine a run changes no toolchain.
component() {
  if [ -n "${CI:-}" ] && ! installed "$1"; then
    timeout 120 rustup component add --toolchain nightly "$1" >/dev/null 2>&1 || true
  fi
  installed "$1"
}

installed() {
  local components
  components=$(rustup component list --toolchain nightly 2>/dev/null) || return 1
  grep -qE "^$1(-$target)? \(installed\)" <<<"$components"
}

# Whether there is a C++ compiler; the same holds for it.
cxx() {
  if ! command -v c++ >/dev/null && [ -n "${CI:-}" ] && command -v apt-get >/dev/null; then
    as_root apt-get -qq install -y g++ >/dev/null || true
  fi
  command -v c++ >/dev/null
}

# Whether there is valgrind; the same holds for it.
valgrind_is_here() {
  if ! command -v valgrind >/dev/null && [ -n "${CI:-}" ] && command -v apt-get >/dev/null; then
    as_root apt-get -qq install -y valgrind >/dev/null || true
  fi
  command -v valgrind >/dev/null
}

# Whether there is a Chromium, and node with npm to drive it; the same holds for them.
browser() {
  if [ -n "${CI:-}" ] && command -v apt-get >/dev/null; then
    command -v chromium >/dev/null || as_root apt-get -qq install -y chromium >/dev/null || true
    command -v npm >/dev/null || as_root apt-get -qq install -y nodejs npm >/dev/null || true
  fi
  command -v chromium >/dev/null && command -v npm >/dev/null
}

# canary NAME TEXT COMMAND…: the command runs a program that is broken on purpose. It
# must fail, and say TEXT (an extended regular expression). If it does not, the tool
# is silent about everything else, too, and the run ends here.
canary() {
  local name=$1 text=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  if [ $status != 0 ] && grep -qE -- "$text" <<<"$output"; then
    printf 'canary: %s was reported\n' "$name"
    return
  fi
  printf '%s\n' "$output" | tail -n 40
  printf 'THE CANARY IS SILENT: %s: status %d, expected a failure that says: %s\n' \
    "$name" "$status" "$text"
  exit 1
}

# canaries_found NUMBER COMMAND…: the command runs tests that are green if they find
# what is broken on purpose; so many of them must say so.
canaries_found() {
  local number=$1 output found
  shift
  output=$("$@" 2>&1) || { printf '%s\n' "$output" | tail -n 40; exit 1; }
  found=$(grep -c 'canary: .*found' <<<"$output" || true)
  grep -o 'canary: .*found.*' <<<"$output" | cut -c 1-120 || true
  [ "$found" = "$number" ] && return
  printf 'THE CANARY IS SILENT: %d of %d found: %s\n' "$found" "$number" "$*"
  exit 1
}
