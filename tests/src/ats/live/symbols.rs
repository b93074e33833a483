//! What the probes need of a server's insides, looked up in its files before it is started.
//!
//! PluginVC has no public interface; the probes call its functions by their mangled names
//! (`tests/probe/server.h`). A mangled name has the types of the arguments, so a function that
//! takes others is not found. Here the names are looked up in the binary's table of dynamic
//! symbols and in those of the server's own libraries, and what is missing is told in words.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use object::{Object, ObjectSymbol};

use super::layout::Layout;

/// A function or a variable: how the source declares it, and its mangled names, of which a server
/// has one.
struct Needed {
    declared: &'static str,
    mangled: &'static [&'static str],
}

const fn needed(declared: &'static str, mangled: &'static [&'static str]) -> Needed {
    Needed { declared, mangled }
}

/// What `tests/probe/server.h` looks up.
const NEEDED: [Needed; 15] = [
    needed(
        "PluginVCCore::alloc(Continuation *, int64_t, int64_t)",
        // The second form is that of 8.1 and 9.1, whose buffers have one size.
        &["_ZN12PluginVCCore5allocEP12Continuationll", "_ZN12PluginVCCore5allocEP12Continuation"],
    ),
    needed("PluginVCCore::connect()", &["_ZN12PluginVCCore7connectEv"]),
    needed(
        "PluginVCCore::connect_re(Continuation *)",
        &["_ZN12PluginVCCore10connect_reEP12Continuation"],
    ),
    needed(
        "PluginVC::do_io_read(Continuation *, int64_t, MIOBuffer *)",
        &["_ZN8PluginVC10do_io_readEP12ContinuationlP9MIOBuffer"],
    ),
    needed(
        "PluginVC::do_io_write(Continuation *, int64_t, IOBufferReader *, bool)",
        &["_ZN8PluginVC11do_io_writeEP12ContinuationlP14IOBufferReaderb"],
    ),
    needed("PluginVC::do_io_close(int)", &["_ZN8PluginVC11do_io_closeEi"]),
    needed(
        "PluginVC::do_io_shutdown(ShutdownHowTo_t)",
        &["_ZN8PluginVC14do_io_shutdownE15ShutdownHowTo_t"],
    ),
    needed("PluginVC::reenable_re(VIO *)", &["_ZN8PluginVC11reenable_reEP3VIO"]),
    needed(
        "PluginVC::set_inactivity_timeout(ink_hrtime)",
        &["_ZN8PluginVC22set_inactivity_timeoutEl"],
    ),
    needed("PluginVC::set_active_timeout(ink_hrtime)", &["_ZN8PluginVC18set_active_timeoutEl"]),
    needed(
        "EThread::schedule_imm(Continuation *, int, void *)",
        &["_ZN7EThread12schedule_immEP12ContinuationiPv"],
    ),
    needed(
        "EThread::schedule_in(Continuation *, ink_hrtime, int, void *)",
        &["_ZN7EThread11schedule_inEP12ContinuationliPv"],
    ),
    needed(
        "EThread::schedule_imm_local(Continuation *, int, void *)",
        &["_ZN7EThread18schedule_imm_localEP12ContinuationiPv"],
    ),
    needed(
        "EThread::schedule_in_local(Continuation *, ink_hrtime, int, void *)",
        &["_ZN7EThread17schedule_in_localEP12ContinuationliPv"],
    ),
    needed(
        "TSEventThreadSelf(), or Thread::thread_data_key",
        // 8.1 has no such function. From 10.0 on the plugin interface has the names of C++.
        &["TSEventThreadSelf", "_ZN6Thread15thread_data_keyE", "_Z17TSEventThreadSelfv"],
    ),
];

/// What `tests/probe/cases.cc` looks up beside that: the server's own regression test, which a
/// build may leave out.
const NEEDED_FOR_CASES: [Needed; 4] = [
    needed("netvc_tests_def", &["netvc_tests_def"]),
    needed("num_netvc_tests", &["num_netvc_tests"]),
    needed("regressionTest_PVC", &["regressionTest_PVC"]),
    needed(
        "RegressionTest_PVC(RegressionTest *, int, int *)",
        &["_Z18RegressionTest_PVCP14RegressionTestiPi"],
    ),
];

/// The names that a server defines.
pub(crate) struct Symbols(HashSet<String>);

impl Symbols {
    /// The names in the server's binary and in its own libraries. Files that cannot be read have
    /// none.
    pub(crate) fn of(layout: &Layout) -> Symbols {
        let mut names = HashSet::new();
        for file in std::iter::once(layout.binary.clone()).chain(own_libraries(layout)) {
            let Ok(bytes) = fs::read(file) else { continue };
            let Ok(object) = object::File::parse(&*bytes) else { continue };
            let defined = object.dynamic_symbols().filter(|symbol| symbol.is_definition());
            names.extend(defined.filter_map(|symbol| Some(symbol.name().ok()?.to_owned())));
        }
        Symbols(names)
    }

    /// What the probe that performs programs lacks, a sentence for each.
    pub(crate) fn missing(&self) -> Vec<String> {
        NEEDED.iter().filter_map(|needed| self.why_not(needed)).collect()
    }

    /// What the probe that performs cases lacks.
    pub(crate) fn missing_for_cases(&self) -> Vec<String> {
        NEEDED_FOR_CASES.iter().filter_map(|needed| self.why_not(needed)).collect()
    }

    fn why_not(&self, needed: &Needed) -> Option<String> {
        if needed.mangled.iter().any(|name| self.0.contains(*name)) {
            return None;
        }
        let declared = needed.declared;
        let stem = without_arguments(needed.mangled[0]);
        let others = self.0.iter().filter(|name| stem.is_some_and(|stem| name.starts_with(stem)));
        Some(match others.min() {
            None => format!("has no {declared}"),
            Some(other) => format!("has {declared} with another signature: {other}"),
        })
    }
}

/// The part of a method's mangled name before its arguments: `_ZN`, each name with its length in
/// front, and `E`. `None` for what is no method.
fn without_arguments(mangled: &str) -> Option<&str> {
    let mut rest = mangled.strip_prefix("_ZN")?;
    while !rest.starts_with('E') {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let length: usize = rest[..digits].parse().ok()?;
        rest = rest.get(digits + length..)?;
    }
    Some(&mangled[..mangled.len() - rest.len() + 1])
}

/// The server's own libraries: the rest of the folders is the system's.
fn own_libraries(layout: &Layout) -> Vec<PathBuf> {
    let entries = layout.libraries.iter().filter_map(|folder| fs::read_dir(folder).ok());
    let files = entries.flatten().flatten().map(|entry| entry.path());
    let is_own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.starts_with("libts") || name.starts_with("libink")) && name.contains(".so")
    };
    files.filter(is_own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(names: &[&str]) -> Symbols {
        Symbols(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn complete() -> Vec<&'static str> {
        NEEDED.iter().chain(&NEEDED_FOR_CASES).map(|needed| needed.mangled[0]).collect()
    }

    #[test]
    fn a_server_that_has_all_lacks_nothing() {
        let server = server(&complete());
        assert_eq!((server.missing(), server.missing_for_cases()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_missing_function_and_one_with_other_arguments_are_told_apart() {
        let write = "_ZN8PluginVC11do_io_writeEP12ContinuationlP14IOBufferReaderb";
        let others = complete().into_iter().filter(|&name| name != write);
        let without: Vec<_> = others.collect();
        let declared = "PluginVC::do_io_write(Continuation *, int64_t, IOBufferReader *, bool)";
        assert_eq!(server(&without).missing(), [format!("has no {declared}")]);
        let other = "_ZN8PluginVC11do_io_writeEP12ContinuationlP14IOBufferReader";
        let with_other = server(&[&without[..], &[other]].concat());
        let told = format!("has {declared} with another signature: {other}");
        assert_eq!(with_other.missing(), [told]);
        let close = "_ZN8PluginVC11do_io_closeEi";
        let rest: Vec<_> = complete().into_iter().filter(|&name| name != close).collect();
        let other = "_ZN8PluginVC11do_io_closeEv";
        let told =
            "has PluginVC::do_io_close(int) with another signature: _ZN8PluginVC11do_io_closeEv";
        assert_eq!(server(&[&rest[..], &[other]].concat()).missing(), [told]);
    }

    #[test]
    fn a_build_without_tests_can_perform_programs_and_no_cases() {
        let names = complete();
        let (programs, _) = names.split_at(NEEDED.len());
        let server = server(programs);
        assert_eq!(server.missing(), [""; 0]);
        assert_eq!(server.missing_for_cases()[0], "has no netvc_tests_def");
    }

    #[test]
    fn of_two_forms_a_server_needs_one() {
        let old: Vec<_> = NEEDED.iter().map(|needed| *needed.mangled.last().unwrap()).collect();
        assert_eq!(server(&old).missing(), [""; 0]);
    }
}
