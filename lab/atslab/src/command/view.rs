//! `atslab view`: a page that shows runs.

mod browser;
pub(crate) mod links;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use conformance::ats::http_scenario::{HttpArm, http_text};
use conformance::ats::live::Probe;
use conformance::ats::{Epoch, Suite, gallery};
use conformance::input::{MOST_OF_A_SCENARIO, file_name, read_file};
use conformance::node::shape;
use serde_json::Value;

use super::run::{http_named_or_file, is_http, mirrored, named_or_file};
use crate::cli::{Epochs, WhichArgs};
use crate::error::Error;
use crate::files::lines_of;
use crate::select::select;
use crate::servers::ServersArg;
use crate::ui::output::Output;
use crate::view::http::HttpNamed;
use crate::view::interleaving::Interleaving;
use crate::view::model::Scene;
use crate::view::source::{Named, of_case};
use crate::view::{chrome, columns, figure, lines, node, page};

/// The arguments of `atslab view`.
#[derive(Debug, Args)]
#[command(after_help = VIEW_EXAMPLES, mut_arg("servers", |arg| arg.requires("live")), mut_arg("server", |arg| arg.requires("live").conflicts_with("servers")))]
pub(crate) struct ViewArgs {
    /// The scenario, of a pair or of HTTP: a file, or a name of the gallery; without one, the whole
    /// gallery. A file of JSON may have steps (of "serve --trace" or "steps"), scenarios of "node", or an
    /// interleaving
    #[arg(value_name = "FILE", conflicts_with = "case")]
    pub file: Option<PathBuf>,

    /// A recorded case, and what the port does in it ("atslab list cases")
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,

    #[command(flatten)]
    pub which: WhichArgs,

    /// Perform it in the real servers too, and show them beside the port
    #[arg(long, requires = "file", conflicts_with = "case")]
    pub live: bool,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Play it over TCP: its users get the two ends of a connection of the loopback, with real
    /// sockets, in place of a PluginVC pair. With --epoch both stand one above the other
    #[arg(long, requires = "file", conflicts_with_all = ["case", "live"])]
    pub tcp: bool,

    /// Write the page into this file, instead of a temporary one that the browser opens
    #[arg(long, value_name = "OUT.html", group = "output")]
    pub html: Option<PathBuf>,

    /// Print a figure: of the rows around this one, as the page counts them (step=41), or of the
    /// whole run with a column for each lane, time downward (columns)
    #[arg(long, value_name = "step=N|columns", value_parser = which_figure, group = "output")]
    pub svg: Option<Figure>,

    /// Write a trace for Perfetto or chrome://tracing into this file
    #[arg(long, value_name = "OUT.json", group = "output")]
    pub trace: Option<PathBuf>,

    /// Where the page's links to the book lead: a folder with its pages [default: docs/ of
    /// the project, if this is a folder of the project]
    #[arg(long, value_name = "URL", conflicts_with_all = ["svg", "trace"])]
    pub book: Option<String>,

    /// Where its links to the source lead, the same
    #[arg(long, value_name = "URL", conflicts_with_all = ["svg", "trace"])]
    pub source: Option<String>,
}

const VIEW_EXAMPLES: &str = "\
The page is one file and needs no network: lanes, mutexes, buffers with their water marks,
callbacks, and a sentence for each step. The arrow keys step; \"?\" shows all keys. With
several epochs, or with --case and --live, the runs stand one above the other, and
the same steps in the same column. With --tcp the kernel carries the bytes, so how many
move in one step may differ from one run to the next.

