//! The keys that a file of settings may have, as serde knows them from the struct.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names of the fields of a struct that derives `Deserialize`.
pub fn keys_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &[&str] = &[];
    // It ends in an error by design: names are all that is asked for.
    let _ = T::deserialize(Names(&mut keys));
    keys
}

/// What is said behind an unknown `key`: the nearest known one, or all of them.
pub fn hint(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::osa_distance(key, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + key.len() / 3 => format!(", did you mean `{name}`?"),
        _ => format!("; known keys are {}", known.join(", ")),
    }
}

/// A deserializer that has no values, and notes which fields it is asked for.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only names are known"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("only structs have names"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn settings_tell_their_keys() {
        let keys = keys_of::<Settings>();
        assert!(keys.contains(&"learning_rate") && keys.contains(&"checkpoint_every") && keys.len() > 30, "{keys:?}");
        assert!(keys_of::<u32>().is_empty());
    }
}
