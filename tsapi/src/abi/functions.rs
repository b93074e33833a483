//! The functions that are written, by the headings of `ts/ts.h`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use httpsm::FetchLine;

use super::callbacks::{EventFunction, RecordFunction, ThreadFunction};
use super::structures::{FetchEventIds, FetchUrlParams, HttpConnectOptions};
use super::values::{
    advance, between, bit_map, block, bytes, copy_text, fill, fill_or_nothing, lend, malloced,
    malloced_with_length, put, put_both, put_names, put_or_error, room, socket_addr, success,
    taken, text,
};
use crate::host::action::Place;
use crate::host::config::Value;
use crate::host::connection::Timeout;
use crate::host::head::Which;
use crate::host::peers::End;
use crate::host::records::Datum;
use crate::host::transaction::Limit;
use crate::host::{
    Handle, Kind, action, aio, args, buffer, client, config, connection, continuation, fetch,
    field, files, findings, head, hooks, host, locks, messages, names, parser, peers, plugins,
    records, stats, text as encoded, text_log, threads, transaction, url, uuid, want,
};

/// A pointer that a plugin gives and gets back, as the host keeps it.
fn kept(pointer: *mut c_void) -> usize {
    pointer.expose_provenance()
}

/// The pointer again.
fn given_back(kept: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(kept)
}

/// How many bytes a system call has moved, or the negative error number.
fn moved(n: isize) -> i64 {
    match n {
        -1 => -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        n => n as i64,
    }
}

/// Where an address is that the host keeps; NULL for none.
fn address(bytes: Option<Arc<[u8]>>) -> *const c_void {
    bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast())
}

