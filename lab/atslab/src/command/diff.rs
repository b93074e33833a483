//! `atslab diff`: two servers, or epochs of the port, perform the same scenarios.
//!
//! No arm is the right one here: the report tells in which scenarios the two take different steps,
//! where first, and the smallest scenario that shows it.

mod http;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::slice;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use conformance::ats::live::{
    Arm, Divergence, LiveError, PortArm, Probe, RealArm, Server, differ, generate,
    generate_with_calls, operations, shrink,
};
use conformance::ats::scenario::{Expect, Scenario};
use conformance::ats::{Epoch, gallery};
use serde_json::{Value, json};

use self::report::Found;
use crate::command::run::{is_http, named_or_file};
use crate::command::view::{links, write};
use crate::error::Error;
use crate::servers::FolderArg;
use crate::ui::output::Output;
use crate::ui::progress;
use crate::view::{page, source};

/// The arguments of `atslab diff`.
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub(crate) struct DiffArgs {
    /// The first: the path of a server (an installed prefix, a build tree, the binary), the
    /// release of one that tests/live/install has unpacked, or the letter of an epoch of the port
    #[arg(value_name = "LEFT")]
    pub left: String,

    /// The second, the same
    #[arg(value_name = "RIGHT")]
    pub right: String,

    /// These scenarios: files, or names of the gallery [default: the whole gallery]
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "count")]
    pub scenarios: Vec<PathBuf>,

    /// So many random scenarios
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0, requires = "count")]
    pub seed: u64,

    /// How many event threads the random scenarios have; they take turns
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count", conflicts_with = "http", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub threads: u8,

    /// The random scenarios of "atslab fuzz --buffers"
    #[arg(long, requires = "count", conflicts_with = "http")]
    pub buffers: bool,

    /// HTTP scenarios: those of the gallery, or with --count random ones
    #[arg(long)]
    pub http: bool,

    /// Print the report as Markdown, for a pull request, or as JSON, for tools
    #[arg(long, value_enum)]
    pub format: Option<DiffFormat>,

    /// Write a page with both runs of each scenario that differs
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub folder: FolderArg,
}

/// The ways to print the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Markdown,
    Json,
}

const DIFF_EXAMPLES: &str = "\
Both perform each scenario under one clock, so every step is compared, with its time, and
so are the bytes that were read. A scenario in which they differ is made as small as it can
be. The probe is compiled with the headers of each server; a C++ compiler must be installed.
HTTP scenarios are compared by what each participant sees; of the port's epochs only D has them.

Examples:
  atslab diff D E
  atslab diff ~/build/main ~/build/my-branch --count 10000
  atslab diff 9.2.9 ~/ats --format markdown > report.md
  atslab diff 8.1.11 9.2.9 --http
  atslab diff C D --scenarios 02-peer-reads-late my.toml --html diff.html

Exit status: 0 if both take the same steps, 1 if not, 2 on errors.";

/// The status if the two differ.
const DIFFERS: u8 = 1;

/// A scenario in which the two differ.
pub(super) struct Difference {
    /// Its name, or its seed.
    pub(super) name: String,
    /// The smallest scenario that shows it, and how many operations it has.
    pub(super) scenario: Scenario,
    pub(super) operations: usize,
    pub(super) divergence: Divergence,
}

impl Found for Difference {
    const FORMAT: &str = "atslab-diff";
    const UNIT: &str = "steps";

    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        &self.divergence.kind
    }

    fn operations(&self) -> usize {
        self.operations
    }

    fn toml(&self) -> String {
        self.scenario.to_string()
    }

    fn place(&self) -> String {
        format!("after {} steps", self.divergence.index)
    }

    fn between(&self, left: &str, right: &str) -> String {
        self.divergence.between(left, right).to_string()
    }

    fn json(&self) -> Value {
        let [left, right] = self.divergence.around();
        json!({
            "after": self.divergence.index,
            "left": { "here": self.divergence.real, "around": left },
            "right": { "here": self.divergence.port, "around": right },
        })
    }
}

/// What was compared, and what came out.
pub(super) struct Comparison<D> {
    /// What the two are called.
    pub(super) names: [String; 2],
    pub(super) scenarios: usize,
    /// Steps of the first one, or what its participants have seen.
    pub(super) steps: usize,
    pub(super) differences: Vec<D>,
}

/// A scenario and its name.
type Named = (String, Scenario);

/// Performs the scenarios on both, and reports.
pub(crate) fn diff(args: &DiffArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let first = args.scenarios.first().map(|file| is_http(file)).transpose()?;
    if args.http || first == Some(true) {
        return report(args, &http::compare(args)?, out);
    }
    let mut pair = Pair::of(args)?;
    let (total, scenarios) = scenarios(args)?;
    let bar = progress::bar(total, "{bar:30} {pos} of {len} scenarios {wide_msg}");
    let mut found =
        Comparison { names: pair.names.clone(), scenarios: 0, steps: 0, differences: Vec::new() };
    for (name, scenario) in scenarios {
        let (steps, difference) = pair.compare(name, &scenario)?;
        found.scenarios += 1;
        found.steps += steps;
        found.differences.extend(difference);
        bar.inc(1);
        bar.set_message(report::so_far(found.differences.len()));
    }
    bar.finish_and_clear();
    if let Some(path) = &args.html {
        let scenes = found.differences.iter().map(|one| pair.scene(one));
        let scenes = scenes.collect::<Result<Vec<_>, Error>>()?;
        write(path, &page::of_gallery(&scenes, &links::of(None, None)))?;
    }
    report(args, &found, out)
}

