# The tools that check running code. Each has one function, which checks both the
# project and its canaries (`.ci/canaries`), so that both run under the same options.
# Sourced by `.ci/run`.

canaries=(--manifest-path .ci/canaries/Cargo.toml --locked --quiet)
# With the packages that have their tests from outside.
layers=(-p eventsys -p eventsys-tests -p iocore -p iocore-tests -p pluginvc -p pluginvc-tests -p httpsm)

address_sanitizer() {
  RUSTFLAGS='-Zsanitizer=address' ASAN_OPTIONS='detect_leaks=1' \
    LSAN_OPTIONS="suppressions=$PWD/.ci/lsan.supp:print_suppressions=0" \
    cargo +nightly test --target "$target" --target-dir target/asan "$@"
}

# The standard library is built with instrumentation, too, and nothing is suppressed.
# The library that comes with the toolchain has no instrumentation: ThreadSanitizer does
# not see what its locks, channels and reference counts order, and reported 215 races in
# the project's tests, none of them real. Suppressing those would hide real ones.
thread_sanitizer() {
  RUSTFLAGS='-Zsanitizer=thread' \
    cargo +nightly test -Zbuild-std --target "$target" --target-dir target/tsan "$@"
}

miri() {
  MIRIFLAGS='-Zmiri-permissive-provenance' \
    cargo +nightly miri test --target-dir target/miri "$@"
}

check_with_address_sanitizer() {
  if ! nightly; then
    cannot 'AddressSanitizer and leak detection need a nightly toolchain'
    return
  fi
  canary 'a use after free' 'heap-use-after-free' \
    address_sanitizer "${canaries[@]}" --test use_after_free
  canary 'a leak' 'LeakSanitizer: detected memory leaks' \
    address_sanitizer "${canaries[@]}" --test leak
  address_sanitizer "${layers[@]}" --lib --tests --locked --quiet
  # The recorded cases. The scenarios are left out: in some the port panics where the
  # original would crash, and never closes what it has open then.
  address_sanitizer -p conformance --test it --locked --quiet port::
}

check_with_thread_sanitizer() {
  if ! nightly; then
    cannot 'ThreadSanitizer needs a nightly toolchain'
    return
  fi
  if ! component rust-src; then
    cannot 'ThreadSanitizer needs the sources of the standard library: rustup component add --toolchain nightly rust-src'
    return
  fi
  local race
  for race in of_two_threads of_such_a_thread of_a_thread_that_reads; do
    canary "a race, $race" 'WARNING: ThreadSanitizer: data race' \
      thread_sanitizer "${canaries[@]}" --test race -- --test-threads=1 "$race"
  done
  thread_sanitizer "${layers[@]}" --lib --tests --locked --quiet -- \
    --test-threads=1
}

check_with_miri() {
  if ! nightly; then
    cannot 'Miri needs a nightly toolchain'
    return
  fi
  if ! component miri || ! component rust-src; then
    cannot 'Miri is missing: rustup component add --toolchain nightly miri rust-src'
    return
  fi
  canary 'a read of memory that was never written' 'Undefined Behavior.*uninit' \
    miri "${canaries[@]}" --test undefined a_value
  canary 'two exclusive references' 'Undefined Behavior.*(borrow stack|forbidden)' \
    miri "${canaries[@]}" --test undefined two_exclusive
  # The files with unsafe code; Miri is slow, so of the buffers only those.
  miri -p eventsys --lib --locked
  # One of these counts to 2^20, which takes Miri an hour; it runs with the other tests.
  miri -p eventsys-tests --test soundness --locked -- --skip a_threads_own_mutex
  miri -p iocore --lib --locked -- buffer::data buffer::pool buffer::block buffer::view
}
