//! Where a tensor stands among those of its network: its place decides which numbers of the formula it has.

use serde::Deserialize;
use zoo_core::Registry;
use zoo_core::model::Model;
use zoo_core::names::tensor_name;
use zoo_core::weights::Scheme;

/// What places count; counters of batches never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The library's state dict, which has the plan's order where blocks have no branches.
    #[default]
    Plan,
    /// The sorted keys of the library's state dict. A projection shortcut stands behind the main path there, wherever the
    /// plan computes it.
    Names,
}

/// The place of every tensor of a model.
pub struct Places {
    pub parameters: Vec<u64>,
    pub buffers: Vec<u64>,
}

impl Places {
    /// Those of the variant `name` in `library`.
    pub fn of(model: &Model, order: Order, name: &str, library: &str) -> Places {
        match order {
            Order::Plan => Places::by(model, |op, _, index| (op, index)),
            Order::Names => {
                let scheme = Scheme::by_name(library).expect("a library of ours");
                let entry = Registry::default().find(name).expect("golden values are of variants");
                let layers = scheme.layers(entry.architecture, model.plan());
                let layers = layers.unwrap_or_else(|| panic!("{library} names no {name}"));
                Places::by(model, |op, word, _| tensor_name(scheme, &model.plan().ops[op], &layers[op], word))
            }
        }
    }

    /// By a key of each tensor: from its operation, the last word of its name, and its position among parameters, or
    /// behind all of them.
    fn by<K: Ord>(model: &Model, key: impl Fn(usize, &str, usize) -> K) -> Places {
        let parameters = model.parameters().iter().map(|parameter| (parameter.op, parameter.name.as_str()));
        let buffers = model.buffers().iter().map(|buffer| (buffer.op, buffer.name.as_str()));
        let keys = parameters.chain(buffers).enumerate().map(|(index, (op, name))| {
            let word = name.rsplit('.').next().unwrap_or_default();
            (key(op, word, index), index)
        });
        let mut keys: Vec<(K, usize)> = keys.collect();
        keys.sort();
        let mut places = vec![0; keys.len()];
        for (place, (_, index)) in (0..).zip(keys) {
            places[index] = place;
        }
        let buffers = places.split_off(model.parameters().len());
        Places { parameters: places, buffers }
    }
}
