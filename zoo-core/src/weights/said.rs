//! What a file says of its network beside the tensors, as words: nothing here is checked, and nothing follows from it by
//! itself.

use std::collections::BTreeMap;

use super::error::quoted;
use super::pickle::{Pickle, Value};

/// Entries of a checkpoint in which scripts keep their arguments.
const HOLDERS: [&str; 10] =
    ["args", "hyper_parameters", "hparams", "config", "cfg", "opt", "options", "meta", "train_args", "model_args"];
/// What scripts call the name of the network.
const NAMES: [&str; 7] = ["arch", "architecture", "model_name", "model", "model_arch", "backbone", "net"];
/// Words that are kept, and characters of each.
const MOST: usize = 512;
const LONGEST: usize = 200;

/// The strings and numbers that stand in a file beside its tensors, by key; what a script kept of its arguments has the
/// entry's name and a dot before: `args.model`, `hyper_parameters.lr`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    words: BTreeMap<String, String>,
}

impl Said {
    /// What stands under a key, such as `epoch` or `args.model`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.words.get(key).map(String::as_str)
    }

    /// The name of the network according to the file, and the key that holds it: timm's `arch`, or else an argument of the
    /// training script.
    pub fn arch(&self) -> Option<(&str, &str)> {
        let top = NAMES.into_iter().map(str::to_string);
        let below = HOLDERS.iter().flat_map(|holder| NAMES.map(|name| format!("{holder}.{name}")));
        let mut found = top.chain(below).filter_map(|key| self.words.get_key_value(&key));
        found.find(|(_, name)| !name.is_empty()).map(|(key, name)| (key.as_str(), name.as_str()))
    }

    /// Of a safetensors file.
    pub(super) fn of_metadata(metadata: &BTreeMap<String, String>) -> Said {
        let foreign = metadata.iter().filter(|(key, _)| !key.starts_with("zoo."));
        let words = foreign.filter(|(key, value)| key.len() <= LONGEST && value.len() <= LONGEST);
        Said { words: words.map(|(key, value)| (key.clone(), value.clone())).take(MOST).collect() }
    }

    /// Of a pickle: the entries at its top, and those one below where scripts keep their arguments.
    pub(super) fn of_pickle(pickle: &Pickle<'_>) -> Said {
        let mut said = Said::default();
        let top = pickle.entries(pickle.root);
        for (key, value) in top {
            if let Value::Text(key) = *key {
                said.note(key, *value);
            }
        }
        for holder in HOLDERS {
            let last = top.iter().rev().find(|(key, _)| matches!(key, Value::Text(key) if *key == holder));
            for (key, value) in last.map_or(&[][..], |(_, value)| pickle.entries(*value)) {
                if let Value::Text(key) = *key {
                    said.note(&format!("{holder}.{}", quoted(key)), *value);
                }
            }
        }
        said
    }

    fn note(&mut self, key: &str, value: Value<'_>) {
        let word = match value {
            Value::Text(text) if text.len() <= LONGEST => text.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return,
        };
        if key.len() <= LONGEST && (self.words.len() < MOST || self.words.contains_key(key)) {
            self.words.insert(key.to_string(), word);
        }
    }
}
