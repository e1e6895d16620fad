//! A serializer that makes a struct the cells of a row.

use serde::ser::{Error as _, Impossible, Serialize, SerializeStruct, Serializer};

use super::Problem;

/// Makes a struct of texts and numbers its cells, and each of these a single cell.
pub(super) struct Cells;

/// The cells of a struct so far.
pub(super) struct OfStruct(Vec<String>);

impl SerializeStruct for OfStruct {
    type Ok = Vec<String>;
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Problem> {
        let mut cells = value.serialize(Cells)?;
        match (cells.pop(), cells.is_empty()) {
            (Some(cell), true) => self.0.push(cell),
            _ => return Err(Problem::custom(format!("`{name}` is no single cell"))),
        }
        Ok(())
    }

    fn end(self) -> Result<Vec<String>, Problem> {
        Ok(self.0)
    }
}

/// What is written as Rust displays it.
macro_rules! displayed {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Result<Vec<String>, Problem> {
            Ok(vec![value.to_string()])
        })*
    };
}

type Never = Impossible<Vec<String>, Problem>;

impl Serializer for Cells {
    type Ok = Vec<String>;
    type Error = Problem;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = OfStruct;
    type SerializeStructVariant = Never;

    displayed! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
    }

    fn serialize_none(self) -> Result<Vec<String>, Problem> {
        Ok(vec![String::new()])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<String>, Problem> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Vec<String>, Problem> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Vec<String>, Problem> {
        value.serialize(self)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<OfStruct, Problem> {
        Ok(OfStruct(Vec::with_capacity(length)))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Vec<String>, Problem> {
        Err(Problem::custom("a row has no bytes"))
    }

    fn serialize_unit(self) -> Result<Vec<String>, Problem> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Vec<String>, Problem> {
        self.serialize_none()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Vec<String>, Problem> {
        Err(Problem::custom("a row has no variants with values"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Never, Problem> {
        Err(Problem::custom("a row is no sequence"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Never, Problem> {
        Err(Problem::custom("a row is no tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, Problem> {
        Err(Problem::custom("a row is no tuple"))
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Never, Problem> {
        Err(Problem::custom("a row has no variants with values"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Never, Problem> {
        Err(Problem::custom("the columns of a row are the fields of a struct, not the keys of a map"))
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Never, Problem> {
        Err(Problem::custom("a row has no variants with values"))
    }
}
