//! The flags of settings, made of the description that each setting has in [`zoo_settings::SETTINGS`].

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};
use zoo_core::InputSize;
use zoo_data::sets;
use zoo_settings::policy::Policy;
use zoo_settings::{Form, SECTIONS, SETTINGS, Setting, size_value};

use crate::command_line::network::with_channels;

/// Settings of which one flag rules out others.
const CONFLICTS: [(&str, &[&str]); 2] = [("epochs", &["steps", "budget"]), ("weights", &["pretrained"])];

/// Shorter names, as other tools have them.
const ALIASES: [(&str, &str); 2] = [("batch_size", "batch"), ("learning_rate", "lr")];

/// The settings that were given as flags: keys with their values.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(pub Table);

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        SETTINGS
            .iter()
            .filter(|setting| setting.form != Form::Recorded)
            .fold(command, |command, setting| command.arg(argument(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        SettingFlags::augment_args(command)
    }
}

impl clap::FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SettingFlags, clap::Error> {
        let mut flags = SettingFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            if let Some(value) = value(setting, matches)? {
                self.0.insert(setting.key.into(), value);
            }
        }
        // A size may say its channels, too.
        if let Ok(Some(size)) = matches.try_get_one::<InputSize>("input_size") {
            let channels = self.0.get("in_channels").and_then(Value::as_integer).and_then(|n| u32::try_from(n).ok());
            let size = with_channels(*size, channels).map_err(|problem| wrong(problem.0))?;
            if let Some(channels) = size.in_channels {
                self.0.insert("in_channels".into(), Value::Integer(channels.into()));
            }
        }
        Ok(())
    }
}

fn wrong(problem: String) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{problem}\n"))
}

/// The flag of a setting.
fn argument(setting: &Setting) -> Arg {
    let heading = SECTIONS.iter().find(|section| section.name == setting.section).map(heading);
    let mut help = setting.meaning();
    if setting.key == "dataset" {
        help = format!("{help}; one of {}", sets::forms("or", |_| true));
    }
    if let Some(default) = setting.default().filter(|_| !help.contains("by default")) {
        let default = default.as_str().map_or_else(|| default.to_string(), String::from);
        help = format!("{help} [default: {default}]");
    }
    let arg = Arg::new(setting.key).long(setting.flag()).help(help).help_heading(heading.unwrap_or_default());
    let arg = match ALIASES.iter().find(|(key, _)| *key == setting.key) {
        Some((_, alias)) => arg.visible_alias(*alias),
        None => arg,
    };
    let arg = match CONFLICTS.iter().find(|(key, _)| *key == setting.key) {
        Some((_, others)) => arg.conflicts_with_all(*others),
        None => arg,
    };
    match setting.form {
        Form::Switch => arg.action(ArgAction::SetTrue),
        Form::Bool => arg.value_name("BOOL").value_parser(clap::value_parser!(bool)),
        Form::Text(name) => arg.value_name(name),
        Form::OptionalText(name) => arg.value_name(name).num_args(0..=1).default_missing_value(""),
        Form::Choice(words) => arg.value_name("NAME").value_parser(words.to_vec()),
        Form::Number(name) => arg.value_name(name).value_parser(str::parse::<f64>),
        Form::Whole(name) => arg.value_name(name).value_parser(str::parse::<u64>),
        Form::Numbers(name) => arg.value_name(name).value_parser(move |text: &str| numbers(name, text)),
        Form::Size(name) => arg.value_name(name).value_parser(clap::value_parser!(InputSize)),
        Form::Policy(name) => arg.value_name(name).value_parser(str::parse::<Policy>),
        Form::Recorded => arg.hide(true),
    }
}

/// The title of a section's flags, which tells where their keys stand in a file.
fn heading(section: &zoo_settings::Section) -> String {
    format!("Settings, [{}] in a file", section.name)
}

/// What was given for a setting, as TOML.
fn value(setting: &Setting, matches: &ArgMatches) -> Result<Option<Value>, clap::Error> {
    let key = setting.key;
    let whole = |number: u64| {
        i64::try_from(number)
            .map(Value::Integer)
            .map_err(|_| wrong(format!("--{} {number} is too large", setting.flag())))
    };
    Ok(match setting.form {
        Form::Switch => matches.get_flag(key).then_some(Value::Boolean(true)),
        Form::Bool => matches.get_one::<bool>(key).map(|value| Value::Boolean(*value)),
        Form::Text(_) | Form::OptionalText(_) | Form::Choice(_) => {
            matches.get_one::<String>(key).cloned().map(Value::String)
        }
        Form::Number(_) => matches.get_one::<f64>(key).map(|value| Value::Float(*value)),
        Form::Whole(_) => matches.get_one::<u64>(key).map(|value| whole(*value)).transpose()?,
        Form::Numbers(_) => matches.get_one::<Vec<f64>>(key).map(|values| values.clone().into()),
        Form::Size(_) => matches.get_one::<InputSize>(key).map(|size| size_value(size.image)),
        Form::Policy(_) => matches.get_one::<Policy>(key).map(|policy| Value::String(policy.to_string())),
        Form::Recorded => None,
    })
}

/// Numbers with commas between them, as many as their names.
fn numbers(names: &str, text: &str) -> Result<Vec<f64>, String> {
    let wanted = names.split(',').count();
    let numbers = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<f64>>>();
    numbers
        .filter(|numbers| numbers.len() == wanted)
        .ok_or_else(|| format!("expected {wanted} numbers separated by commas, {names}"))
}
