//! Which tensors of a pickle are the network's: the state dict, at the top level or one below it.

use std::collections::HashMap;

use super::error::Problem;
use super::pickle::{Object, Pickle, Stored, Value};

/// Where training scripts put the state dict, in the order in which it is looked for; averaged weights come last.
const CONTAINERS: [&str; 6] = ["state_dict", "model", "model_state", "model_state_dict", "state_dict_ema", "model_ema"];

/// The named tensors of a pickle in order, and the entry that they were taken from.
pub(super) struct StateDict<'p, 'a> {
    pub container: Option<&'static str>,
    pub tensors: Vec<(&'a str, &'p Stored<'a>)>,
}

/// Finds the state dict of a pickle.
pub(super) fn find<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<StateDict<'p, 'a>, Problem> {
    let Some(Object::Dict(top)) = pickle.object(pickle.root) else {
        return Err(Problem::Unsupported("is a pickle of something else than a dictionary of tensors".into()));
    };
    let inner = |name: &str| top.iter().rev().find(|(key, _)| matches!(key, Value::Text(key) if *key == name));
    let below = CONTAINERS.into_iter().filter_map(|name| match pickle.object(inner(name)?.1)? {
        Object::Dict(dict) => Some((Some(name), tensors(pickle, dict))),
        _ => None,
    });
    let mut candidates = below.chain(std::iter::once_with(|| (None, tensors(pickle, top))));
    match candidates.find(|(_, tensors)| !tensors.is_empty()) {
        Some((container, tensors)) => Ok(StateDict { container, tensors }),
        None => Err(Problem::Unsupported(format!(
            "holds no tensors at its top level, nor under {}",
            CONTAINERS.map(|name| format!("`{name}`")).join(", ")
        ))),
    }
}

/// The tensors among the entries of a dictionary. As in Python, a name that is set again keeps its place.
fn tensors<'p, 'a>(pickle: &'p Pickle<'a>, dict: &[(Value<'a>, Value<'a>)]) -> Vec<(&'a str, &'p Stored<'a>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut tensors = Vec::new();
    for (key, value) in dict {
        if let (Value::Text(name), Some(Object::Tensor(tensor))) = (key, pickle.object(*value)) {
            match places.get(name) {
                Some(place) => tensors[*place] = (*name, &**tensor),
                None => {
                    places.insert(name, tensors.len());
                    tensors.push((*name, &**tensor));
                }
            }
        }
    }
    tensors
}
