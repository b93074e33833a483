//! Loads plugins, and calls their entry points.
//!
//! Mirrors `single_plugin_init` of `proxy/Plugin.cc` and `RemapPluginInfo` of
//! `proxy/http/remap/RemapPluginInfo.cc` (9.2.9): `optind` is 0 before each entry point that gets
//! arguments, and the arguments are freed after it.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::RemapPlugin;

use super::callbacks::{Arguments, DoRemap, DoRemapFunction, RemapInterface};
use super::got;
use super::values::text;
use crate::host::remap::RuleOfPlugin;
use crate::host::transaction::ASKS_FOR_MILESTONES;
use crate::host::{calls, host, plugins, virtual_time};

unsafe extern "C" {
    /// Where `getopt` goes on. A plugin that parses its arguments begins anew with 0.
    static mut optind: c_int;
}

/// The files of plugins.
static PLUGINS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A plugin: its file, and its arguments.
///
/// ```
/// use tsapi::Plugin;
///
/// let plugin: Plugin = "modules/statichit.so --file-path=x".parse().unwrap();
/// assert_eq!(plugin.name(), "statichit.so");
/// assert_eq!(plugin.arguments, ["--file-path=x"]);
/// assert!("".parse::<Plugin>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plugin {
    /// The `.so` file.
    pub path: PathBuf,
    /// Its arguments, without the file and without the URLs of a rule.
    pub arguments: Vec<String>,
}

impl Plugin {
    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap_or("plugin")
    }
}

impl std::str::FromStr for Plugin {
    type Err = String;

    /// Reads `PATH ARGUMENT…`, with blanks between them.
    fn from_str(text: &str) -> Result<Plugin, String> {
        let mut words = text.split_ascii_whitespace();
        let path = words.next().ok_or("expected \"PATH ARGUMENTS\", found no path")?;
        Ok(Plugin { path: path.into(), arguments: words.map(str::to_owned).collect() })
    }
}

