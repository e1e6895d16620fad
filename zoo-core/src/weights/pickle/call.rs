//! What the known functions make of their arguments.

use std::sync::Arc;

use super::global::Global;
use super::machine::Machine;
use super::{Object, Storage, Stored, Value};
use crate::weights::error::{Problem, damaged, quoted};
use crate::weights::view::Layout;

/// Axes that libtorch lets a tensor have.
const MOST_AXES: usize = 64;

impl<'a> Machine<'a> {
    /// Calls `function` with a tuple of arguments.
    pub(super) fn call(&mut self, function: Global, arguments: Value<'a>) -> Result<Value<'a>, Problem> {
        if function == Global::Other {
            return Ok(self.instance());
        }
        if function == Global::WithAttributes {
            return match self.arguments(arguments)?[..] {
                [Value::Global(inner), _, arguments, ..] if inner != function => self.call(inner, arguments),
                _ => unexpected(function),
            };
        }
        let given = self.arguments(arguments)?;
        let first = given.first().copied();
        match function {
            Global::Dict => self.dict(first),
            Global::Sequence => Ok(first.unwrap_or(arguments)),
            Global::Tensor => self.tensor(&given, None),
            Global::TypedTensor => match given.get(6) {
                Some(Value::Global(Global::Kind(kind))) => self.tensor(&given, Some(*kind)),
                Some(Value::Global(Global::Other)) => {
                    Err(Problem::Unsupported("holds tensors of an unsupported dtype".into()))
                }
                _ => unexpected(function),
            },
            Global::Parameter => match first {
                Some(tensor) if matches!(self.object(tensor), Some(Object::Tensor(_))) => Ok(tensor),
                _ => unexpected(function),
            },
            _ => unexpected(function),
        }
    }

    /// What a persistent id stands for: a storage, or in old files the class of a module, with its source.
    pub(super) fn persistent(&mut self, id: Value<'a>) -> Result<Value<'a>, Problem> {
        match self.object(id) {
            Some(Object::Tuple(id)) if matches!(id[..], [Value::Text("module"), ..]) => {
                Ok(Value::Global(Global::Other))
            }
            _ => {
                let storage = self.storage(id)?;
                Ok(self.store(Object::Storage(storage)))
            }
        }
    }

    /// The storage behind a persistent id: `("storage", class, key, location, length)`, and in old files a part of it
    /// as `(key, offset, length)`.
    fn storage(&self, id: Value<'a>) -> Result<Storage<'a>, Problem> {
        let unexpected = || damaged("its pickle refers to something that is not a storage");
        let Some(Object::Tuple(id)) = self.object(id) else {
            return unexpected();
        };
        let [Value::Text("storage"), Value::Global(Global::Storage(kind)), Value::Text(key), _, length, ref part @ ..] =
            id[..]
        else {
            return unexpected();
        };
        let (offset, length) = match part.first().and_then(|part| self.object(*part)) {
            Some(Object::Tuple(part)) => match part[..] {
                [_, offset, length] => (offset, length),
                _ => return unexpected(),
            },
            _ => (Value::Integer(0), length),
        };
        match (offset, length) {
            (Value::Integer(offset @ 0..), Value::Integer(length @ 0..)) => {
                Ok(Storage { key, kind, offset: offset.cast_unsigned(), length: length.cast_unsigned() })
            }
            _ => damaged(format!("its storage `{}` has no length", quoted(key))),
        }
    }

    /// An ordered dictionary of Python 2 has its entries as a list of pairs; later ones are filled afterwards.
    fn dict(&mut self, entries: Option<Value<'a>>) -> Result<Value<'a>, Problem> {
        let list: &[Value] = match entries.and_then(|entries| self.object(entries)) {
            Some(Object::List(list)) => list,
            _ => &[],
        };
        let pairs = list.iter().map(|entry| match self.object(*entry) {
            Some(Object::List(pair) | Object::Tuple(pair)) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => damaged("a dictionary of its pickle is not made of pairs"),
        });
        let pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
        self.spend(pairs.len())?;
        Ok(self.store(Object::Dict(pairs)))
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks)`, then the kind if the function takes one, then metadata.
    fn tensor(&mut self, given: &[Value<'a>], kind: Option<tch::Kind>) -> Result<Value<'a>, Problem> {
        let [storage, Value::Integer(offset), shape, strides, ..] = *given else {
            return unexpected(Global::Tensor);
        };
        let Some(&Object::Storage(storage)) = self.object(storage) else {
            return damaged("a tensor of its pickle has no storage");
        };
        let metadata = given.get(if kind.is_some() { 7 } else { 6 }).and_then(|metadata| self.object(*metadata));
        if matches!(metadata, Some(Object::Dict(metadata)) if !metadata.is_empty()) {
            return Err(Problem::Unsupported("holds a tensor whose conjugation or negation is still pending".into()));
        }
        let (shape, strides) = (self.integers(shape)?, self.integers(strides)?);
        self.spend(shape.len() + strides.len())?;
        let layout = Layout { kind: kind.unwrap_or(storage.kind), offset, shape, strides };
        Ok(self.store(Object::Tensor(Box::new(Stored { storage, layout }))))
    }

    fn integers(&self, tuple: Value<'a>) -> Result<Arc<[i64]>, Problem> {
        let not = || damaged("a tensor of its pickle has a shape that is not a list of numbers");
        let Some(Object::Tuple(items) | Object::List(items)) = self.object(tuple) else {
            return not();
        };
        if items.len() > MOST_AXES {
            return damaged(format!(
                "a tensor of its pickle has {} dimensions, over the limit of {MOST_AXES}",
                items.len()
            ));
        }
        let integers: Option<Arc<[i64]>> = items
            .iter()
            .map(|item| match item {
                Value::Integer(number) => Some(*number),
                _ => None,
            })
            .collect();
        integers.map_or_else(not, Ok)
    }

    /// A function takes few arguments; a tuple that is longer was not made for it.
    fn arguments(&self, tuple: Value<'a>) -> Result<Vec<Value<'a>>, Problem> {
        const MOST: usize = 16;
        match self.object(tuple) {
            Some(Object::Tuple(items)) if items.len() <= MOST => Ok(items.clone()),
            _ => damaged("its pickle calls a function with arguments that are not a tuple"),
        }
    }

    fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.objects.get(index),
            _ => None,
        }
    }
}

fn unexpected<T>(function: Global) -> Result<T, Problem> {
    damaged(format!("its pickle calls {function:?} with unexpected arguments"))
}
