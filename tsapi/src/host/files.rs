//! `TSFile`.
//!
//! Mirrors `FileImpl` of `InkAPI.cc` (9.2.9): one mode of `r`, `w` and `a`.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};

use eventsys::sync::Mutex;

use super::{Handle, table, take_out, want};

/// An open file.
pub(crate) struct PluginFile(Mutex<BufReader<File>>);

/// `TSfopen`: NULL if the file cannot be opened.
pub(crate) fn open(name: &str, mode: &str) -> Handle {
    let mut options = OpenOptions::new();
    match mode.chars().next() {
        Some('r') => options.read(true),
        Some('w') => options.write(true).create(true).truncate(true),
        Some('a') => options.append(true).create(true),
        _ => return Handle::NULL,
    };
    let file = options.open(name).ok();
    file.map_or(Handle::NULL, |file| table().insert(PluginFile(Mutex::new(BufReader::new(file)))))
}

/// `TSfclose`.
pub(crate) fn close(file: Handle) {
    take_out::<PluginFile>(file, "TSfclose was called");
}

/// `TSfgets`: a line with its end, as much of it as fits before a NUL. False at the end of the file.
pub(crate) fn gets(file: Handle, into: &mut [u8]) -> bool {
    let file = want::<PluginFile>(file);
    let mut reader = file.0.lock();
    let Some(room) = into.len().checked_sub(1) else { return false };
    let mut line = Vec::new();
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    let read = (&mut *reader).take(room).read_until(b'\n', &mut line);
    if !matches!(read, Ok(1..)) {
        return false;
    }
    into[..line.len()].copy_from_slice(&line);
    into[line.len()] = 0;
    true
}

/// `TSfread`: how many bytes, 0 at the end, -1 after an error.
pub(crate) fn read(file: Handle, into: &mut [u8]) -> i64 {
    let file = want::<PluginFile>(file);
    let mut reader = file.0.lock();
    let mut n = 0;
    while n < into.len() {
        match reader.read(&mut into[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(_) => return -1,
        }
    }
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `TSfwrite`: how many bytes, -1 after an error.
pub(crate) fn write(file: Handle, bytes: &[u8]) -> i64 {
    let file = want::<PluginFile>(file);
    let mut file = file.0.lock();
    match file.get_mut().write_all(bytes) {
        Ok(()) => i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        Err(_) => -1,
    }
}