/// Why a plugin cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// The dynamic loader refuses the file; its sentence.
    NotLoaded(String),
    /// The plugin has no such entry point.
    NoEntry {
        /// The plugin.
        plugin: String,
        /// The function that is missing.
        entry: &'static str,
    },
    /// The plugin's own refusal.
    Refused {
        /// The plugin.
        plugin: String,
        /// The function that has refused.
        entry: &'static str,
        /// What it says.
        says: String,
    },
    /// The plugin has not called `TSPluginRegister`; the real server ends.
    NotRegistered(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NotLoaded(why) => write!(f, "the plugin cannot be loaded: {why}"),
            LoadError::NoEntry { plugin, entry } => {
                write!(f, "{plugin} has no function {entry}")
            }
            LoadError::Refused { plugin, entry, says } if says.is_empty() => {
                write!(f, "{plugin} refuses to start: {entry} returns an error")
            }
            LoadError::Refused { plugin, entry, says } => {
                write!(f, "{plugin} refuses to start: {entry} says {says:?}")
            }
            LoadError::NotRegistered(plugin) => {
                write!(f, "{plugin} has not called TSPluginRegister")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Loads a library of the server, so that plugins find its names. Plugins count on libraries that
/// `traffic_server` itself is linked to.
///
/// # Errors
/// If the dynamic loader refuses it.
pub fn preload(library: &Path) -> Result<(), LoadError> {
    open(library, libc::RTLD_NOW | libc::RTLD_GLOBAL).map(drop)
}

/// Loads a plugin for all transactions and calls its `TSPluginInit`. Call it after [`start`] on the
/// thread that started the host.
///
/// [`start`]: crate::start
///
/// # Errors
/// If it cannot be loaded or refuses.
pub fn load(plugin: &Plugin) -> Result<(), LoadError> {
    let library = open(&plugin.path, libc::RTLD_NOW)?;
    let name = plugin.name();
    let init = library.entry(name, "TSPluginInit")?;
    // SAFETY: the function of this name has this type, says `ts/ts.h`.
    let init: unsafe extern "C-unwind" fn(c_int, *mut *mut c_char) =
        unsafe { mem::transmute(init) };
    let path = plugin.path.display().to_string();
    let words = std::iter::once(path.as_str()).chain(plugin.arguments.iter().map(String::as_str));
    let mut arguments = Arguments::new(words);
    let before = plugins::registered();
    calls::inside(calls::kept(&format!("{name}:TSPluginInit")), || {
        // SAFETY: the arguments live until it returns, and so they do in the original; no other
        // thread calls `getopt` while plugins are loaded.
        unsafe {
            optind = 0;
            init(arguments.argc(), arguments.argv());
        }
    });
    if plugins::registered() == before {
        return Err(LoadError::NotRegistered(name.to_owned()));
    }
    Ok(())
}

/// Loads a plugin for one rule, from `from` to `to`: `TSRemapInit` once for each file, then
/// `TSRemapNewInstance`.
///
/// # Errors
/// If it cannot be loaded or refuses.
pub fn remap_plugin(
    plugin: &Plugin,
    from: &str,
    to: &str,
) -> Result<Arc<dyn RemapPlugin>, LoadError> {
    let library = open(&plugin.path, libc::RTLD_NOW)?;
    let name = plugin.name();
    let function = library.entry(name, "TSRemapDoRemap")?;
    library.init_remap_once(name)?;
    let instance = library.new_instance(plugin, from, to)?;
    // SAFETY: the function of this name has this type, says `ts/remap.h`.
    let function = unsafe { mem::transmute::<*mut c_void, DoRemapFunction>(function) };
    Ok(Arc::new(RuleOfPlugin::new(name, DoRemap { function, instance })))
}

/// A library that is loaded for the rest of the process's life.
#[derive(Clone, Copy)]
struct Library(*mut c_void);

/// The length of the place for a plugin's message, as in the original.
const MESSAGE: usize = 2048;

impl Library {
    fn find(self, entry: &CStr) -> Option<*mut c_void> {
        // SAFETY: the library is loaded for ever, and the name ends with a NUL.
        let found = unsafe { libc::dlsym(self.0, entry.as_ptr()) };
        (!found.is_null()).then_some(found)
    }

    fn entry(self, plugin: &str, entry: &'static str) -> Result<*mut c_void, LoadError> {
        let name = CString::new(entry).unwrap_or_default();
        self.find(&name).ok_or_else(|| LoadError::NoEntry { plugin: plugin.to_owned(), entry })
    }

    fn init_remap_once(self, name: &str) -> Result<(), LoadError> {
        static READY: Mutex<Vec<usize>> = Mutex::new(Vec::new());
        if READY.lock().contains(&self.0.addr()) {
            return Ok(());
        }
        let init = self.entry(name, "TSRemapInit")?;
        // SAFETY: the function of this name has this type, says `ts/remap.h`.
        let init: unsafe extern "C-unwind" fn(*mut RemapInterface, *mut c_char, c_int) -> c_int =
            unsafe { mem::transmute(init) };
        let size = mem::size_of::<RemapInterface>() as u64;
        let mut interface = RemapInterface { size, tsremap_version: 3 << 16 };
        let code = refusal(name, "TSRemapInit", |message, length| {
            // SAFETY: the interface and the place for the message live until it returns.
            unsafe { init(&raw mut interface, message, length) }
        });
        code?;
        READY.lock().push(self.0.addr());
        Ok(())
    }

    /// The instance, or 0 if the plugin has none.
    fn new_instance(self, plugin: &Plugin, from: &str, to: &str) -> Result<usize, LoadError> {
        let Some(make) = self.find(c"TSRemapNewInstance") else { return Ok(0) };
        type NewInstance = unsafe extern "C-unwind" fn(
            c_int,
            *mut *mut c_char,
            *mut *mut c_void,
            *mut c_char,
            c_int,
        ) -> c_int;
        // SAFETY: the function of this name has this type, says `ts/remap.h`.
        let make: NewInstance = unsafe { mem::transmute(make) };
        let words = [from, to].into_iter().chain(plugin.arguments.iter().map(String::as_str));
        let mut arguments = Arguments::new(words);
        let mut instance = std::ptr::null_mut();
        refusal(plugin.name(), "TSRemapNewInstance", |message, length| {
            // SAFETY: all places live until it returns; no other thread calls `getopt` while
            // plugins are loaded.
            unsafe {
                optind = 0;
                let (argc, argv) = (arguments.argc(), arguments.argv());
                make(argc, argv, &raw mut instance, message, length)
            }
        })?;
        Ok(instance.expose_provenance())
    }
}

/// Calls an entry point that returns a code and may write a message.
fn refusal(
    plugin: &str,
    entry: &'static str,
    call: impl FnOnce(*mut c_char, c_int) -> c_int,
) -> Result<(), LoadError> {
    let mut message = vec![0_u8; MESSAGE];
    let length = c_int::try_from(MESSAGE - 1).unwrap_or(0);
    let code = calls::inside(calls::kept(&format!("{plugin}:{entry}")), || {
        call(message.as_mut_ptr().cast(), length)
    });
    if code == 0 {
        return Ok(());
    }
    let end = message.iter().position(|&c| c == 0).unwrap_or(0);
    let says = String::from_utf8_lossy(&message[..end]).trim().to_owned();
    Err(LoadError::Refused { plugin: plugin.to_owned(), entry, says })
}

fn open(path: &Path, flags: c_int) -> Result<Library, LoadError> {
    // Without a folder the loader would look elsewhere than in this one, as it shall for a library.
    let whole = match flags & libc::RTLD_GLOBAL != 0 && path.components().count() == 1 {
        true => path.to_owned(),
        false => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    };
    let name = CString::new(whole.display().to_string())
        .map_err(|_| LoadError::NotLoaded(format!("{path:?} is no name of a file")))?;
    // SAFETY: to load a plugin is to run its code, which is what the caller asks for.
    let library = unsafe { libc::dlopen(name.as_ptr(), flags) };
    if library.is_null() {
        // SAFETY: the loader keeps the message until the next call on this thread.
        let why = unsafe { text(libc::dlerror()) };
        return Err(LoadError::NotLoaded(why));
    }
    if flags & libc::RTLD_GLOBAL == 0 && virtual_time::is_on() {
        // SAFETY: a plugin that has just been loaded, for ever; none of its code runs on another
        // thread before its entry point is called.
        unsafe { got::patch(library) };
    }
    if flags & libc::RTLD_GLOBAL == 0 {
        // SAFETY: a plugin that has just been loaded, for ever.
        if unsafe { got::is_linked_to(library, ASKS_FOR_MILESTONES) } {
            host().proxy.keep_milestones();
        }
        PLUGINS.lock().push(whole.display().to_string());
    }
    Ok(Library(library))
}

/// An address of code in a file.
struct Place {
    file: String,
    offset: usize,
    /// Empty for one without a name that other files see.
    symbol: String,
}

impl Place {
    fn of(address: usize) -> Option<Place> {
        let at = std::ptr::with_exposed_provenance(address);
        // SAFETY: all zero is a value of it: null pointers.
        let mut found: libc::Dl_info = unsafe { mem::zeroed() };
        // SAFETY: it looks the address up among the loaded files, whatever the address is.
        if unsafe { libc::dladdr(at, &raw mut found) } == 0 {
            return None;
        }
        // SAFETY: the loader's own strings, of files that are never unloaded.
        let (file, symbol) = unsafe { (text(found.dli_fname), text(found.dli_sname)) };
        let offset = address.wrapping_sub(found.dli_fbase.addr());
        Some(Place { file, offset, symbol })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.rsplit('/').next().unwrap_or_default();
        write!(f, "{file}:+{:#x}", self.offset)?;
        if !self.symbol.is_empty() {
            write!(f, " ({})", self.symbol)?;
        }
        Ok(())
    }
}

/// Where a function is: `plugin.so:+0x1234 (symbol)`. A plugin makes continuations with the same few
/// functions again and again, and the dynamic loader searches long: each is asked for once.
pub(crate) fn place_of(address: usize) -> &'static str {
    static KNOWN: Mutex<BTreeMap<usize, &'static str>> = Mutex::new(BTreeMap::new());
    let find = || match Place::of(address) {
        Some(place) => calls::kept(&place.to_string()),
        None => calls::kept(&format!("{address:#x}")),
    };
    KNOWN.lock().entry(address).or_insert_with(find)
}

/// Where the plugin calls the function that it is in: the innermost frame of this thread that is in a
/// plugin. None if the frames between cannot be read, as those of the tracer.
pub(crate) fn call_site() -> Option<String> {
    const DEEPEST: usize = 64;
    let mut frames = [std::ptr::null_mut::<c_void>(); DEEPEST];
    let room = c_int::try_from(DEEPEST).unwrap_or(0);
    // The addresses to which the frames of this thread return, the innermost first.
    // SAFETY: there is room for so many addresses.
    let n = unsafe { libc::backtrace(frames.as_mut_ptr(), room) };
    let plugins = PLUGINS.lock();
    // A frame's address is behind the call; one less is in it.
    let places = frames.iter().take(usize::try_from(n).unwrap_or(0));
    let mut places = places.filter_map(|at| Place::of(at.addr().wrapping_sub(1)));
    let found = places.find(|place| plugins.contains(&place.file));
    found.map(|place| place.to_string())
}