/// The pointer to a name that is there for ever; NULL for none.
fn name(text: Option<&'static CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}

exports! {
    // Plugins, versions, folders.
    fn TSPluginRegister(info: *const *const c_char) -> c_int
        = { plugins::register(&text(*info)); 0 };
    fn TSTrafficServerVersionGet() -> *const c_char = c"9.2.9".as_ptr();
    fn TSTrafficServerVersionGetMajor() -> c_int = 9;
    fn TSTrafficServerVersionGetMinor() -> c_int = 2;
    fn TSTrafficServerVersionGetPatch() -> c_int = 9;
    fn TSConfigDirGet() -> *const c_char = host().config_dir.as_ptr();
    fn TSIsDebugTagSet(tag: *const c_char) -> c_int
        = c_int::from(messages::is_debug_tag_set(&text(tag)));
    fn TSMgmtUpdateRegister(_cont: Handle, _name: *const c_char) = {};
    fn TSMgmtConfigFileAdd(_parent: *const c_char, _file: *const c_char) -> c_int = 0;
    fn TSInstallDirGet() -> *const c_char = host().config_dir.as_ptr();

    // Memory and strings.
    fn _TSmalloc(size: u64, _path: *const c_char) -> *mut c_void = libc::malloc(size as usize);
    fn _TSrealloc(old: *mut c_void, size: u64, _path: *const c_char) -> *mut c_void
        = libc::realloc(old, size as usize);
    fn _TSfree(old: *mut c_void) = libc::free(old);
    fn _TSstrdup(from: *const c_char, length: i64, _path: *const c_char) -> *mut c_char = match from {
        from if from.is_null() => std::ptr::null_mut(),
        from => malloced(bytes(from, length)),
    };
    fn _TSstrlcpy(into: *mut c_char, from: *const c_char, room: u64) -> u64
        = copy_text(into, room, 0, bytes(from, -1));
    fn _TSstrlcat(into: *mut c_char, from: *const c_char, room: u64) -> u64
        = copy_text(into, room, libc::strnlen(into, room as usize), bytes(from, -1));
    fn TSBase64Encode(
        from: *const c_char, length: u64, into: *mut c_char, room: u64, written: *mut u64
    ) -> c_int = fill(into, written, encoded::base64_encode(block(from, length as i64), room as usize));
    fn TSBase64Decode(
        from: *const c_char, length: u64, into: *mut c_char, room: u64, written: *mut u64
    ) -> c_int = fill(into, written, encoded::base64_decode(block(from, length as i64), room as usize));
    fn TSStringPercentEncode(
        from: *const c_char, length: c_int, into: *mut c_char, room: u64, written: *mut u64,
        map: *const c_char
    ) -> c_int = {
        let text = encoded::percent_encode(bytes(from, length), bit_map(map), room as usize);
        fill_or_nothing(into, written, text)
    };
    fn TSStringPercentDecode(
        from: *const c_char, length: u64, into: *mut c_char, room: u64, written: *mut u64
    ) -> c_int = {
        let length = if length == 0 { -1 } else { length as i64 };
        fill(into, written, Some(encoded::percent_decode(bytes(from, length), room as usize)))
    };
    fn _TSAssert(what: *const c_char, file: *const c_char, line: c_int) -> c_int = {
        findings::note(format!("the plugin's assertion failed: {} ({}:{line})", text(what), text(file)));
        0
    };
    fn _TSReleaseAssert(what: *const c_char, file: *const c_char, line: c_int) = {
        findings::end(format!("the plugin's assertion failed: {} ({}:{line})", text(what), text(file)))
    };

    // Files.
    fn TSfopen(name: *const c_char, mode: *const c_char) -> Handle
        = files::open(&text(name), &text(mode));
    fn TSfclose(file: Handle) = files::close(file);
    fn TSfgets(file: Handle, into: *mut c_char, length: u64) -> *mut c_char
        = match files::gets(file, room(into, length as i64)) {
            true => into,
            false => std::ptr::null_mut(),
        };
    fn TSfread(file: Handle, into: *mut c_void, length: u64) -> i64
        = files::read(file, room(into.cast(), length as i64));
    fn TSfwrite(file: Handle, from: *const c_void, length: u64) -> i64
        = files::write(file, block(from.cast(), length as i64));
    fn TSAIORead(fd: c_int, offset: i64, into: *mut c_char, length: u64, cont: Handle) -> c_int
        = success(aio::start(cont, kept(into.cast()), length, |done| {
            moved(libc::pread(fd, into.add(done).cast(), length as usize - done, offset + done as i64))
        }));
    fn TSAIOWrite(fd: c_int, offset: i64, from: *mut c_char, length: u64, cont: Handle) -> c_int
        = success(aio::start(cont, kept(from.cast()), length, |done| {
            moved(libc::pwrite(fd, from.add(done).cast(), length as usize - done, offset + done as i64))
        }));
    fn TSAIOBufGet(aio: Handle) -> *mut c_char = given_back(aio::buffer(aio)).cast();
    fn TSAIONBytesGet(aio: Handle) -> c_int = aio::nbytes(aio);
    fn TSAIOThreadNumSet(threads: c_int) -> c_int = success(threads > 0);

    // Statistics.
    fn TSStatCreate(name: *const c_char, data_type: c_int, _persist: c_int, _sync: c_int) -> c_int
        = stats::create(&text(name), data_type);
    fn TSStatFindName(name: *const c_char, id: *mut c_int) -> c_int
        = put_or_error(id, stats::find(&text(name)));
    fn TSStatIntIncrement(id: c_int, by: i64) = stats::add(id, by);
    fn TSStatIntDecrement(id: c_int, by: i64) = stats::add(id, by.wrapping_neg());
    fn TSStatIntSet(id: c_int, value: i64) = stats::set(id, value);
    fn TSStatIntGet(id: c_int) -> i64 = stats::get(id);
    fn TSRecordDump(types: c_int, function: RecordFunction, data: *mut c_void)
        = records::dump(types, function, kept(data));

    // Records.
    fn TSMgmtIntGet(name: *const c_char, value: *mut i64) -> c_int
        = put_or_error(value, records::int(&text(name)));
    fn TSMgmtCounterGet(name: *const c_char, value: *mut i64) -> c_int
        = put_or_error(value, records::counter(&text(name)));
    fn TSMgmtFloatGet(name: *const c_char, value: *mut f32) -> c_int
        = put_or_error(value, records::float(&text(name)));
    fn TSMgmtStringGet(name: *const c_char, value: *mut *mut c_char) -> c_int = {
        let found = records::string(&text(name));
        put_or_error(value, found.map(|text| malloced(text.to_bytes())))
    };
    fn TSMgmtDataTypeGet(name: *const c_char, data_type: *mut c_int) -> c_int
        = put_or_error(data_type, records::data_type(&text(name)));
    fn TSMgmtIntCreate(
        kind: c_int, name: *const c_char, value: i64, _update: c_int, check: c_int,
        regex: *const c_char, _access: c_int
    ) -> c_int
        = success(records::create(kind, &text(name), Datum::Int(value), check, !regex.is_null()));
    fn TSMgmtStringCreate(
        kind: c_int, name: *const c_char, value: *const c_char, _update: c_int, check: c_int,
        regex: *const c_char, _access: c_int
    ) -> c_int = {
        let value = (!value.is_null()).then(|| CStr::from_ptr(value));
        success(records::create(kind, &text(name), Datum::text(value), check, !regex.is_null()))
    };

    // Threads and mutexes.
    fn TSThreadCreate(function: ThreadFunction, data: *mut c_void) -> Handle
        = threads::create(function, kept(data));
    fn TSMutexCreate() -> Handle = locks::create();
    fn TSMutexDestroy(mutex: Handle) = locks::destroy(mutex);
    fn TSMutexLock(mutex: Handle) = locks::lock(mutex);
    fn TSMutexLockTry(mutex: Handle) -> c_int = if locks::lock_try(mutex) { 0 } else { -1 };
    fn TSMutexUnlock(mutex: Handle) = locks::unlock(mutex);

    // Continuations and their events.
    fn TSContCreate(function: EventFunction, mutex: Handle) -> Handle
        = continuation::create(function, mutex);
    fn TSContDestroy(cont: Handle) = continuation::destroy(cont);
    fn TSContDataSet(cont: Handle, data: *mut c_void) = continuation::set_data(cont, kept(data));
    fn TSContDataGet(cont: Handle) -> *mut c_void = given_back(continuation::data(cont));
    fn TSContMutexGet(cont: Handle) -> Handle = continuation::mutex_of(cont);
    fn TSContCall(cont: Handle, event: c_int, data: *mut c_void) -> c_int
        = continuation::call_now(cont, event, kept(data));
    fn TSContSchedule(cont: Handle, ms: i64) -> Handle
        = action::schedule(cont, ms, false, Place::Thread);
    fn TSContScheduleOnPool(cont: Handle, ms: i64, pool: c_int) -> Handle
        = action::schedule(cont, ms, false, Place::Pool(pool));
    fn TSContScheduleEvery(cont: Handle, ms: i64) -> Handle
        = action::schedule(cont, ms, true, Place::Thread);
    fn TSContScheduleEveryOnPool(cont: Handle, ms: i64, pool: c_int) -> Handle
        = action::schedule(cont, ms, true, Place::Pool(pool));
    fn TSActionCancel(action: Handle) = action::cancel(action);
    fn TSActionDone(action: Handle) -> c_int = c_int::from(action::is_done(action));

    // Connections and operations.
    fn TSVConnRead(vc: Handle, cont: Handle, buffer: Handle, nbytes: i64) -> Handle
        = connection::read(vc, cont, buffer, nbytes);
    fn TSVConnWrite(vc: Handle, cont: Handle, reader: Handle, nbytes: i64) -> Handle
        = connection::write(vc, cont, reader, nbytes);
    fn TSVConnClose(vc: Handle) = connection::close(vc, None, "TSVConnClose was called");
    fn TSVConnAbort(vc: Handle, error: c_int)
        = connection::close(vc, Some(error), "TSVConnAbort was called");
    fn TSVConnClosedGet(vc: Handle) -> c_int = connection::is_closed(vc);
    fn TSVConnShutdown(vc: Handle, read: c_int, write: c_int)
        = connection::shutdown(vc, read != 0, write != 0);
    fn TSVConnActiveTimeoutSet(vc: Handle, span: i64)
        = connection::set_timeout(vc, Timeout::Active, Some(span));
    fn TSVConnActiveTimeoutCancel(vc: Handle) = connection::set_timeout(vc, Timeout::Active, None);
    fn TSVConnInactivityTimeoutSet(vc: Handle, span: i64)
        = connection::set_timeout(vc, Timeout::Inactivity, Some(span));
    fn TSVConnInactivityTimeoutCancel(vc: Handle)
        = connection::set_timeout(vc, Timeout::Inactivity, None);
    fn TSVConnReadVIOGet(vc: Handle) -> Handle = connection::vio_of(vc, Kind::ReadVio);
    fn TSVConnWriteVIOGet(vc: Handle) -> Handle = connection::vio_of(vc, Kind::WriteVio);
    fn TSVIOReenable(vio: Handle) = connection::reenable(vio);
    fn TSVIOBufferGet(vio: Handle) -> Handle = connection::buffer_of(vio);
    fn TSVIOReaderGet(vio: Handle) -> Handle = connection::reader_of(vio);
    fn TSVIONBytesGet(vio: Handle) -> i64 = connection::number(vio, iocore::VIO::nbytes);
    fn TSVIONBytesSet(vio: Handle, nbytes: i64) = connection::set_nbytes(vio, nbytes);
    fn TSVIONDoneGet(vio: Handle) -> i64 = connection::number(vio, iocore::VIO::ndone);
    fn TSVIONDoneSet(vio: Handle, ndone: i64) = connection::set_ndone(vio, ndone);
    fn TSVIONTodoGet(vio: Handle) -> i64 = connection::number(vio, iocore::VIO::ntodo);
    fn TSVIOContGet(vio: Handle) -> Handle = connection::continuation_of(vio);
    fn TSVIOVConnGet(vio: Handle) -> Handle = connection::connection_of(vio);
    fn TSVIOMutexGet(vio: Handle) -> Handle = connection::mutex_of(vio);

    // Buffers. 8 is the index of the default size, 32 KiB.
    fn TSIOBufferCreate() -> Handle = buffer::create(8);
    fn TSIOBufferSizedCreate(index: c_int) -> Handle = buffer::create(index);
    fn TSIOBufferDestroy(buffer: Handle) = buffer::destroy(buffer);
    fn TSIOBufferWaterMarkGet(buffer: Handle) -> i64 = buffer::water_mark(buffer);
    fn TSIOBufferWaterMarkSet(buffer: Handle, bytes: i64) = buffer::set_water_mark(buffer, bytes);
    fn TSIOBufferWrite(buffer: Handle, from: *const c_void, length: i64) -> i64
        = buffer::write(buffer, block(from.cast(), length));
    fn TSIOBufferCopy(buffer: Handle, reader: Handle, length: i64, offset: i64) -> i64
        = buffer::copy(buffer, reader, length, offset);
    fn TSIOBufferReaderAlloc(buffer: Handle) -> Handle = buffer::alloc_reader(buffer);
    fn TSIOBufferReaderClone(reader: Handle) -> Handle = buffer::clone_reader(reader);
    fn TSIOBufferReaderFree(reader: Handle) = buffer::free_reader(reader);
    fn TSIOBufferReaderAvail(reader: Handle) -> i64 = buffer::read_avail(reader);
    fn TSIOBufferReaderConsume(reader: Handle, bytes: i64) = buffer::consume(reader, bytes);
    fn TSIOBufferReaderCopy(reader: Handle, into: *mut c_void, length: i64) -> i64
        = buffer::copy_out(reader, room(into.cast(), length));
    fn TSIOBufferReaderStart(reader: Handle) -> Handle = buffer::first_block(reader);
    fn TSIOBufferBlockNext(block: Handle) -> Handle = buffer::next_block(block);
    fn TSIOBufferBlockReadStart(block: Handle, reader: Handle, avail: *mut i64) -> *const c_char = {
        let (at, n) = buffer::block_start(block, reader);
        put(avail, n);
        at
    };
    fn TSIOBufferBlockReadAvail(block: Handle, reader: Handle) -> i64
        = buffer::block_start(block, reader).1;

    // Heads.
    fn TSMBufferCreate() -> Handle = head::create_buffer();
    fn TSMBufferDestroy(mbuffer: Handle) -> c_int = head::destroy_buffer(mbuffer);
    fn TSMimeHdrCreate(mbuffer: Handle, head: *mut Handle) -> c_int
        = put_or_error(head, Some(head::create_fields(mbuffer)));
    fn TSMimeHdrDestroy(_mbuffer: Handle, head: Handle) -> c_int
        = { head::destroy_fields(head); 0 };
    fn TSMimeHdrClone(into: Handle, _from: Handle, head: Handle, copy: *mut Handle) -> c_int
        = put_or_error(copy, Some(head::clone_fields(into, head)));
    fn TSMimeHdrCopy(_into: Handle, to: Handle, _mbuffer: Handle, from: Handle) -> c_int
        = { head::copy_fields(to, from); 0 };
    fn TSMimeHdrFieldsClear(_mbuffer: Handle, head: Handle) -> c_int
        = { head::clear_fields(head); 0 };
    fn TSMimeHdrLengthGet(_mbuffer: Handle, head: Handle) -> c_int = head::fields_length(head);
    fn TSMimeHdrPrint(_mbuffer: Handle, head: Handle, buffer: Handle)
        = head::print_fields(head, buffer);
    fn TSHttpHdrClone(into: Handle, _from: Handle, head: Handle, copy: *mut Handle) -> c_int
        = put_or_error(copy, Some(head::clone(into, head)));
    fn TSHttpHdrCopy(_into: Handle, to: Handle, _mbuffer: Handle, from: Handle) -> c_int
        = { head::copy(to, from); 0 };
    fn TSHttpHdrUrlSet(_mbuffer: Handle, head: Handle, url: Handle) -> c_int
        = { head::set_url(head, url); 0 };
    fn TSHttpHdrHostGet(_mbuffer: Handle, head: Handle, length: *mut c_int) -> *const c_char
        = lend(head::host(head), length);
    fn TSHttpHdrEffectiveUrlBufGet(
        _mbuffer: Handle, head: Handle, into: *mut c_char, room_for: i64, length: *mut i64
    ) -> c_int = match head::effective_url(head) {
        None => -1,
        Some(text) => {
            put(length, text.len() as i64);
            if text.len() as i64 <= room_for {
                room(into, text.len() as i64).copy_from_slice(&text);
            }
            0
        }
    };
    fn TSHandleMLocRelease(_mbuffer: Handle, _parent: Handle, handle: Handle) -> c_int
        = if field::release(handle) { 0 } else { -1 };
    fn TSHttpHdrCreate(mbuffer: Handle) -> Handle = head::create(mbuffer);
    fn TSHttpHdrDestroy(_mbuffer: Handle, head: Handle) = head::destroy(head);
    fn TSHttpHdrTypeSet(_mbuffer: Handle, head: Handle, kind: c_int) -> c_int
        = if head::set_type(head, kind) { 0 } else { -1 };
    fn TSHttpHdrTypeGet(_mbuffer: Handle, head: Handle) -> c_int = head::type_of(head);
    fn TSHttpHdrVersionSet(_mbuffer: Handle, head: Handle, version: c_int) -> c_int
        = { head::set_version(head, version); 0 };
    fn TSHttpHdrVersionGet(_mbuffer: Handle, head: Handle) -> c_int = head::version(head);
    fn TSHttpHdrStatusSet(_mbuffer: Handle, head: Handle, status: c_int) -> c_int
        = { head::set_status(head, status); 0 };
    fn TSHttpHdrStatusGet(_mbuffer: Handle, head: Handle) -> c_int = head::status(head);
    fn TSHttpHdrReasonSet(_mbuffer: Handle, head: Handle, value: *const c_char, length: c_int) -> c_int
        = { head::set_reason(head, bytes(value, length)); 0 };
    fn TSHttpHdrReasonGet(_mbuffer: Handle, head: Handle, length: *mut c_int) -> *const c_char
        = lend(head::reason(head), length);
    fn TSHttpHdrReasonLookup(status: c_int) -> *const c_char = head::usual_reason(status).as_ptr();
    fn TSHttpHdrMethodGet(_mbuffer: Handle, head: Handle, length: *mut c_int) -> *const c_char
        = lend(head::method(head), length);
    fn TSHttpHdrMethodSet(_mbuffer: Handle, head: Handle, value: *const c_char, length: c_int) -> c_int
        = { head::set_method(head, bytes(value, length)); 0 };
    fn TSHttpHdrUrlGet(_mbuffer: Handle, head: Handle, url: *mut Handle) -> c_int
        = put_or_error(url, head::url(head));
    fn TSHttpHdrLengthGet(_mbuffer: Handle, head: Handle) -> c_int = head::length(head);
    fn TSHttpHdrPrint(_mbuffer: Handle, head: Handle, buffer: Handle) = head::print(head, buffer);
    fn TSHttpParserCreate() -> Handle = parser::create();
    fn TSHttpParserClear(parser: Handle) = parser::clear(parser);
    fn TSHttpParserDestroy(parser: Handle) = parser::destroy(parser);
    fn TSHttpHdrParseReq(
        parser: Handle, _mbuffer: Handle, head: Handle, start: *mut *const c_char, end: *const c_char
    ) -> c_int = {
        let (result, taken) = parser::parse_request(parser, head, between(start, end));
        advance(start, taken);
        result
    };
    fn TSHttpHdrParseResp(
        parser: Handle, _mbuffer: Handle, head: Handle, start: *mut *const c_char, end: *const c_char
    ) -> c_int = {
        let (result, taken) = parser::parse_response(parser, head, between(start, end));
        advance(start, taken);
        result
    };

    // Fields.
    fn TSMimeHdrFieldsCount(_mbuffer: Handle, head: Handle) -> c_int = field::count(head);
    fn TSMimeHdrFieldGet(_mbuffer: Handle, head: Handle, nth: c_int) -> Handle
        = field::get(head, nth);
    fn TSMimeHdrFieldFind(_mbuffer: Handle, head: Handle, name: *const c_char, length: c_int) -> Handle
        = field::find(head, bytes(name, length));
    fn TSMimeHdrFieldNext(_mbuffer: Handle, _head: Handle, field: Handle) -> Handle
        = field::next(field);
    fn TSMimeHdrFieldNextDup(_mbuffer: Handle, _head: Handle, field: Handle) -> Handle
        = field::next_dup(field);
    fn TSMimeHdrFieldCreate(_mbuffer: Handle, head: Handle, field: *mut Handle) -> c_int
        = put_or_error(field, field::create(head, b""));
    fn TSMimeHdrFieldCreateNamed(
        _mbuffer: Handle, head: Handle, name: *const c_char, length: c_int, field: *mut Handle
    ) -> c_int = put_or_error(field, field::create(head, bytes(name, length)));
    fn TSMimeHdrFieldAppend(_mbuffer: Handle, head: Handle, field: Handle) -> c_int
        = { field::append(head, field); 0 };
    fn TSMimeHdrFieldRemove(_mbuffer: Handle, _head: Handle, field: Handle) -> c_int
        = { field::remove(field); 0 };
    fn TSMimeHdrFieldDestroy(_mbuffer: Handle, _head: Handle, field: Handle) -> c_int
        = { field::destroy(field); 0 };
    fn TSMimeHdrFieldNameGet(
        _mbuffer: Handle, _head: Handle, field: Handle, length: *mut c_int
    ) -> *const c_char = lend(field::name(field), length);
    fn TSMimeHdrFieldValueStringGet(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, length: *mut c_int
    ) -> *const c_char = lend(field::value(field, part), length);
    fn TSMimeHdrFieldValueInt64Get(_mbuffer: Handle, _head: Handle, field: Handle, part: c_int) -> i64
        = field::number(field, part);
    fn TSMimeHdrFieldValueIntGet(_mbuffer: Handle, _head: Handle, field: Handle, part: c_int) -> c_int
        = field::number(field, part) as c_int;
    fn TSMimeHdrFieldValueStringSet(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: *const c_char, length: c_int
    ) -> c_int = { field::set_value(field, part, bytes(value, length)); 0 };
    fn TSMimeHdrFieldValueInt64Set(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: i64
    ) -> c_int = { field::set_value(field, part, value.to_string().as_bytes()); 0 };
    fn TSMimeHdrFieldValueIntSet(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: c_int
    ) -> c_int = { field::set_value(field, part, value.to_string().as_bytes()); 0 };
    fn TSMimeHdrFieldValueDateSet(_mbuffer: Handle, _head: Handle, field: Handle, time: i64) -> c_int
        = { field::set_date(field, time); 0 };
    fn TSMimeHdrFieldValueDateInsert(_mbuffer: Handle, _head: Handle, field: Handle, time: i64) -> c_int
        = { field::set_date(field, time); 0 };
    fn TSMimeHdrFieldValueDateGet(_mbuffer: Handle, _head: Handle, field: Handle) -> i64
        = field::date(field);
    fn TSMimeHdrFieldValueUintGet(_mbuffer: Handle, _head: Handle, field: Handle, part: c_int) -> u32
        = field::number(field, part) as u32;
    fn TSMimeHdrFieldValueUintSet(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: u32
    ) -> c_int = { field::set_value(field, part, value.to_string().as_bytes()); 0 };
    fn TSMimeHdrFieldValueStringInsert(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: *const c_char, length: c_int
    ) -> c_int = { field::insert_value(field, part, bytes(value, length)); 0 };
    fn TSMimeHdrFieldValueIntInsert(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: c_int
    ) -> c_int = { field::insert_value(field, part, value.to_string().as_bytes()); 0 };
    fn TSMimeHdrFieldValueUintInsert(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: u32
    ) -> c_int = { field::insert_value(field, part, value.to_string().as_bytes()); 0 };
    fn TSMimeHdrFieldValueAppend(
        _mbuffer: Handle, _head: Handle, field: Handle, part: c_int, value: *const c_char, length: c_int
    ) -> c_int = { field::extend_value(field, part, bytes(value, length)); 0 };
    fn TSMimeHdrFieldValueDelete(_mbuffer: Handle, _head: Handle, field: Handle, part: c_int) -> c_int
        = { field::delete_value(field, part); 0 };
    fn TSMimeHdrFieldValuesClear(_mbuffer: Handle, _head: Handle, field: Handle) -> c_int
        = { field::clear_values(field); 0 };
    fn TSMimeHdrFieldValuesCount(_mbuffer: Handle, _head: Handle, field: Handle) -> c_int
        = field::values_count(field);
    fn TSMimeHdrFieldLengthGet(_mbuffer: Handle, _head: Handle, field: Handle) -> c_int
        = field::length(field);
    fn TSMimeHdrFieldEqual(_mbuffer: Handle, _head: Handle, one: Handle, other: Handle) -> c_int
        = c_int::from(field::is_same(one, other));
    fn TSMimeHdrFieldNameSet(
        _mbuffer: Handle, _head: Handle, field: Handle, name: *const c_char, length: c_int
    ) -> c_int = { field::set_name(field, bytes(name, length)); 0 };
    fn TSMimeHdrFieldClone(
        _into: Handle, head: Handle, _mbuffer: Handle, _from: Handle, field: Handle, copy: *mut Handle
    ) -> c_int = put_or_error(copy, field::clone(head, field));
    fn TSMimeHdrFieldCopy(
        _into: Handle, _head: Handle, to: Handle, _mbuffer: Handle, _from: Handle, field: Handle
    ) -> c_int = { field::copy(to, field); 0 };
    fn TSMimeHdrFieldCopyValues(
        _into: Handle, _head: Handle, to: Handle, _mbuffer: Handle, _from: Handle, field: Handle
    ) -> c_int = { field::copy_values(to, field); 0 };
    fn TSMimeParseDate(text: *const c_char, length: c_int) -> i64
        = httpsm::hdr::parse_http_date(bytes(text, length)).unwrap_or(0);
    fn TSMimeFormatDate(time: i64, into: *mut c_char, length: *mut c_int) -> c_int
        = match length.as_ref() {
            Some(33..) => {
                let text = httpsm::hdr::http_date(time);
                room(into, text.len() as i64).copy_from_slice(text.as_bytes());
                put(length, text.len() as c_int);
                0
            }
            _ => -1,
        };

    // URLs.
    fn TSUrlCreate(mbuffer: Handle, url: *mut Handle) -> c_int
        = put_or_error(url, Some(url::create(mbuffer)));
    fn TSUrlClone(into: Handle, _from: Handle, url: Handle, copy: *mut Handle) -> c_int
        = put_or_error(copy, Some(url::clone(into, url)));
    fn TSUrlCopy(_into: Handle, to: Handle, _mbuffer: Handle, from: Handle) -> c_int
        = { url::copy(to, from); 0 };
    fn TSUrlParse(
        _mbuffer: Handle, url: Handle, start: *mut *const c_char, end: *const c_char
    ) -> c_int = {
        let (result, taken) = url::parse(url, between(start, end));
        advance(start, taken);
        result
    };
    fn TSUrlPrint(_mbuffer: Handle, url: Handle, buffer: Handle) = url::print(url, buffer);
    fn TSUrlLengthGet(_mbuffer: Handle, url: Handle) -> c_int = url::length(url);
    fn TSUrlStringGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *mut c_char
        = malloced_with_length(&url::string(url), length);
    fn TSUrlPercentEncode(
        _mbuffer: Handle, url: Handle, into: *mut c_char, room: u64, written: *mut u64,
        map: *const c_char
    ) -> c_int = {
        let text = encoded::percent_encode(&url::string(url), bit_map(map), room as usize);
        fill_or_nothing(into, written, text)
    };
    fn TSUrlRawSchemeGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::raw_scheme(url), length);
    fn TSUrlPortGet(_mbuffer: Handle, url: Handle) -> c_int = url::port(url);
    fn TSUrlRawPortGet(_mbuffer: Handle, url: Handle) -> c_int = url::raw_port(url);
    fn TSUrlPortSet(_mbuffer: Handle, url: Handle, port: c_int) -> c_int
        = if url::set_port(url, port) { 0 } else { -1 };
    fn TSUrlSchemeGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::scheme(url), length);
    fn TSUrlSchemeSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_scheme(url, bytes(value, length)); 0 };
    fn TSUrlUserGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::user(url), length);
    fn TSUrlUserSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_user(url, bytes(value, length)); 0 };
    fn TSUrlPasswordGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::password(url), length);
    fn TSUrlPasswordSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_password(url, bytes(value, length)); 0 };
    fn TSUrlHostGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::host(url), length);
    fn TSUrlHostSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_host(url, bytes(value, length)); 0 };
    fn TSUrlPathGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::path(url), length);
    fn TSUrlPathSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_path(url, bytes(value, length)); 0 };
    fn TSUrlHttpParamsGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::params(url), length);
    fn TSUrlHttpParamsSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_params(url, bytes(value, length)); 0 };
    fn TSUrlHttpQueryGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::query(url), length);
    fn TSUrlHttpQuerySet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_query(url, bytes(value, length)); 0 };
    fn TSUrlHttpFragmentGet(_mbuffer: Handle, url: Handle, length: *mut c_int) -> *const c_char
        = lend(url::fragment(url), length);
    fn TSUrlHttpFragmentSet(_mbuffer: Handle, url: Handle, value: *const c_char, length: c_int) -> c_int
        = { url::set_fragment(url, bytes(value, length)); 0 };

    // Hooks.
    fn TSHttpHookAdd(id: c_int, cont: Handle) = hooks::add(id, cont);
    fn TSHttpTxnHookAdd(txn: Handle, id: c_int, cont: Handle)
        = hooks::add_to_transaction(txn, id, cont);
    fn TSHttpSsnHookAdd(ssn: Handle, id: c_int, cont: Handle) = hooks::add_to_session(ssn, id, cont);
    fn TSLifecycleHookAdd(id: c_int, cont: Handle) = hooks::add_to_lifecycle(id, cont);
    fn TSHttpEventNameLookup(event: c_int) -> *const c_char = names::event(event).as_ptr();
    fn TSHttpHookNameLookup(id: c_int) -> *const c_char
        = names::hook(id).unwrap_or(c"unknown hook").as_ptr();
    fn TSHttpServerStateNameLookup(state: c_int) -> *const c_char = names::server_state(state).as_ptr();

    // Transactions and sessions.
    fn TSHttpTxnReenable(txn: Handle, event: c_int) = transaction::reenable(txn, event);
    fn TSHttpSsnReenable(ssn: Handle, event: c_int) = transaction::reenable_session(ssn, event);
    fn TSHttpTxnIntercept(cont: Handle, txn: Handle) = transaction::intercept(cont, txn, false);
    fn TSHttpTxnServerIntercept(cont: Handle, txn: Handle) = transaction::intercept(cont, txn, true);
    fn TSHttpTxnClientReqGet(txn: Handle, mbuffer: *mut Handle, head: *mut Handle) -> c_int
        = put_both(mbuffer, head, transaction::head(txn, Which::ClientRequest));
    fn TSHttpTxnServerReqGet(txn: Handle, mbuffer: *mut Handle, head: *mut Handle) -> c_int
        = put_both(mbuffer, head, transaction::head(txn, Which::ServerRequest));
    fn TSHttpTxnServerRespGet(txn: Handle, mbuffer: *mut Handle, head: *mut Handle) -> c_int
        = put_both(mbuffer, head, transaction::head(txn, Which::ServerResponse));
    fn TSHttpTxnClientRespGet(txn: Handle, mbuffer: *mut Handle, head: *mut Handle) -> c_int
        = put_both(mbuffer, head, transaction::head(txn, Which::ClientResponse));
    fn TSHttpTxnCacheLookupStatusGet(txn: Handle, status: *mut c_int) -> c_int
        = put_or_error(status, transaction::cache_lookup(txn));
    fn TSHttpTxnConfigFind(
        name: *const c_char, length: c_int, key: *mut c_int, data_type: *mut c_int
    ) -> c_int = put_both(key, data_type, config::find(bytes(name, length)));
    fn TSHttpTxnConfigIntSet(txn: Handle, key: c_int, value: i64) -> c_int
        = success(config::set(txn, key, Value::Int(value)));
    fn TSHttpTxnConfigFloatSet(txn: Handle, key: c_int, value: f32) -> c_int
        = success(config::set(txn, key, Value::Float(value)));
    fn TSHttpTxnConfigStringSet(txn: Handle, key: c_int, value: *const c_char, length: c_int) -> c_int
        = success(config::set(txn, key, Value::String(bytes(value, length).to_vec())));
    fn TSHttpTxnConfigStringGet(
        txn: Handle, key: c_int, value: *mut *const c_char, length: *mut c_int
    ) -> c_int = match config::string(txn, key) {
        Some(text) => {
            put(value, lend(Some(transaction::lend(txn, &text)), length));
            0
        }
        None => -1,
    };
    fn TSHttpTxnConfigIntGet(txn: Handle, key: c_int, value: *mut i64) -> c_int
        = put_or_error(value, config::int(txn, key));
    fn TSHttpTxnConfigFloatGet(txn: Handle, key: c_int, value: *mut f32) -> c_int
        = put_or_error(value, config::float(txn, key));
    fn TSHttpTxnPristineUrlGet(txn: Handle, mbuffer: *mut Handle, url: *mut Handle) -> c_int
        = put_both(mbuffer, url, transaction::pristine_url(txn));
    fn TSHttpTxnEffectiveUrlStringGet(txn: Handle, length: *mut c_int) -> *mut c_char
        = malloced_with_length(&transaction::alive(txn).txn.effective_url(), length);
    fn TSHttpTxnErrorBodySet(txn: Handle, body: *mut c_char, length: u64, content_type: *mut c_char) = {
        let content_type = taken(content_type, -1);
        transaction::set_error_body(txn, taken(body, length as i64), content_type);
    };
    fn TSHttpTxnActiveTimeoutSet(txn: Handle, ms: c_int)
        = transaction::set_limit(txn, Limit::Active, ms);
    fn TSHttpTxnNoActivityTimeoutSet(txn: Handle, ms: c_int)
        = transaction::set_limit(txn, Limit::NoActivity, ms);
    fn TSHttpTxnConnectTimeoutSet(txn: Handle, ms: c_int)
        = transaction::set_limit(txn, Limit::Connect, ms);
    // Names are looked up when the connection is made, without a limit of their own.
    fn TSHttpTxnDNSTimeoutSet(txn: Handle, _ms: c_int) = { transaction::alive(txn); };
    // There are no parents, so their selection has no effect.
    fn TSHttpTxnParentSelectionUrlSet(txn: Handle, _mbuffer: Handle, url: Handle) -> c_int
        = { transaction::alive(txn); url::value(url); 0 };
    fn TSCacheUrlSet(txn: Handle, url: *const c_char, length: c_int) -> c_int
        = success(transaction::set_cache_url(txn, bytes(url, length)));
    // The port follows no redirect, so it has followed none.
    fn TSHttpTxnRedirectRetries(txn: Handle) -> c_int = { transaction::alive(txn); 0 };
    fn TSHttpTxnSsnGet(txn: Handle) -> Handle = transaction::session_of(txn);
    fn TSHttpTxnCntlSet(txn: Handle, control: c_int, on: bool) -> c_int
        = transaction::set_control(txn, control, on);
    fn TSHttpTxnStatusGet(txn: Handle) -> c_int = transaction::status(txn);
    fn TSHttpTxnStatusSet(txn: Handle, status: c_int) = transaction::set_status(txn, status);
    fn TSHttpTxnIdGet(txn: Handle) -> u64 = transaction::alive(txn).txn.id();
    fn TSHttpTxnIsInternal(txn: Handle) -> c_int
        = c_int::from(transaction::alive(txn).txn.is_internal());
    fn TSHttpTxnClientAddrGet(txn: Handle) -> *const c_void = address(transaction::client_addr(txn));

    // The two connections of a transaction.
    fn TSHttpSsnClientVConnGet(ssn: Handle) -> Handle = peers::client_connection(ssn);
    fn TSHttpTxnServerVConnGet(txn: Handle) -> Handle = peers::server_connection(txn);
    fn TSHttpSsnClientAddrGet(ssn: Handle) -> *const c_void
        = address(peers::of_session(ssn, End::Remote));
    fn TSHttpSsnIncomingAddrGet(ssn: Handle) -> *const c_void
        = address(peers::of_session(ssn, End::Local));
    fn TSHttpTxnIncomingAddrGet(txn: Handle) -> *const c_void = address(peers::of_client(txn));
    fn TSHttpTxnOutgoingAddrGet(txn: Handle) -> *const c_void = address(peers::of_server(txn));
    fn TSNetVConnRemoteAddrGet(vc: Handle) -> *const c_void
        = address(peers::of_connection(vc, End::Remote));
    fn TSNetVConnLocalAddrGet(vc: Handle) -> *const c_void
        = address(peers::of_connection(vc, End::Local));
    fn TSHttpSsnClientFdGet(ssn: Handle, socket: *mut c_int) -> c_int
        = put_or_error(socket, peers::client_socket(ssn));
    fn TSHttpTxnClientFdGet(txn: Handle, socket: *mut c_int) -> c_int
        = put_or_error(socket, peers::client_socket(transaction::session_of(txn)));
    fn TSHttpTxnServerFdGet(txn: Handle, socket: *mut c_int) -> c_int = {
        let found = peers::server_socket(txn);
        put(socket, found.unwrap_or(-1));
        success(found.is_some())
    };
    fn TSVConnFdGet(vc: Handle) -> c_int = peers::socket_of(vc);
    fn TSVConnIsSsl(vc: Handle) -> c_int = c_int::from(peers::is_ssl(vc));
    fn TSVConnSslConnectionGet(vc: Handle) -> *mut c_void = {
        peers::is_ssl(vc);
        std::ptr::null_mut()
    };
    fn TSHttpSsnIsInternal(ssn: Handle) -> c_int = c_int::from(peers::is_internal(ssn));
    fn TSHttpSsnIdGet(ssn: Handle) -> i64 = want::<transaction::Session>(ssn).ssn().id() as i64;
    fn TSHttpSsnTransactionCount(ssn: Handle) -> c_int
        = want::<transaction::Session>(ssn).ssn().transact_count() as c_int;
    fn TSHttpTxnClientProtocolStackGet(
        txn: Handle, room: c_int, into: *mut *const c_char, actual: *mut c_int
    ) -> c_int = put_names(&peers::client_protocols(txn), room, into, actual);
    fn TSHttpTxnServerProtocolStackGet(
        txn: Handle, room: c_int, into: *mut *const c_char, actual: *mut c_int
    ) -> c_int = put_names(&peers::server_protocols(txn), room, into, actual);
    fn TSHttpSsnClientProtocolStackGet(
        ssn: Handle, room: c_int, into: *mut *const c_char, actual: *mut c_int
    ) -> c_int = put_names(&peers::session_protocols(ssn), room, into, actual);
    fn TSHttpTxnClientProtocolStackContains(txn: Handle, tag: *const c_char) -> *const c_char
        = name(peers::first_with(&peers::client_protocols(txn), bytes(tag, -1)));
    fn TSHttpTxnServerProtocolStackContains(txn: Handle, tag: *const c_char) -> *const c_char
        = name(peers::first_with(&peers::server_protocols(txn), bytes(tag, -1)));
    fn TSHttpSsnClientProtocolStackContains(ssn: Handle, tag: *const c_char) -> *const c_char
        = name(peers::first_with(&peers::session_protocols(ssn), bytes(tag, -1)));

    // What a transaction has counted.
    fn TSHttpTxnClientReqHdrBytesGet(txn: Handle) -> c_int
        = transaction::bytes(txn).client_request_hdr as c_int;
    fn TSHttpTxnClientReqBodyBytesGet(txn: Handle) -> i64 = transaction::bytes(txn).client_request_body;
    fn TSHttpTxnServerReqHdrBytesGet(txn: Handle) -> c_int
        = transaction::bytes(txn).server_request_hdr as c_int;
    fn TSHttpTxnServerReqBodyBytesGet(txn: Handle) -> i64 = transaction::bytes(txn).server_request_body;
    fn TSHttpTxnServerRespHdrBytesGet(txn: Handle) -> c_int
        = transaction::bytes(txn).server_response_hdr as c_int;
    fn TSHttpTxnServerRespBodyBytesGet(txn: Handle) -> i64
        = transaction::bytes(txn).server_response_body;
    fn TSHttpTxnClientRespHdrBytesGet(txn: Handle) -> c_int
        = transaction::bytes(txn).client_response_hdr as c_int;
    fn TSHttpTxnClientRespBodyBytesGet(txn: Handle) -> i64
        = transaction::bytes(txn).client_response_body;
    fn TSHttpTxnClientReceivedErrorGet(txn: Handle, class: *mut u32, code: *mut u64)
        = { put_both(class, code, Some(transaction::no_http2_error(txn))); };
    fn TSHttpTxnClientSentErrorGet(txn: Handle, class: *mut u32, code: *mut u64)
        = { put_both(class, code, Some(transaction::no_http2_error(txn))); };
    fn TSHttpTxnServerReceivedErrorGet(txn: Handle, class: *mut u32, code: *mut u64)
        = { put_both(class, code, Some(transaction::no_http2_error(txn))); };
    fn TSHttpTxnServerSentErrorGet(txn: Handle, class: *mut u32, code: *mut u64)
        = { put_both(class, code, Some(transaction::no_http2_error(txn))); };
    // There is no HTTP/2, so no stream.
    fn TSHttpTxnClientStreamIdGet(txn: Handle, _id: *mut u64) -> c_int
        = { transaction::alive(txn); -1 };
    fn TSHttpTxnClientStreamPriorityGet(txn: Handle, _priority: *mut c_void) -> c_int
        = { transaction::alive(txn); -1 };
    // There is no cache, so no object has been found in it.
    fn TSHttpTxnCachedReqGet(txn: Handle, _mbuffer: *mut Handle, _head: *mut Handle) -> c_int
        = { transaction::alive(txn); -1 };
    fn TSHttpTxnCachedRespGet(txn: Handle, _mbuffer: *mut Handle, _head: *mut Handle) -> c_int
        = { transaction::alive(txn); -1 };
    fn TSHttpTxnMilestoneGet(txn: Handle, milestone: c_int, time: *mut i64) -> c_int = {
        let found = transaction::milestone(txn, milestone);
        put(time, found.unwrap_or(-1));
        success(found.is_some())
    };
    fn TSHttpTxnCacheLookupUrlGet(txn: Handle, _mbuffer: Handle, url: Handle) -> c_int
        = success(transaction::cache_lookup_url(txn, url));
    fn TSPluginVCIOBufferIndexGet(txn: Handle) -> c_int = config::pair_buffer_index(txn);
    fn TSPluginVCIOBufferWaterMarkGet(txn: Handle) -> c_int = config::pair_water_mark(txn);

    // Text logs.
    fn TSTextLogObjectCreate(file: *const c_char, mode: c_int, place: *mut Handle) -> c_int = {
        let made = text_log::create(&text(file), mode);
        put(place, made.unwrap_or(Handle::NULL));
        success(made.is_some())
    };
    fn TSTextLogObjectDestroy(text_log: Handle) -> c_int = { text_log::destroy(text_log); 0 };
    fn TSTextLogObjectFlush(text_log: Handle) = text_log::no_file(text_log);
    fn TSTextLogObjectHeaderSet(text_log: Handle, _header: *const c_char) = text_log::no_file(text_log);
    // The check of the original lets each value pass.
    fn TSTextLogObjectRollingEnabledSet(text_log: Handle, _how: c_int) -> c_int
        = { text_log::no_file(text_log); 0 };
    fn TSTextLogObjectRollingIntervalSecSet(text_log: Handle, _seconds: c_int)
        = text_log::no_file(text_log);
    fn TSTextLogObjectRollingOffsetHrSet(text_log: Handle, _hour: c_int) = text_log::no_file(text_log);
    fn TSTextLogObjectRollingSizeMbSet(text_log: Handle, _mb: c_int) = text_log::no_file(text_log);

    // Arguments that plugins keep with objects.
    fn TSUserArgIndexReserve(
        kind: c_int, name: *const c_char, description: *const c_char, number: *mut c_int
    ) -> c_int = put_or_error(number, args::reserve(kind, &text(name), &text(description)));
    fn TSUserArgIndexNameLookup(
        kind: c_int, name: *const c_char, number: *mut c_int, description: *mut *const c_char
    ) -> c_int = {
        let found = args::look_name_up(kind, &text(name));
        put_both(number, description, found.map(|(number, text)| (number, text.as_ptr())))
    };
    fn TSUserArgIndexLookup(
        kind: c_int, number: c_int, name: *mut *const c_char, description: *mut *const c_char
    ) -> c_int = {
        let found = args::look_up(kind, number);
        put_both(name, description, found.map(|(name, text)| (name.as_ptr(), text.as_ptr())))
    };
    fn TSUserArgGet(data: Handle, number: c_int) -> *mut c_void = given_back(args::get(data, number));
    fn TSUserArgSet(data: Handle, number: c_int, value: *mut c_void)
        = args::set(data, number, kept(value));

    // UUIDs.
    fn TSUuidCreate() -> Handle = uuid::create();
    fn TSUuidDestroy(uuid: Handle) = uuid::destroy(uuid);
    fn TSUuidCopy(to: Handle, from: Handle) -> c_int = success(uuid::copy(to, from));
    fn TSUuidInitialize(uuid: Handle, version: c_int) -> c_int
        = success(uuid::initialize(uuid, version));
    fn TSUuidStringGet(uuid: Handle) -> *const c_char
        = uuid::string(uuid).unwrap_or(std::ptr::null());
    fn TSUuidStringParse(uuid: Handle, value: *const c_char) -> c_int
        = success(uuid::parse(uuid, &text(value)));
    fn TSUuidVersionGet(uuid: Handle) -> c_int = uuid::version(uuid);
    fn TSProcessUuidGet() -> Handle = uuid::of_process();
    fn TSClientRequestUuidGet(txn: Handle, into: *mut c_char) -> c_int = {
        let text = uuid::of_request(transaction::alive(txn).txn.id());
        fill(into, std::ptr::null_mut(), Some(text.into_bytes()))
    };

    // Plugins as clients.
    fn TSHttpConnectOptionsGet(connect_type: c_int) -> HttpConnectOptions = {
        if connect_type != HttpConnectOptions::PLUGIN {
            findings::end(format!("there is no connect type {connect_type}"));
        }
        HttpConnectOptions::default()
    };
    fn TSHttpConnectPlugin(options: *mut HttpConnectOptions) -> Handle = {
        let Some(options) = options.as_mut() else { findings::end("the options are NULL".to_owned()) };
        if options.connect_type != HttpConnectOptions::PLUGIN {
            findings::end("the connect type is not TS_CONNECT_PLUGIN".to_owned());
        }
        let (address, tag) = (socket_addr(options.addr), text(options.tag));
        client::connect(address, &tag, options.id, options.buffer_index, options.buffer_water_mark)
    };
    fn TSHttpConnectWithPluginId(address: *const c_void, tag: *const c_char, id: i64) -> Handle
        = client::connect(socket_addr(address), &text(tag), id, client::DEFAULT_SIZE, 0);
    fn TSHttpConnect(address: *const c_void) -> Handle
        = client::connect(socket_addr(address), "plugin", 0, client::DEFAULT_SIZE, 0);
    fn TSFetchUrl(
        request: *const c_char, length: c_int, address: *const c_void, cont: Handle, options: c_int,
        events: FetchEventIds
    ) -> Handle = {
        fetch::fetch_url(bytes(request, length), socket_addr(address), cont, options, events.0)
    };
    fn TSFetchPages(params: *const FetchUrlParams) = {
        let mut next = params;
        while let Some(one) = next.as_ref() {
            let request = bytes(one.request, one.request_len);
            let address = socket_addr((&raw const one.ip).cast());
            fetch::fetch_url(request, address, one.contp, one.options, one.events.0);
            next = one.next;
        }
    };
    fn TSFetchRespGet(fetch: Handle, length: *mut c_int) -> *const c_char = {
        let text = fetch::response_text(fetch);
        let bytes = text.as_ref().map_or(0, |text| text.len() - 1);
        put(length, c_int::try_from(bytes).unwrap_or(c_int::MAX));
        text.map_or(std::ptr::null(), |text| text.as_ptr().cast())
    };
    fn TSFetchPageRespGet(head: Handle, mbuffer: *mut Handle, place: *mut Handle) -> c_int
        = put_both(mbuffer, place, fetch::page_response(head));
    fn TSFetchCreate(
        cont: Handle, method: *const c_char, url: *const c_char, version: *const c_char,
        address: *const c_void, flags: c_int
    ) -> Handle = {
        let line = FetchLine {
            method: bytes(method, -1), url: bytes(url, -1), version: bytes(version, -1),
        };
        fetch::create(cont, line, socket_addr(address), flags)
    };
    fn TSFetchHeaderAdd(
        fetch: Handle, name: *const c_char, name_length: c_int, value: *const c_char, length: c_int
    ) = fetch::header_add(fetch, bytes(name, name_length), bytes(value, length));
    fn TSFetchLaunch(fetch: Handle) = fetch::launch(fetch);
    fn TSFetchWriteData(fetch: Handle, data: *const c_void, length: u64)
        = fetch::write_data(fetch, block(data.cast(), length as i64));
    fn TSFetchReadData(fetch: Handle, into: *mut c_void, length: u64) -> i64
        = fetch::read_data(fetch, room(into.cast(), length as i64));
    fn TSFetchDestroy(fetch: Handle) = fetch::destroy(fetch);
    fn TSFetchFlagSet(fetch: Handle, flags: c_int) = fetch::set_flags(fetch, flags);
    fn TSFetchUserDataSet(fetch: Handle, data: *mut c_void) = fetch::set_user_data(fetch, kept(data));
    fn TSFetchUserDataGet(fetch: Handle) -> *mut c_void = given_back(fetch::user_data(fetch));
    fn TSFetchRespHdrMBufGet(fetch: Handle) -> Handle = fetch::response_head(fetch).0;
    fn TSFetchRespHdrMLocGet(fetch: Handle) -> Handle = fetch::response_head(fetch).1;

    fn TShrtime() -> i64 = host().proxy.local_hrtime();
}