/// Writes what came out, and gives the exit status.
fn report<D: Found>(
    args: &DiffArgs,
    found: &Comparison<D>,
    out: &mut Output,
) -> Result<ExitCode, Error> {
    match args.format {
        Some(DiffFormat::Json) => report::write_json(out, found)?,
        Some(DiffFormat::Markdown) => report::write_markdown(out, found)?,
        None => report::write_text(out, found)?,
    }
    Ok(if found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// How many scenarios the user means, and these, each with its name.
fn scenarios(args: &DiffArgs) -> Result<(u64, Box<dyn Iterator<Item = Named>>), Error> {
    if let Some(count) = args.count {
        let (seeds, threads) = (args.seed..args.seed.saturating_add(count), args.threads);
        let make = if args.buffers { generate_with_calls } else { generate };
        let random = move |seed| (format!("seed {seed}"), make(seed, threads));
        return Ok((count, Box::new(seeds.map(random))));
    }
    let all: Vec<Named> = if args.scenarios.is_empty() {
        let all =
            gallery::names().filter_map(|name| Some((name.to_owned(), gallery::named(name)?)));
        all.filter(|(_, one)| RealArm::why_not(&one.compile()).is_none()).collect()
    } else {
        args.scenarios.iter().map(|path| named_or_file(path)).collect::<Result<_, _>>()?
    };
    Ok((all.len() as u64, Box::new(all.into_iter())))
}

fn arm_of(args: &DiffArgs, chosen: &Chosen) -> Result<Arm, Error> {
    Ok(match chosen {
        Chosen::Port(epoch) => Arm::Port(PortArm { epoch: *epoch }),
        Chosen::Server(server) => {
            // A probe for each: two builds may have different headers.
            let probe = Probe::build(&args.folder.with_headers(slice::from_ref(server.as_ref())))?;
            Arm::Real(Box::new(RealArm::new(server, &Arc::new(probe))))
        }
    })
}

/// The two that are compared.
struct Pair {
    names: [String; 2],
    arms: [Arm; 2],
}

impl Pair {
    fn of(args: &DiffArgs) -> Result<Pair, Error> {
        let [left, right] = Chosen::both(args)?;
        let names = [left.name(), right.name()];
        Ok(Pair { names, arms: [arm_of(args, &left)?, arm_of(args, &right)?] })
    }

    /// How many steps the first one took, and the smallest scenario in which the two differ, if
    /// they differ in this one.
    fn compare(
        &mut self,
        name: String,
        scenario: &Scenario,
    ) -> Result<(usize, Option<Difference>), Error> {
        if let Some(why) = RealArm::why_not(&scenario.compile()).filter(|_| self.has_server()) {
            return Err(LiveError::Unplayable { name, why }.into());
        }
        let (steps, divergence) = self.divergence(scenario)?;
        let Some(first) = divergence else { return Ok((steps, None)) };
        // Of the same kind: otherwise another, more frequent difference may be all that is left.
        let is_alike = |other: Option<Divergence>| other.is_some_and(|it| it.kind == first.kind);
        let small = shrink(scenario, |candidate| Ok(is_alike(self.divergence(candidate)?.1)))?;
        let (_, divergence) = self.divergence(&small)?;
        let [left, right] = &self.names;
        let difference = divergence.map(|divergence| Difference {
            operations: operations(&small),
            scenario: Scenario {
                title: format!("What is left of {name}"),
                teaches: format!("Where {left} and {right} differ."),
                expect: Expect::default(),
                ..small
            },
            divergence,
            name,
        });
        Ok((steps, difference))
    }

    fn divergence(
        &mut self,
        scenario: &Scenario,
    ) -> Result<(usize, Option<Divergence>), LiveError> {
        let program = scenario.compile();
        let [left, right] = &mut self.arms;
        let (left, right) = (left.play(&program)?, right.play(&program)?);
        Ok((left.steps.len(), differ(&left, &right)))
    }

    fn has_server(&self) -> bool {
        self.arms.iter().any(|arm| matches!(arm, Arm::Real(_)))
    }

    /// Both runs of a difference, one above the other.
    fn scene(&mut self, one: &Difference) -> Result<crate::view::model::Scene, Error> {
        let program = one.scenario.compile();
        let [left, right] = &mut self.arms;
        let played = [(left.epoch(), left.play(&program)?), (right.epoch(), right.play(&program)?)];
        Ok(source::of_two(&one.name, &one.scenario, &self.names, &played, one.divergence.index))
    }
}

/// One of the two, as the user has named it.
enum Chosen {
    Port(Epoch),
    Server(Box<Server>),
}

impl Chosen {
    /// The two of the arguments.
    fn both(args: &DiffArgs) -> Result<[Chosen; 2], Error> {
        let chosen = [&args.left, &args.right].map(|text| Chosen::of(text, &args.folder));
        let [left, right] = chosen;
        let chosen = [left?, right?];
        if let (Some(folder), [Chosen::Port(_), Chosen::Port(_)]) = (&args.folder.servers, &chosen)
        {
            return Err(Error::Line {
                place: format!("--servers {}", folder.display()),
                fault: "cannot be used with two epochs of the port: no server is asked".to_owned(),
            });
        }
        Ok(chosen)
    }

    fn of(text: &str, folder: &FolderArg) -> Result<Chosen, LiveError> {
        if let Ok(epoch) = text.to_ascii_uppercase().parse() {
            return Ok(Chosen::Port(epoch));
        }
        let server = match text.parse() {
            Ok(release) => folder.find(release)?,
            Err(_) => Server::at(text.as_ref())?,
        };
        Ok(Chosen::Server(Box::new(server)))
    }

    fn name(&self) -> String {
        match self {
            Chosen::Port(epoch) => format!("the port, epoch {epoch} ({})", epoch.release()),
            Chosen::Server(server) => server.name(),
        }
    }
}
