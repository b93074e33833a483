//! `TSDebug`, `TSError` and their kin: functions with `printf` arguments.
//!
//! Stable Rust cannot define a variadic function. Each is a naked function instead: it spills the
//! registers in which x86-64 passes arguments, builds a `va_list` as the System V ABI lays it out,
//! and calls a function of Rust, which has libc's `vsnprintf` make the text.

use std::ffi::{c_char, c_int};

use super::Function;
use super::values::text;
use crate::host::{Handle, calls, messages, text_log};

unsafe extern "C" {
    fn vsnprintf(at: *mut c_char, n: usize, format: *const c_char, list: *mut VaList) -> c_int;
}

/// What the naked functions build: `va_list` of the System V ABI for x86-64.
#[repr(C)]
struct VaList {
    gp_offset: u32,
    fp_offset: u32,
    overflow_arg_area: *mut u8,
    reg_save_area: *mut u8,
}

/// The whole text, without its line end.
///
/// # Safety
/// `format` must be a format, and `list` must have its arguments.
unsafe fn formatted(format: *const c_char, list: *mut VaList) -> String {
    let mut text = vec![0; 8192];
    // SAFETY: at most as many bytes are written as there is room for; the rest says the caller.
    let n = unsafe { vsnprintf(text.as_mut_ptr().cast(), text.len(), format, list) };
    let end = usize::try_from(n).unwrap_or(0).min(text.len() - 1);
    String::from_utf8_lossy(&text[..end]).trim_end().to_owned()
}

unsafe extern "C-unwind" fn debug(tag: *const c_char, format: *const c_char, list: *mut VaList) {
    let _call = calls::entered!("TSDebug");
    if !messages::is_any_debug_tag_set() {
        return;
    }
    // SAFETY: `ts/ts.h` obliges the plugin to pass a tag, a format and its arguments.
    let tag = unsafe { text(tag) };
    if messages::is_debug_tag_set(&tag) {
        // SAFETY: as above.
        messages::debug(&tag, &unsafe { formatted(format, list) });
    }
}

unsafe extern "C-unwind" fn text_log_write(
    text_log: Handle,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    let _call = calls::entered!("TSTextLogObjectWrite");
    // SAFETY: `ts/ts.h` obliges the plugin to pass a format and its arguments.
    text_log::write(text_log, &unsafe { formatted(format, list) });
    0
}

macro_rules! messages {
    ($($function:ident $name:ident;)*) => { $(
        unsafe extern "C-unwind" fn $function(format: *const c_char, list: *mut VaList) {
            let _call = calls::entered!(stringify!($name));
            // SAFETY: `ts/ts.h` obliges the plugin to pass a format and its arguments.
            messages::$function(&unsafe { formatted(format, list) });
        }
    )* };
}

messages! {
    status TSStatus;
    note TSNote;
    warning TSWarning;
    error TSError;
    fatal TSFatal;
    alert TSAlert;
    emergency TSEmergency;
}

/// A variadic function: the class of its result, how many bytes of registers its named arguments take, the register in which
/// its function of Rust gets the list, and that function.
macro_rules! variadic {
    ($($name:ident $result:literal = $function:ident, $fixed:literal, $register:literal;)*) => {
        $(
            /// Builds the list and calls the function of Rust.
            ///
            /// The frame: the list at 0, the six integer registers at 32, the eight vector registers
            /// at 80 if `al` says that any is used, 216 bytes in all, which keeps the stack aligned.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            pub(super) unsafe extern "C-unwind" fn $name() {
                core::arch::naked_asm!(
                    ".cfi_startproc",
                    "sub rsp, 216",
                    ".cfi_adjust_cfa_offset 216",
                    "mov [rsp+32], rdi",
                    "mov [rsp+40], rsi",
                    "mov [rsp+48], rdx",
                    "mov [rsp+56], rcx",
                    "mov [rsp+64], r8",
                    "mov [rsp+72], r9",
                    "test al, al",
                    "je 2f",
                    "movaps [rsp+80], xmm0",
                    "movaps [rsp+96], xmm1",
                    "movaps [rsp+112], xmm2",
                    "movaps [rsp+128], xmm3",
                    "movaps [rsp+144], xmm4",
                    "movaps [rsp+160], xmm5",
                    "movaps [rsp+176], xmm6",
                    "movaps [rsp+192], xmm7",
                    "2:",
                    "mov dword ptr [rsp], {fixed}",
                    "mov dword ptr [rsp+4], 48",
                    "lea rax, [rsp+224]",
                    "mov [rsp+8], rax",
                    "lea rax, [rsp+32]",
                    "mov [rsp+16], rax",
                    concat!("mov ", $register, ", rsp"),
                    "call {function}",
                    "add rsp, 216",
                    ".cfi_adjust_cfa_offset -216",
                    "ret",
                    ".cfi_endproc",
                    function = sym $function,
                    fixed = const $fixed,
                )
            }
        )*

        /// All of them.
        #[allow(non_snake_case)]
        pub(super) fn WRITTEN() -> Vec<Function> {
            vec![$(Function {
                name: stringify!($name),
                classes: if $fixed == 16 {
                    &[$result, 'p', 'p', '.']
                } else {
                    &[$result, 'p', '.']
                },
                address: $name as *const (),
            },)*]
        }
    };
}

variadic! {
    TSDebug 'v' = debug, 16, "rdx";
    TSStatus 'v' = status, 8, "rsi";
    TSNote 'v' = note, 8, "rsi";
    TSWarning 'v' = warning, 8, "rsi";
    TSError 'v' = error, 8, "rsi";
    TSFatal 'v' = fatal, 8, "rsi";
    TSAlert 'v' = alert, 8, "rsi";
    TSEmergency 'v' = emergency, 8, "rsi";
    TSTextLogObjectWrite 'i' = text_log_write, 16, "rdx";
}
