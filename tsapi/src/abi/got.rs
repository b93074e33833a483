//! The functions that a plugin is linked to, and its time in virtual time: its calls of libc that read a
//! clock, sleep or wait.
//!
//! A plugin reaches other files through a table of addresses (GOT) of its own file, which the loader has
//! filled. [`is_linked_to`] looks for a name in it. [`patch`] puts other functions into the places of
//! some of libc's. So the program itself, and the libraries, keep libc's: the exported `clock_gettime` of
//! a program would be the one of Rust's own clocks, too.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem;

use crate::host::virtual_time::{self, Read};

/// `Elf64_Dyn`.
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

/// `Elf64_Sym`.
#[repr(C)]
struct Symbol {
    name: u32,
    rest: [u32; 5],
}

/// `Elf64_Rela`.
#[repr(C)]
struct Relocation {
    offset: usize,
    info: u64,
    addend: i64,
}

/// The public beginning of `struct link_map`.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Dynamic,
}

/// The tags of a dynamic section that are looked at, by `elf.h`.
const DT_PLTRELSZ: i64 = 2;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_RELA: i64 = 7;
const DT_RELASZ: i64 = 8;
const DT_JMPREL: i64 = 23;

/// The places that hold the address of a function.
const R_X86_64_GLOB_DAT: u64 = 6;
const R_X86_64_JUMP_SLOT: u64 = 7;

/// `RTLD_DI_LINKMAP` of `dlfcn.h`.
const RTLD_DI_LINKMAP: c_int = 2;

/// The functions, by name.
fn functions() -> [(&'static CStr, *const ()); 12] {
    [
        (c"clock_gettime", clock_gettime as *const ()),
        (c"gettimeofday", gettimeofday as *const ()),
        (c"nanosleep", nanosleep as *const ()),
        (c"clock_nanosleep", clock_nanosleep as *const ()),
        (c"usleep", usleep as *const ()),
        (c"sleep", sleep as *const ()),
        (c"read", read as *const ()),
        (c"poll", poll as *const ()),
        (c"select", select as *const ()),
        (c"epoll_wait", epoll_wait as *const ()),
        (c"pthread_cond_wait", pthread_cond_wait as *const ()),
        (c"pthread_cond_timedwait", pthread_cond_timedwait as *const ()),
    ]
}

/// Has the calls of a loaded file go to the functions of this one.
///
/// # Safety
/// As [`for_each_function`]; no code of the file may run meanwhile.
pub(super) unsafe fn patch(library: *mut c_void) {
    // SAFETY: as the caller says; the places are of this file's table.
    unsafe {
        for_each_function(library, |name, slot| {
            if let Some((_, function)) = functions().into_iter().find(|one| one.0 == name) {
                put(slot, function);
            }
        });
    }
}

/// True if the file takes the address of the function `wanted` from another file, or calls it.
///
/// # Safety
/// As [`for_each_function`].
pub(super) unsafe fn is_linked_to(library: *mut c_void, wanted: &CStr) -> bool {
    let mut is_there = false;
    // SAFETY: as the caller says.
    unsafe { for_each_function(library, |name, _| is_there |= name == wanted) };
    is_there
}

/// Calls `f` with each function that the file takes from another one: its name, and the place of its
/// address in the file's table.
///
/// # Safety
/// `library` must be a handle of `dlopen`, of a file that is never unloaded.
unsafe fn for_each_function(library: *mut c_void, mut f: impl FnMut(&CStr, usize)) {
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: the handle is good, says the caller, and the place is one for a pointer.
    let code = unsafe { libc::dlinfo(library, RTLD_DI_LINKMAP, (&raw mut map).cast()) };
    if code != 0 || map.is_null() {
        return;
    }
    // SAFETY: the loader keeps the map, and the tables that it leads to, as long as the file is
    // loaded; they have the form that `elf.h` says, and end where they say themselves.
    unsafe {
        let base = (*map).base;
        let (mut names, mut symbols) = (0_usize, 0_usize);
        // Two tables: the functions that are called, and the addresses that are taken.
        let mut tables = [(0_usize, 0_usize); 2];
        let mut at = (*map).dynamic;
        while (*at).tag != 0 {
            let value = (*at).value;
            match (*at).tag {
                DT_STRTAB => names = value,
                DT_SYMTAB => symbols = value,
                DT_JMPREL => tables[0].0 = value,
                DT_PLTRELSZ => tables[0].1 = value,
                DT_RELA => tables[1].0 = value,
                DT_RELASZ => tables[1].1 = value,
                _ => {}
            }
            at = at.add(1);
        }
        for (start, size) in tables {
            let start: *const Relocation = std::ptr::with_exposed_provenance(start);
            for n in 0..size / mem::size_of::<Relocation>() {
                let entry = &*start.add(n);
                if !matches!(entry.info & 0xffff_ffff, R_X86_64_GLOB_DAT | R_X86_64_JUMP_SLOT) {
                    continue;
                }
                let symbol: *const Symbol = std::ptr::with_exposed_provenance(symbols);
                let name = (*symbol.add((entry.info >> 32) as usize)).name as usize;
                let name = CStr::from_ptr(std::ptr::with_exposed_provenance(names + name));
                f(name, base + entry.offset);
            }
        }
    }
}

/// Writes an address into a table that the loader has made read-only.
///
/// # Safety
/// `slot` must be a place of such a table.
unsafe fn put(slot: usize, function: *const ()) {
    const PAGE: usize = 4096;
    let page = std::ptr::with_exposed_provenance_mut(slot & !(PAGE - 1));
    // SAFETY: the page belongs to the plugin's table, which has nothing that must stay read-only; a
    // place of eight bytes is aligned, so it lies in one page.
    unsafe {
        if libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE) == 0 {
            std::ptr::with_exposed_provenance_mut::<*const ()>(slot).write(function);
        }
    }
}

