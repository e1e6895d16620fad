//! What was typed becomes a command: where a model stands for its training, and how words that fit nowhere are refused.

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{ParseFloatError, ParseIntError};
use std::path::Path;

use anyhow::Error;
use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use zoo_core::Registry;

use super::Cli;
use super::usage::Usage;
use zoo_host::console;

/// The command of these arguments; none where the help or the version was asked for, and has been printed. Wrong usage that
/// clap finds ends the process.
pub(super) fn read(registry: &Registry, arguments: &[OsString]) -> Result<Option<Cli>, Error> {
    // A crate of one's own has a binary of its own, which should not call itself zoo-train.
    let name = arguments.first().and_then(|path| Path::new(path).file_stem()).map(|name| name.to_string_lossy());
    let name = name.map_or_else(|| "zoo-train".to_string(), |name| name.into_owned());
    let mut command = Cli::command().name(name.clone()).bin_name(name);
    let words = spelled_out(registry, arguments);
    let matches = command.try_get_matches_from_mut(words.clone()).or_else(|error| {
        // A model may stand behind flags, too, where a subcommand may not.
        let mut trained = words.clone();
        trained.insert(words.len().min(1), "train".into());
        let matches = command.try_get_matches_from_mut(trained).ok();
        matches.filter(|matches| names_a_model(matches, registry)).ok_or(error)
    });
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(Some(cli)),
        Err(error) if !error.use_stderr() => {
            console::keep(error.print());
            Ok(None)
        }
        Err(error) if is_near_a_model(&error, registry, arguments) => {
            Err(registry.find(&first(arguments).unwrap_or_default()).err().map_or_else(|| error.into(), Error::from))
        }
        Err(error) => match no_number(&error) {
            Some(sentence) => Err(Usage(sentence).into()),
            None => error.exit(),
        },
    }
}

/// The first word behind the name of the program.
fn first(arguments: &[OsString]) -> Option<String> {
    Some(arguments.get(1)?.to_string_lossy().into_owned())
}

/// Whether the words of `train` name a model that there is, without a flag.
fn names_a_model(matches: &ArgMatches, registry: &Registry) -> bool {
    let name = matches.subcommand_matches("train").and_then(|train| train.get_one::<String>("name"));
    name.is_some_and(|name| registry.find(name).is_ok())
}

/// The arguments as clap takes them: `train` before a model that comes first, and a negative number, which looks like a flag,
/// joined to the flag before it. So its range is told, and no flag that nobody knows.
fn spelled_out(registry: &Registry, arguments: &[OsString]) -> Vec<OsString> {
    let is_model = first(arguments).is_some_and(|word| registry.find(&word).is_ok());
    let mut spelled: Vec<OsString> = Vec::new();
    for (place, word) in arguments.iter().enumerate() {
        if is_model && place == 1 {
            spelled.push("train".into());
        }
        let text = word.to_string_lossy();
        let is_negative = text.starts_with('-') && text.parse::<f64>().is_ok();
        let is_flag = |word: &OsString| {
            let word = word.to_string_lossy();
            word.len() > 2 && word.starts_with("--") && !word.contains('=')
        };
        match spelled.last_mut().filter(|before| is_negative && is_flag(before)) {
            Some(flag) => {
                flag.push("=");
                flag.push(word);
            }
            None => spelled.push(word.clone()),
        }
    }
    spelled
}

/// Whether the first word is no subcommand, nor nearly one, and nearly a model.
fn is_near_a_model(error: &clap::Error, registry: &Registry, arguments: &[OsString]) -> bool {
    let is_none = error.kind() == ErrorKind::InvalidSubcommand && error.get(ContextKind::SuggestedSubcommand).is_none();
    let unknown = first(arguments).and_then(|word| registry.find(&word).err());
    is_none && unknown.is_some_and(|unknown| unknown.to_string().contains("did you mean"))
}

/// In words, what was given in place of a number, where that is what clap refuses.
fn no_number(error: &clap::Error) -> Option<String> {
    let source = error.source()?;
    let wanted = if source.is::<ParseIntError>() {
        "a whole number, 0 or more"
    } else if source.is::<ParseFloatError>() {
        "a number"
    } else {
        return None;
    };
    let (flag, value) = (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?);
    Some(format!("{flag}: `{value}` is not {wanted}"))
}
