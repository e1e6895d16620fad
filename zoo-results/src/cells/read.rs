//! Deserializers of a row and of its cells, and one that only notes the names of the fields.

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Problem;

/// Has no values, and notes which fields it is asked for.
pub(super) struct Names<'a>(pub &'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Problem;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Problem> {
        *self.0 = fields;
        Err(Problem::custom("only names are known"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        Err(Problem::custom("only structs have columns"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A row: the cell of each column by its name.
pub(super) struct Cells<'a> {
    pub cell: &'a dyn Fn(&str) -> &'a str,
}

impl<'de> Deserializer<'de> for Cells<'_> {
    type Error = Problem;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_seq(Fields { cell: self.cell, fields: fields.iter() })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        Err(Problem::custom("only structs have columns"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The cells of the fields of a struct, one after the other.
struct Fields<'a> {
    cell: &'a dyn Fn(&str) -> &'a str,
    fields: std::slice::Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some(column) = self.fields.next() else { return Ok(None) };
        let text = (self.cell)(column);
        let mut wanted = "not a valid number";
        let value = seed.deserialize(Field { text, wanted: &mut wanted });
        value.map(Some).map_err(|_| match text {
            "" => Problem(format!("column `{column}` is empty")),
            _ => Problem(format!("column `{column}` has `{text}`, which is {wanted}")),
        })
    }
}

/// One cell.
struct Field<'a> {
    text: &'a str,
    /// What is said of a text that cannot be.
    wanted: &'a mut &'static str,
}

impl Field<'_> {
    fn parse<T: std::str::FromStr>(&self) -> Result<T, Problem> {
        self.text.parse().map_err(|_| Problem::custom("it cannot be read"))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            visitor.$visit(self.parse()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = Problem;

    parsed! {
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let number: f64 = self.parse()?;
        // With others nothing can be drawn nor computed.
        if number.is_finite() { visitor.visit_f64(number) } else { Err(Problem::custom("it is not finite")) }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        *self.wanted = "neither true nor false";
        visitor.visit_bool(self.parse()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.text.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_str(self.text)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