Without --html, --svg or --trace the page goes into a temporary file, the browser that
BROWSER names (or the system's) opens it, and its path is printed.

Examples:
  atslab view
  atslab view 24-water-mark-32kib
  atslab view my.toml --epoch all --html my.html
  atslab view my.toml --live --ats 9.2.9
  atslab view --case eos --html eos.html
  atslab view http-15-held-beyond-the-timeout
  atslab view 01-ten-bytes --tcp
  atslab view 01-ten-bytes --tcp --epoch C
  atslab view tests/node/public.jsonl
  atslab serve --trace trace.jsonl; atslab view trace.jsonl
  atslab view 24-water-mark-32kib --svg step=41 > figure.svg
  atslab view http-18-given-back-by-a-task --svg columns > run.svg
  atslab view 24-water-mark-32kib --epoch all --trace trace.json

Exit status: 0 if the page was made, 2 on errors.";

/// Makes what is asked for.
pub(crate) fn view(args: &ViewArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let what = scenes(args)?;
    if let Some(figure) = args.svg {
        write!(out, "{}", figure_of(one(&what, "--svg")?, figure)?)?;
    } else if let Some(path) = &args.trace {
        write(path, &chrome::trace(one(&what, "--trace")?).to_string())?;
    } else {
        let links = links::of(args.book.as_deref(), args.source.as_deref());
        let page = match &what {
            What::One(scene) => page::of_scene(scene, &links),
            What::Gallery(scenes) => page::of_gallery(scenes, &links),
            What::Races(races) => page::of_interleavings(races, &links),
        };
        match &args.html {
            Some(path) => write(path, &page)?,
            None => browser::open(&page, out)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is shown.
enum What {
    One(Box<Scene>),
    Gallery(Vec<Scene>),
    Races(Vec<Interleaving>),
}

fn one<'a>(what: &'a What, option: &str) -> Result<&'a Scene, Error> {
    match what {
        What::One(scene) => Ok(scene),
        What::Gallery(_) | What::Races(_) => Err(Error::Line {
            place: option.to_owned(),
            fault: "expected a scenario or a case, found none".to_owned(),
        }),
    }
}

fn scenes(args: &ViewArgs) -> Result<What, Error> {
    if let Some(name) = &args.case {
        return case(name, args).map(|scene| What::One(Box::new(scene)));
    }
    let Some(file) = &args.file else {
        let epochs = args.which.named().unwrap_or(Epochs::All);
        let scenes = gallery::names().filter_map(|name| {
            let scenario = gallery::named(name)?;
            let text = gallery::text(name)?.to_owned();
            Some(Named { name: name.to_owned(), scenario, text }.on_port(epochs.epochs()))
        });
        return Ok(What::Gallery(scenes.collect()));
    };
    if file.extension().is_some_and(|extension| extension == "json" || extension == "jsonl") {
        return of_json(args, file);
    }
    if is_http(file)? {
        return of_http(args, file).map(|scene| What::One(Box::new(scene)));
    }
    let named = read(file)?;
    let scene = if args.live {
        let servers = args.servers.chosen(&args.which)?;
        let probe = Arc::new(Probe::build(&args.servers.with_headers(&servers))?);
        named.on_servers(&servers, &probe)?
    } else if args.tcp {
        let epochs = args.which.named().into_iter().flat_map(|epochs| epochs.epochs());
        named.over_tcp(epochs).map_err(|why| Error::Line {
            place: "--tcp".to_owned(),
            fault: format!("expected a scenario that a TCP connection can play, found {why}"),
        })?
    } else {
        let epochs = args.which.named().unwrap_or(Epochs::One(Epoch::default()));
        named.on_port(epochs.epochs())
    };
    Ok(What::One(Box::new(scene)))
}

/// An HTTP scenario on the port, or in a real server with the port below it.
fn of_http(args: &ViewArgs, file: &Path) -> Result<Scene, Error> {
    Error::unless_http(&args.which)?;
    if args.tcp {
        return Err(Error::Line {
            place: "--tcp".to_owned(),
            fault:
                "expected a scenario of a pair, found an HTTP scenario, which has sockets of its \
                    own"
                .to_owned(),
        });
    }
    let (name, scenario) = http_named_or_file(file)?;
    let text = text_of(file, http_text(&name))?;
    let named = HttpNamed { name, scenario, text };
    if !args.live {
        return Ok(named.on_port());
    }
    let server = args.servers.find(args.which.ats.unwrap_or_else(mirrored))?;
    Error::unless_mirrored(server.release())?;
    let probe = Probe::of_http(&args.servers.with_headers(std::slice::from_ref(&server)))?;
    Ok(named.beside(&mut HttpArm::new(&server, &Arc::new(probe)))?)
}

/// The text of a scenario: of the gallery, unless a file of the user has the name.
fn text_of(file: &Path, gallery: Option<&str>) -> Result<String, Error> {
    match gallery.filter(|_| !file.exists()) {
        Some(text) => Ok(text.to_owned()),
        None => {
            let bytes = read_file::<std::convert::Infallible>(file, MOST_OF_A_SCENARIO)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// What another command has printed as JSON: interleavings of the explorer, scenarios of
/// node's stream layer, or steps.
fn of_json(args: &ViewArgs, file: &Path) -> Result<What, Error> {
    let fault = |fault: String| Error::Line { place: file_name(file), fault };
    if args.live || args.tcp || args.which.named().is_some() {
        let expected = "expected a scenario where an epoch is named, or --live or --tcp";
        return Err(fault(expected.to_owned()));
    }
    let text = lines_of(file)?;
    let at = |(line, text): (usize, String)| Error::Line {
        place: format!("{}:{line}", file_name(file)),
        fault: text,
    };
    let first: Option<Value> = text.lines().next().and_then(|line| serde_json::from_str(line).ok());
    let has = |key: &str| first.as_ref().is_some_and(|object| object[key].is_string());
    if has("layer") {
        let scenarios = (1..).zip(text.lines()).map(|(line, text)| {
            let scenario = shape::scenario(text).map_err(|fault| at((line, fault)))?;
            Ok(node::scene(&scenario, line))
        });
        let mut scenes = scenarios.collect::<Result<Vec<Scene>, Error>>()?;
        return Ok(match scenes.len() {
            1 => What::One(Box::new(scenes.remove(0))),
            _ => What::Gallery(scenes),
        });
    }
    if has("step") {
        let scene = lines::scene(&file_name(file), &text).map_err(at)?;
        return Ok(What::One(Box::new(scene)));
    }
    Interleaving::read(&text).map(What::Races).map_err(fault)
}

/// The scenario in a file or of the gallery, with its text.
fn read(file: &Path) -> Result<Named, Error> {
    let (name, scenario) = named_or_file(file)?;
    let text = text_of(file, gallery::text(&name))?;
    Ok(Named { name, scenario, text })
}

/// What the recorded server did in a case, and what the port does. Without --ats the first
/// epoch that was recorded in it counts, beginning with the usual one.
fn case(name: &str, args: &ViewArgs) -> Result<Scene, Error> {
    let names = [name.to_owned()];
    let epochs: Vec<Epoch> = match args.which.named() {
        Some(epochs) => epochs.epochs().collect(),
        None => vec![Epoch::default()],
    };
    let mut scene: Option<Scene> = None;
    for epoch in epochs {
        for group in select(None, &names, epoch)? {
            let suite: Suite = group.suite.expect("a built-in case has a suite");
            let found = group.cases.first().and_then(|case| of_case(suite, case, epoch.into()));
            match (&mut scene, found) {
                (Some(scene), Some(more)) => scene.runs.extend(more.runs),
                (None, Some(first)) => scene = Some(first),
                (_, None) => {}
            }
        }
    }
    scene.ok_or_else(|| Error::NotRecorded {
        recording: "the project's recordings".to_owned(),
        name: name.to_owned(),
        cases: "this epoch".to_owned(),
    })
}

/// What a figure shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    /// The rows around this one, counted from 1.
    Step(usize),
    /// The whole run.
    Columns,
}

fn figure_of(scene: &Scene, figure: Figure) -> Result<String, Error> {
    let Figure::Step(step) = figure else {
        return columns::svg(scene).ok_or_else(|| Error::Line {
            place: "--svg".to_owned(),
            fault: "expected a run in which something happens, found none".to_owned(),
        });
    };
    step.checked_sub(1).and_then(|row| figure::svg(scene, row)).ok_or_else(|| {
        let most = scene.runs.first().map_or(0, |run| run.rows.len());
        Error::Line {
            place: "--svg".to_owned(),
            fault: format!("expected step=N with N from 1 to {most}, found step={step}"),
        }
    })
}

/// `step=N`, or the number alone, or `columns`.
fn which_figure(text: &str) -> Result<Figure, String> {
    if text == "columns" {
        return Ok(Figure::Columns);
    }
    let number = text.strip_prefix("step=").unwrap_or(text);
    let step = number.parse().map(Figure::Step);
    step.map_err(|_| "expected step=N with a number N, or columns".to_owned())
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Unwritable { file: file_name(path), source })
}
