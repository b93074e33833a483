//! The arguments, as clap reads them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser};
use conformance::ats::Epoch;
use conformance::ats::live::Release;

use crate::command::Command;
use crate::ui::output::ColorWhen;

/// Compare the port with recordings of the real Traffic Server.
///
/// Without a command, atslab runs "compare --epoch C": 109 cases of 9.1.3.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// When to use colours; "auto" respects NO_COLOR and CLICOLOR
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        global = true,
        display_order = 100
    )]
    pub color: ColorWhen,
}

const EXAMPLES: &str = "\
Examples:
  atslab                         compare the cases of 9.1.3
  atslab compare                 compare the cases of all epochs
  atslab compare --case basic    compare one case
  atslab steps --case basic      print what the port does in it
  atslab list scenarios          list the scenarios of the gallery
  atslab run my.toml --explain   run a scenario and tell what happens
  atslab run my.toml --live      run it in the real servers as well
  atslab explore my.toml         run it under every thread schedule with few interruptions
  atslab museum                  see historical defects, put back and proven absent
  atslab fuzz --ats 9.2.9        compare 10,000 random scenarios

Exit status: 0 if all is well, 1 if anything differs, 2 on errors.";

/// One epoch or all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Epochs {
    /// This epoch.
    One(Epoch),
    /// Every epoch.
    All,
}

impl Epochs {
    /// The selected epochs, from the oldest to the newest.
    pub(crate) fn epochs(self) -> impl Iterator<Item = Epoch> {
        let is_meant = move |epoch: &Epoch| match self {
            Epochs::One(one) => *epoch == one,
            Epochs::All => true,
        };
        Epoch::ALL.iter().copied().filter(is_meant)
    }
}

const ALL: &str = "all";

/// Which epochs of the server to use.
#[derive(Debug, Default, Args)]
pub(crate) struct WhichArgs {
    /// The epoch of the server, or all of them
    #[arg(long, ignore_case = true, value_parser = epochs_or_all())]
    pub epoch: Option<Epochs>,

    /// The same by release: 8.1.11, 9.1.3, 9.2.9, 9.2.15, 10.1.4 or 10.2.0
    #[arg(long, value_name = "RELEASE", conflicts_with = "epoch")]
    pub ats: Option<Release>,
}

impl WhichArgs {
    /// The selected epochs, if the user named any.
    pub(crate) fn named(&self) -> Option<Epochs> {
        self.ats.map(|release| Epochs::One(release.epoch())).or(self.epoch)
    }

    /// The selected real servers: all that can run, unless the user named one.
    pub(crate) fn releases(&self) -> Vec<Release> {
        if let Some(release) = self.ats {
            return vec![release];
        }
        match self.epoch {
            None | Some(Epochs::All) => Release::RUNNABLE.to_vec(),
            Some(Epochs::One(epoch)) => vec![epoch.into()],
        }
    }
}

fn epochs_or_all() -> impl TypedValueParser<Value = Epochs> {
    let names = Epoch::ALL.iter().map(|epoch| epoch.name()).chain([ALL]);
    // As the user has written it, and so in either case.
    PossibleValuesParser::new(names).try_map(|name| match name.eq_ignore_ascii_case(ALL) {
        true => Ok(Epochs::All),
        false => name.to_ascii_uppercase().parse().map(Epochs::One),
    })
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
