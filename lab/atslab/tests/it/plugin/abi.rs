//! The signatures of the C interface, and its numbers, against the headers of the real server.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Letters for the classes of C types, as `tsapi::Function` has them: computed by the C++ compiler.
const CLASSES: &str = r"
#include <type_traits>
#include <cstdint>
#include <cstddef>
#include <ts/ts.h>
#include <ts/experimental.h>
template <class T> constexpr char one() {
  if (std::is_void<T>::value) return 'v';
  if (std::is_pointer<T>::value) return 'p';
  if (std::is_same<T, bool>::value) return 'b';
  if (std::is_floating_point<T>::value) return 'f';
  return sizeof(T) == 8 ? 'l' : 'i';
}
template <class R, class... A> constexpr bool fits(R (*)(A...), const char *expected) {
  const char all[] = {one<R>(), one<A>()..., 0};
  for (size_t i = 0; i <= sizeof...(A) + 1; i++) if (all[i] != expected[i]) return false;
  return true;
}
template <class R, class... A> constexpr bool fits(R (*)(A..., ...), const char *expected) {
  const char all[] = {one<R>(), one<A>()..., '.', 0};
  for (size_t i = 0; i <= sizeof...(A) + 2; i++) if (all[i] != expected[i]) return false;
  return true;
}
";

/// Declared in the headers for others than plugins, or not at all.
const NOT_IN_THE_HEADERS: [&str; 0] = [];

/// The numbers that the host relies on.
const NUMBERS: [(&str, i64); 26] = [
    ("TS_HTTP_READ_REQUEST_HDR_HOOK", 0),
    ("TS_HTTP_OS_DNS_HOOK", 1),
    ("TS_HTTP_SEND_RESPONSE_HDR_HOOK", 5),
    ("TS_HTTP_TXN_START_HOOK", 9),
    ("TS_HTTP_SSN_CLOSE_HOOK", 12),
    ("TS_HTTP_CACHE_LOOKUP_COMPLETE_HOOK", 13),
    ("TS_HTTP_POST_REMAP_HOOK", 15),
    ("TS_CONFIG_HTTP_CACHE_HTTP", 22),
    ("TS_HTTP_CNTL_SKIP_REMAPPING", 6),
    ("TS_CACHE_LOOKUP_SKIPPED", 3),
    ("TS_IOBUFFER_SIZE_INDEX_32K", 8),
    ("TS_PARSE_CONT", 1),
    ("TS_EVENT_LIFECYCLE_PORTS_INITIALIZED", 60100),
    ("TS_LIFECYCLE_PORTS_READY_HOOK", 1),
    ("TS_RECORDTYPE_PLUGIN", 0x20),
    ("TS_THREAD_POOL_NET", 0),
    ("TS_CONNECT_PLUGIN", 1),
    ("AFTER_BODY", 2),
    ("TS_FETCH_FLAGS_DECHUNK", 4),
    ("TS_FETCH_FLAGS_NEWLOCK", 8),
    ("TS_FETCH_FLAGS_NOT_INTERNAL_REQUEST", 16),
    ("TS_FETCH_EVENT_EXT_HEAD_DONE", -2),
    ("TS_FETCH_EVENT_EXT_BODY_DONE", -4),
    ("sizeof(TSHttpConnectOptions)", 40),
    ("sizeof(TSFetchUrlParams_t)", 184),
    ("offsetof(TSFetchUrlParams_t, contp)", 152),
];

#[test]
#[ignore = "needs the headers of the real server, which tests/live/install unpacks"]
fn the_signatures_are_those_of_the_real_servers_headers() {
    let servers = std::env::var("ATSLAB_SERVERS").expect("ATSLAB_SERVERS names the servers");
    let include = Path::new(&servers).join("9.2.9/usr/include");
    let mut source = CLASSES.to_owned();
    let functions = tsapi::functions();
    for function in &functions {
        if NOT_IN_THE_HEADERS.contains(&function.name) {
            continue;
        }
        let classes: String = function.classes.iter().collect();
        let _ =
            writeln!(source, "static_assert(fits(&{0}, \"{classes}\"), \"{0}\");", function.name);
    }
    for (name, number) in NUMBERS {
        let _ = writeln!(source, "static_assert({name} == {number}, \"{name}\");");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("abi.cc");
    std::fs::write(&file, source).expect("a file");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let output = Command::new(compiler)
        .args(["-std=c++17", "-fsyntax-only", "-I"])
        .arg(include)
        .arg(&file)
        .output()
        .expect("a C++ compiler");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(functions.len() >= 150, "{}", functions.len());
}

#[test]
fn all_functions_are_there_once() {
    let mut names: Vec<&str> = tsapi::functions().iter().map(|function| function.name).collect();
    names.extend(tsapi::left_out());
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!((names.len(), all), (556, 556));
}
