//! The machine: a stack, a memo, and an instruction at a time.

use std::collections::HashMap;

use super::opcode as op;
use super::{Instance, MOST_WORK, Object, Pickle, Value, global};
use crate::weights::bytes::{Cursor, size};
use crate::weights::error::{Problem, damaged};

/// The newest protocol; Python 3.8 brought it.
const NEWEST: u8 = 5;

/// A machine that runs one pickle.
pub(super) struct Machine<'a> {
    cursor: Cursor<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    pub objects: Vec<Object<'a>>,
    work: usize,
}

/// Runs the pickle that begins at byte `start`.
pub(super) fn run(bytes: &[u8], start: usize) -> Result<Pickle<'_>, Problem> {
    let mut machine = Machine {
        cursor: Cursor::new(bytes, start),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Vec::new(),
        work: 0,
    };
    loop {
        machine.spend(1)?;
        match machine.cursor.u8()? {
            op::STOP => break,
            instruction => machine.step(instruction)?,
        }
    }
    let root = machine.pop()?;
    Ok(Pickle { root, objects: machine.objects, end: machine.cursor.position() })
}

impl<'a> Machine<'a> {
    fn step(&mut self, instruction: u8) -> Result<(), Problem> {
        match instruction {
            op::PROTO => return self.protocol(),
            op::FRAME => {
                self.cursor.take(8)?;
            }
            op::MARK => self.marks.push(self.stack.len()),
            op::POP => {
                self.pop()?;
            }
            op::POP_MARK => {
                self.pop_mark()?;
            }
            op::DUP => self.stack.push(self.top()?),
            op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => return self.put(instruction),
            op::BINGET | op::LONG_BINGET => return self.get(instruction),
            op::EMPTY_LIST | op::EMPTY_SET => self.push(Object::List(Vec::new())),
            op::EMPTY_DICT => self.push(Object::Dict(Vec::new())),
            op::EMPTY_TUPLE => self.push(Object::Tuple(Vec::new())),
            op::TUPLE1 => return self.tuple(1),
            op::TUPLE2 => return self.tuple(2),
            op::TUPLE3 => return self.tuple(3),
            op::TUPLE | op::FROZENSET => {
                let items = self.pop_mark()?;
                self.push(Object::Tuple(items));
            }
            op::APPEND | op::APPENDS | op::ADDITEMS => return self.append(instruction),
            op::SETITEM | op::SETITEMS => return self.set_items(instruction),
            op::GLOBAL | op::STACK_GLOBAL => return self.global(instruction),
            op::REDUCE | op::NEWOBJ | op::NEWOBJ_EX => return self.reduce(instruction),
            op::BUILD => return self.build(),
            op::BINPERSID => {
                let id = self.pop()?;
                let value = self.persistent(id)?;
                self.stack.push(value);
            }
            _ => {
                let value = self.scalar(instruction)?;
                self.stack.push(value);
            }
        }
        Ok(())
    }

