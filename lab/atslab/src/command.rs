//! The commands of `atslab`. Each has a file: first its arguments, as clap reads them, then
//! its work. [`Command`] lists them, and calls the one that the user has chosen.

mod bench;
mod compare;
mod completions;
mod course;
mod diff;
mod explore;
mod fuzz;
mod guard;
mod http;
mod idle;
mod list;
mod museum;
mod node;
mod plugin;
mod record;
mod run;
mod serve;
mod soak;
mod steps;
mod view;

use std::process::ExitCode;

use clap::Subcommand;

use self::bench::BenchArgs;
use self::compare::CompareArgs;
use self::completions::{CompletionsArgs, ManArgs};
use self::course::CourseArgs;
use self::diff::DiffArgs;
use self::explore::ExploreArgs;
use self::fuzz::FuzzArgs;
use self::guard::GuardArgs;
pub(crate) use self::guard::have_a_guard;
use self::http::HttpArgs;
use self::idle::IdleArgs;
use self::list::ListArgs;
use self::museum::MuseumArgs;
use self::node::NodeArgs;
use self::plugin::PluginArgs;
use self::record::RecordArgs;
use self::run::RunArgs;
use self::serve::ServeArgs;
use self::soak::SoakArgs;
use self::steps::StepsArgs;
use self::view::ViewArgs;
use crate::error::Error;
use crate::ui::output::Output;

/// A command of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run cases on the port and compare its steps with the real server's
    Compare(CompareArgs),
    /// Run cases on the port and print its steps
    Steps(StepsArgs),
    /// Run a scenario, told in TOML, on the port and print its steps
    Run(RunArgs),
    /// Run a scenario under every thread schedule with few interruptions
    Explore(ExploreArgs),
    /// See historical defects: each is put back and found, then mended and proven absent
    Museum(MuseumArgs),
    /// See runs: a page to step through them, figures, traces
    View(ViewArgs),
    /// Play random scenarios on the port and in a real server, and compare
    Fuzz(FuzzArgs),
    /// Compare two servers, or epochs of the port, by the same scenarios
    Diff(DiffArgs),
    /// Have a real server perform cases and write what it does
    Record(RecordArgs),
    /// Node's stream layer: compare with the real node, fuzz, see which listener gets the data
    Node(NodeArgs),
    /// Run compiled plugins, the .so files of the real server, on the port; compare their calls
    Plugin(PluginArgs),
    /// Serve HTTP: the port's state machine and plugins, on real sockets
    Serve(ServeArgs),
    /// Load the server with clients that go away, and count what is left of it
    Soak(SoakArgs),
    /// Keep connections to a server open, and tell what they cost it
    #[command(hide = true)]
    Idle(IdleArgs),
    /// Be the guard of another atslab: end what it leaves behind
    #[command(hide = true, name = "__guard")]
    Guard(GuardArgs),
    /// Measure the port's speed beside the real servers
    Bench(BenchArgs),
    /// Compare what the port answers to HTTP requests with the real server
    Http(HttpArgs),
    /// Build parts of the port yourself; the real server's recordings judge them
    Course(CourseArgs),
    /// List what there is: epochs, scenarios, cases, plugins, deviations
    List(ListArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
}

impl Command {
    /// What the program does without a command.
    pub(crate) fn by_default() -> Command {
        Command::Compare(CompareArgs::of_the_default_epoch())
    }

    /// Does the work and gives the exit status.
    pub(crate) fn execute(&self, out: &mut Output) -> Result<ExitCode, Error> {
        match self {
            Command::Compare(args) => compare::compare(args, out),
            Command::Steps(args) => steps::steps(args, out),
            Command::Run(args) => run::run(args, out),
            Command::Explore(args) => explore::explore(args, out),
            Command::Museum(args) => museum::museum(args, out),
            Command::View(args) => view::view(args, out),
            Command::Fuzz(args) => fuzz::fuzz(args, out),
            Command::Diff(args) => diff::diff(args, out),
            Command::Record(args) => record::record(args, out),
            Command::Node(args) => node::node(args, out),
            Command::Plugin(args) => plugin::plugin(args, out),
            Command::Serve(args) => serve::serve(args, out),
            Command::Soak(args) => soak::soak(args, out),
            Command::Idle(args) => idle::idle(args, out),
            Command::Guard(args) => guard::guard(*args),
            Command::Bench(args) => bench::bench(args, out),
            Command::Http(args) => http::http(args, out),
            Command::Course(args) => course::course(args, out),
            Command::List(args) => list::list(args, out),
            Command::Completions(args) => completions::completions(args, out),
            Command::Man(args) => completions::man(args, out),
        }
    }
}