/// Nanoseconds as the two parts of a `timespec`.
fn parts(time: i64) -> (i64, i64) {
    (time.div_euclid(1_000_000_000), time.rem_euclid(1_000_000_000))
}

/// # Safety
/// As C has it; so are all functions below.
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    let Some(now) = virtual_time::now(match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => Read::TimeOfDay,
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME => Read::SinceTheStart,
        // SAFETY: as the caller says.
        _ => return unsafe { libc::clock_gettime(clock, into) },
    }) else {
        // SAFETY: as the caller says.
        return unsafe { libc::clock_gettime(clock, into) };
    };
    let (tv_sec, tv_nsec) = parts(now);
    // SAFETY: it is a place for the time, says the caller.
    unsafe { into.write(libc::timespec { tv_sec, tv_nsec }) };
    0
}

unsafe extern "C" fn gettimeofday(into: *mut libc::timeval, _zone: *mut c_void) -> c_int {
    let (tv_sec, nanoseconds) = parts(virtual_time::now(Read::TimeOfDay).unwrap_or(0));
    if !into.is_null() {
        // SAFETY: it is a place for the time, says the caller.
        unsafe { into.write(libc::timeval { tv_sec, tv_usec: nanoseconds / 1000 }) };
    }
    0
}

unsafe extern "C" fn nanosleep(span: *const libc::timespec, left: *mut libc::timespec) -> c_int {
    // SAFETY: it is a time, says the caller.
    let span = unsafe { &*span };
    virtual_time::sleep(span.tv_sec.saturating_mul(1_000_000_000).saturating_add(span.tv_nsec));
    if !left.is_null() {
        // SAFETY: it is a place for a time, says the caller.
        unsafe { left.write(libc::timespec { tv_sec: 0, tv_nsec: 0 }) };
    }
    0
}

unsafe extern "C" fn clock_nanosleep(
    clock: libc::clockid_t,
    flags: c_int,
    span: *const libc::timespec,
    left: *mut libc::timespec,
) -> c_int {
    if flags & libc::TIMER_ABSTIME == 0 {
        // SAFETY: as the caller says.
        return unsafe { nanosleep(span, left) };
    }
    let read = match clock {
        libc::CLOCK_REALTIME => Read::TimeOfDay,
        _ => Read::SinceTheStart,
    };
    // SAFETY: it is a time, says the caller.
    let until = unsafe { &*span };
    let until = until.tv_sec.saturating_mul(1_000_000_000).saturating_add(until.tv_nsec);
    virtual_time::sleep(until.saturating_sub(virtual_time::now(read).unwrap_or(until)));
    0
}

unsafe extern "C" fn usleep(microseconds: c_uint) -> c_int {
    virtual_time::sleep(i64::from(microseconds) * 1000);
    0
}

unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    virtual_time::sleep(i64::from(seconds) * 1_000_000_000);
    0
}

/// Functions that wait for something outside of the run: virtual time does not wait for the thread
/// meanwhile.
macro_rules! waits {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => { $(
        unsafe extern "C" fn $name($($arg: $type),*) -> $result {
            // SAFETY: as the caller says.
            virtual_time::outside(|| unsafe { libc::$name($($arg),*) })
        }
    )* };
}

waits! {
    fn read(file: c_int, into: *mut c_void, length: usize) -> isize;
    fn poll(files: *mut libc::pollfd, n: libc::nfds_t, ms: c_int) -> c_int;
    fn select(
        n: c_int, read: *mut libc::fd_set, write: *mut libc::fd_set, except: *mut libc::fd_set,
        timeout: *mut libc::timeval
    ) -> c_int;
    fn epoll_wait(epoll: c_int, into: *mut libc::epoll_event, n: c_int, ms: c_int) -> c_int;
    fn pthread_cond_wait(cond: *mut libc::pthread_cond_t, mutex: *mut libc::pthread_mutex_t) -> c_int;
    fn pthread_cond_timedwait(
        cond: *mut libc::pthread_cond_t, mutex: *mut libc::pthread_mutex_t,
        until: *const libc::timespec
    ) -> c_int;
}
