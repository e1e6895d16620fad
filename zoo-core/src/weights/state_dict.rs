//! Which tensors of a pickle may be the network's: every dictionary with named tensors, near the top, and every pickled module.

use std::collections::{HashMap, HashSet, VecDeque};

use super::error::Problem;
use super::pickle::{Object, Pickle, Stored, Value};
use super::safetensors::bound;

/// Where training scripts put the state dict, in the order of preference while the network is not known yet; averaged
/// weights come last.
const CONTAINERS: [&str; 6] = ["state_dict", "model", "model_state", "model_state_dict", "state_dict_ema", "model_ema"];
/// How deep state dicts are looked for: `checkpoint`, `model`, `state_dict`.
const DEEPEST: usize = 3;
/// Dictionaries with tensors that are kept, and items of a list that are looked into.
const MOST_SETS: usize = 64;
const MOST_ITEMS: usize = 16;
/// Entries that are looked at; objects that share their attributes would otherwise multiply them.
const MOST_LOOKS: usize = 4_000_000;
/// Names may be written once and used again and again: together they are no longer than this and the pickle twice.
const MOST_NAME_BYTES: usize = 1 << 20;

/// Named tensors in order.
pub(super) struct StateDict<'p, 'a> {
    /// The entries that lead to it, with dots between; empty at the top level.
    pub path: String,
    pub tensors: Vec<(String, &'p Stored<'a>)>,
}

/// Finds the state dicts of a pickle, the most likely one first.
pub(super) fn find<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<Vec<StateDict<'p, 'a>>, Problem> {
    let root = pickle.object(pickle.root);
    let is_container = matches!(root, Some(Object::List(_) | Object::Tuple(_) | Object::Dict(_) | Object::Instance(_)));
    if !is_container {
        return Err(Problem::Unsupported("is a pickle of something other than a dictionary of tensors".into()));
    }
    let mut walk =
        Walk { pickle, names: MOST_NAME_BYTES + 2 * pickle.end, looks: MOST_LOOKS, tensors: 0, found: Vec::new() };
    walk.run()?;
    let rank = |path: &str| match CONTAINERS.iter().position(|container| *container == path) {
        Some(place) => place,
        None => CONTAINERS.len() + usize::from(!path.is_empty()),
    };
    walk.found.sort_by_key(|found| rank(&found.path));
    match walk.found.is_empty() {
        false => Ok(walk.found),
        true => Err(Problem::Unsupported(no_tensors(pickle))),
    }
}

fn no_tensors(pickle: &Pickle<'_>) -> String {
    const SHOWN: usize = 8;
    let keys = pickle.entries(pickle.root).iter().filter_map(|(key, _)| match key {
        Value::Text(key) => Some(format!("`{}`", super::error::quoted(key))),
        _ => None,
    });
    let keys: Vec<String> = keys.take(SHOWN).collect();
    let keys = if keys.is_empty() { String::new() } else { format!("; its entries are {}", keys.join(", ")) };
    format!("holds no tensors at its top level, nor up to {DEEPEST} levels below{keys}")
}

struct Walk<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Bytes of names that may still be made.
    names: usize,
    /// Entries that may still be looked at.
    looks: usize,
    /// Tensors that were found, in all dictionaries.
    tensors: usize,
    found: Vec<StateDict<'p, 'a>>,
}

impl<'p, 'a> Walk<'p, 'a> {
    /// Looks at each object once, those nearer to the top first.
    fn run(&mut self) -> Result<(), Problem> {
        let mut seen = HashSet::new();
        let mut queue = VecDeque::from([(String::new(), self.pickle.root, 0)]);
        while let Some((path, value, depth)) = queue.pop_front() {
            let Value::Object(index) = value else { continue };
            if self.found.len() == MOST_SETS || !seen.insert(index) {
                continue;
            }
            let is_module = self.is_module(value)?;
            let tensors = if is_module { self.module(value)? } else { self.tensors("", value)? };
            if !tensors.is_empty() {
                self.found.push(StateDict { path: path.clone(), tensors });
            }
            if depth == DEEPEST || is_module {
                continue;
            }
            for (name, child) in self.children(value)? {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                self.spend(&path)?;
                queue.push_back((path, child, depth + 1));
            }
        }
        Ok(())
    }

