//! What is known of a setting beside its type: where it stands, what it means, and how its flag is given.

use std::sync::LazyLock;

use toml::{Table, Value};

use crate::layers::DEFAULTS;
use crate::sections::SETTINGS;

/// A section of a settings file.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name in a file, `[schedule]`.
    pub name: &'static str,
    /// What it is about, line by line.
    pub about: &'static [&'static str],
}

/// A setting: a key of a section, and a flag of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The section that it stands in.
    pub section: &'static str,
    /// Its key there. The flag has hyphens in place of underscores.
    pub key: &'static str,
    /// What it means, line by line.
    pub help: &'static [&'static str],
    /// How its value is given.
    pub form: Form,
}

/// How the value of a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words, such as a path; help calls the value so.
    Text(&'static str),
    /// Words that may be left out, which then stand for none.
    OptionalText(&'static str),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number.
    Number(&'static str),
    /// A whole number, 0 or more.
    Whole(&'static str),
    /// Numbers with commas between them; help calls them so.
    Numbers(&'static str),
    /// A side, or height and width.
    Size(&'static str),
    /// A policy of augmentation.
    Policy(&'static str),
    /// A flag without a value: it switches something on.
    Switch,
    /// `true` or `false`.
    Bool,
    /// It has no flag: a run writes it down.
    Recorded,
}

impl Setting {
    /// The setting of this key.
    pub fn find(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// Its flag, without the hyphens in front.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// What it means, on one line and without a full stop.
    pub fn meaning(&self) -> String {
        let lines: Vec<&str> = self.help.iter().map(|line| line.trim()).collect();
        lines.join(" ").trim_end_matches('.').to_string()
    }

    /// The shipped default, if there is one.
    pub fn default(&self) -> Option<&'static Value> {
        static SHIPPED: LazyLock<Table> = LazyLock::new(|| DEFAULTS.parse().unwrap_or_default());
        SHIPPED.get(self.section)?.get(self.key)
    }
}

/// The settings as a page of the guide: a table for each section, with keys, meanings and defaults.
pub fn documentation() -> String {
    use std::fmt::Write;
    let mut page = String::from(
        "# Settings\n\nThe settings of a training run. A key belongs in its section of a file for `--config`, which \
         overrides the defaults of\n[`configs/cifar10.toml`](../configs/cifar10.toml); its flag has hyphens in place of \
         underscores and overrides both\n(`learning_rate` is `--learning-rate`). This page is generated from the \
         description of the settings in\n`zoo-settings/src/sections.rs`: `UPDATE_DOCS=1 cargo test -p zoo-settings \
         --test documentation` rewrites it.\n",
    );
    for section in crate::sections::SECTIONS {
        let about: Vec<&str> = section.about.iter().map(|line| line.trim()).collect();
        let _ = write!(
            page,
            "\n## [{}]\n\n{}\n\n| key | what it is | default |\n|---|---|---|\n",
            section.name,
            about.join("\n")
        );
        for setting in SETTINGS.iter().filter(|setting| setting.section == section.name) {
            let default = setting.default().map_or_else(String::new, |value| format!("`{value}`"));
            let choices = match setting.form {
                Form::Choice(words) => format!(": `{}`", words.join("`, `")),
                Form::Recorded => " (written by the run itself)".to_string(),
                _ => String::new(),
            };
            let _ = writeln!(
                page,
                "| `{}` | {}{choices} | {default} |",
                setting.key,
                setting.meaning().replace('|', "\\|")
            );
        }
    }
    page
}