    /// A value that is written out where it stands.
    fn scalar(&mut self, instruction: u8) -> Result<Value<'a>, Problem> {
        let cursor = &mut self.cursor;
        Ok(match instruction {
            op::NONE => Value::None,
            op::NEWTRUE | op::NEWFALSE => Value::Bool(instruction == op::NEWTRUE),
            op::BININT => Value::Integer(i64::from(cursor.u32()?.cast_signed())),
            op::BININT1 => Value::Integer(cursor.u8()?.into()),
            op::BININT2 => Value::Integer(cursor.u16()?.into()),
            op::LONG1 => integer(byte_string(cursor, 1)?),
            op::LONG4 => integer(byte_string(cursor, 4)?),
            // The only number that is big-endian.
            op::BINFLOAT => Value::Float(f64::from_bits(cursor.u64()?.swap_bytes())),
            op::SHORT_BINUNICODE => text(byte_string(cursor, 1)?)?,
            op::BINUNICODE => text(byte_string(cursor, 4)?)?,
            op::BINUNICODE8 => text(byte_string(cursor, 8)?)?,
            // Strings of Python 2, which are bytes as well.
            op::SHORT_BINSTRING => byte_string(cursor, 1).map(|bytes| text(bytes).unwrap_or(Value::Inert))?,
            op::BINSTRING => byte_string(cursor, 4).map(|bytes| text(bytes).unwrap_or(Value::Inert))?,
            op::SHORT_BINBYTES => inert(byte_string(cursor, 1)?),
            op::BINBYTES => inert(byte_string(cursor, 4)?),
            op::BINBYTES8 | op::BYTEARRAY8 => inert(byte_string(cursor, 8)?),
            other => {
                return damaged(format!("its pickle has the instruction {other:#04x}, which torch.save never writes"));
            }
        })
    }

    fn protocol(&mut self) -> Result<(), Problem> {
        match self.cursor.u8()? {
            0..=NEWEST => Ok(()),
            other => Err(Problem::Unsupported(format!("is a pickle of protocol {other}, newer than {NEWEST}"))),
        }
    }

    fn put(&mut self, instruction: u8) -> Result<(), Problem> {
        let index = match instruction {
            op::BINPUT => self.cursor.u8()?.into(),
            op::LONG_BINPUT => self.cursor.u32()?,
            _ => self.memo.len() as u32,
        };
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, instruction: u8) -> Result<(), Problem> {
        let index = if instruction == op::BINGET { self.cursor.u8()?.into() } else { self.cursor.u32()? };
        match self.memo.get(&index) {
            Some(value) => self.stack.push(*value),
            None => return damaged(format!("its pickle asks for the value {index}, which was never stored")),
        }
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), Problem> {
        let Some(start) = self.stack.len().checked_sub(count).filter(|start| *start >= self.floor()) else {
            return underflow();
        };
        let items = self.stack.split_off(start);
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn append(&mut self, instruction: u8) -> Result<(), Problem> {
        let items = if instruction == op::APPEND { vec![self.pop()?] } else { self.pop_mark()? };
        match self.top_object()? {
            Object::List(list) => list.extend(items),
            // Lists and sets of other classes; nobody asks for what is in them.
            Object::Instance(_) => {}
            _ => return damaged("its pickle appends to something that is not a list"),
        }
        Ok(())
    }

    fn set_items(&mut self, instruction: u8) -> Result<(), Problem> {
        let items = if instruction == op::SETITEM {
            let value = self.pop()?;
            vec![self.pop()?, value]
        } else {
            self.pop_mark()?
        };
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top_object()? {
            Object::Dict(entries) | Object::Instance(Instance { items: entries, .. }) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            _ => return damaged("its pickle sets an item of something that is not a dictionary"),
        }
        Ok(())
    }

    fn global(&mut self, instruction: u8) -> Result<(), Problem> {
        let (module, name) = if instruction == op::GLOBAL {
            (text(self.cursor.line()?)?, text(self.cursor.line()?)?)
        } else {
            let name = self.pop()?;
            (self.pop()?, name)
        };
        match (module, name) {
            (Value::Text(module), Value::Text(name)) => self.stack.push(Value::Global(global::find(module, name)?)),
            _ => return damaged("its pickle names a class by something that is not a string"),
        }
        Ok(())
    }

    fn reduce(&mut self, instruction: u8) -> Result<(), Problem> {
        if instruction == op::NEWOBJ_EX {
            // Arguments by name: none of the classes that matter here takes any.
            self.pop()?;
        }
        let arguments = self.pop()?;
        let value = match self.pop()? {
            Value::Global(function) => self.call(function, arguments)?,
            // What something unknown makes is unknown, too: a method, a partial function.
            Value::Object(index) if matches!(self.objects[index], Object::Instance(_)) => self.instance(),
            _ => return damaged("its pickle calls something that is not a function"),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Attributes of an object: the versions of a state dict, which nobody asks for, or the arguments of a script.
    fn build(&mut self) -> Result<(), Problem> {
        let state = self.pop()?;
        // A class with slots has a pair: its dictionary, and what is in the slots.
        let attributes = match self.items_of(state) {
            Some([dict, _]) => *dict,
            _ => state,
        };
        match self.top()? {
            Value::Inert => Ok(()),
            Value::Object(index) => match &mut self.objects[index] {
                Object::Instance(instance) => {
                    instance.attributes = Some(attributes);
                    Ok(())
                }
                Object::Dict(_) => Ok(()),
                _ => damaged("its pickle sets attributes of an object that has none"),
            },
            _ => damaged("its pickle sets attributes of an object that has none"),
        }
    }

    /// The items of a tuple.
    fn items_of(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Object(index) => match self.objects.get(index)? {
                Object::Tuple(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// What stands in for an object of a class that is not known.
    pub fn instance(&mut self) -> Value<'a> {
        self.store(Object::Instance(Instance::default()))
    }

    /// Counts work that a short pickle could otherwise multiply.
    pub fn spend(&mut self, work: usize) -> Result<(), Problem> {
        self.work = self.work.saturating_add(work);
        if self.work > MOST_WORK {
            return Err(Problem::Unsupported(format!("is a pickle of over {MOST_WORK} instructions")));
        }
        Ok(())
    }

    /// Stores an object; the value that refers to it.
    pub fn store(&mut self, object: Object<'a>) -> Value<'a> {
        self.objects.push(object);
        Value::Object(self.objects.len() - 1)
    }

    fn push(&mut self, object: Object<'a>) {
        let value = self.store(object);
        self.stack.push(value);
    }

    /// Height of the stack that belongs to what is outside the innermost mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value<'a>, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Value<'a>, Problem> {
        self.stack[self.floor()..].last().copied().map_or_else(underflow, Ok)
    }

    fn top_object(&mut self) -> Result<&mut Object<'a>, Problem> {
        match self.top()? {
            Value::Object(index) => Ok(&mut self.objects[index]),
            _ => damaged("its pickle changes something that is not a container"),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, Problem> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => underflow(),
        }
    }
}

fn underflow<T>() -> Result<T, Problem> {
    damaged("its pickle takes more from its stack than it put there")
}

/// Bytes after their length, which takes `width` bytes itself.
fn byte_string<'a>(cursor: &mut Cursor<'a>, width: usize) -> Result<&'a [u8], Problem> {
    let length = match width {
        1 => cursor.u8()?.into(),
        4 => cursor.u32()?.into(),
        _ => cursor.u64()?,
    };
    cursor.take(size(length))
}

fn text(bytes: &[u8]) -> Result<Value<'_>, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::Text(text)),
        Err(_) => damaged("a string of its pickle is not UTF-8"),
    }
}

fn inert(_: &[u8]) -> Value<'_> {
    Value::Inert
}

/// An integer in little-endian two's complement.
fn integer(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > size_of::<i64>() {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; size_of::<i64>()];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Integer(i64::from_le_bytes(wide))
}