    /// The entries of a dictionary or an object.
    fn entries(&mut self, value: Value<'a>) -> Result<&'p [(Value<'a>, Value<'a>)], Problem> {
        let entries = self.pickle.entries(value);
        match self.looks.checked_sub(entries.len()) {
            Some(rest) => {
                self.looks = rest;
                Ok(entries)
            }
            None => Err(Problem::Unsupported(format!("has over {MOST_LOOKS} entries in its dictionaries"))),
        }
    }

    /// What stands under names, or is among the first of a list.
    fn children(&mut self, value: Value<'a>) -> Result<Vec<(String, Value<'a>)>, Problem> {
        const LONGEST: usize = 100;
        if let Some(Object::List(items) | Object::Tuple(items)) = self.pickle.object(value) {
            let items = items.iter().take(MOST_ITEMS).enumerate();
            return Ok(items.map(|(place, item)| (place.to_string(), *item)).collect());
        }
        let pickle = self.pickle;
        let holds_more =
            |value: Value<'a>| !matches!(pickle.object(value), None | Some(Object::Tensor(_) | Object::Storage(_)));
        let children = self.entries(value)?.iter().filter_map(|(key, value)| match key {
            Value::Text(key) if key.len() <= LONGEST && holds_more(*value) => Some((key.to_string(), *value)),
            _ => None,
        });
        Ok(children.collect())
    }

    /// The tensors among the entries of a dictionary. As in Python, a name that is set again keeps its place.
    fn tensors(&mut self, prefix: &str, value: Value<'a>) -> Result<Vec<(String, &'p Stored<'a>)>, Problem> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut tensors: Vec<(String, &'p Stored<'a>)> = Vec::new();
        for (key, value) in self.entries(value)? {
            let (Value::Text(name), Some(Object::Tensor(tensor))) = (key, self.pickle.object(*value)) else { continue };
            match places.get(name) {
                Some(place) => tensors[*place].1 = tensor,
                None => {
                    places.insert(name, tensors.len());
                    let name = format!("{prefix}{name}");
                    self.spend(&name)?;
                    self.tensors += 1;
                    bound(self.tensors)?;
                    tensors.push((name, tensor));
                }
            }
        }
        Ok(tensors)
    }

    /// The last entry of that name.
    fn entry(&mut self, value: Value<'a>, name: &str) -> Result<Option<Value<'a>>, Problem> {
        let is_named = |(key, _): &&(Value<'a>, Value<'a>)| matches!(key, Value::Text(key) if *key == name);
        Ok(self.entries(value)?.iter().rev().find(is_named).map(|(_, value)| *value))
    }

    fn is_module(&mut self, value: Value<'a>) -> Result<bool, Problem> {
        let is_instance = matches!(self.pickle.object(value), Some(Object::Instance(_)));
        Ok(is_instance && self.entry(value, "_modules")?.is_some() && self.entry(value, "_parameters")?.is_some())
    }

    /// The state dict of a module that was pickled as it is: its own tensors, then those of its parts.
    fn module(&mut self, root: Value<'a>) -> Result<Vec<(String, &'p Stored<'a>)>, Problem> {
        let mut tensors = Vec::new();
        let mut seen = HashSet::new();
        let mut stack = vec![(String::new(), root)];
        while let Some((prefix, module)) = stack.pop() {
            let Value::Object(index) = module else { continue };
            if !seen.insert(index) {
                continue;
            }
            for own in ["_parameters", "_buffers"] {
                if let Some(own) = self.entry(module, own)? {
                    tensors.extend(self.tensors(&prefix, own)?);
                }
            }
            let Some(parts) = self.entry(module, "_modules")? else { continue };
            for (key, part) in self.entries(parts)?.iter().rev() {
                if let Value::Text(name) = key {
                    let prefix = format!("{prefix}{name}.");
                    self.spend(&prefix)?;
                    stack.push((prefix, *part));
                }
            }
        }
        Ok(tensors)
    }

    fn spend(&mut self, name: &str) -> Result<(), Problem> {
        match self.names.checked_sub(name.len()) {
            Some(rest) => {
                self.names = rest;
                Ok(())
            }
            None => Err(Problem::Unsupported("has names that are longer than the file itself".into())),
        }
    }
}
