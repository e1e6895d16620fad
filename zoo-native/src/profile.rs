//! Where the time of a training step goes, by operation and by the part of the network that ran it.
//!
//! Owned here: the record of what libtorch ran. Not here: which part is which, and how a profile is shown.

use std::ffi::{CStr, c_char, c_int};

use crate::error::check;
use crate::{NativeError, Result};

unsafe extern "C" {
    fn zoo_profile_start() -> *mut c_char;
    fn zoo_profile_label(next: c_int);
    fn zoo_profile_stop(lines: *mut *mut c_char) -> *mut c_char;
    fn free(pointer: *mut std::ffi::c_void);
}

/// What one operation took in one part of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The part, as [`label`] named it; 0 where that is not known.
    pub label: i32,
    /// The operation, as libtorch names it: `aten::conv2d` forward, `ConvolutionBackward0` backward.
    pub name: String,
    /// Seconds in the forward pass, what it called included.
    pub forward: f64,
    /// Seconds in the backward pass.
    pub backward: f64,
    /// How often it was called.
    pub calls: u64,
}

/// A profile in progress. There is at most one in the process, and it covers all threads.
#[derive(Debug)]
pub struct Profile(());

impl Profile {
    /// Begins.
    ///
    /// # Errors
    /// Where another one is being taken.
    pub fn start() -> Result<Profile> {
        // SAFETY: registers callbacks that live as long as the program.
        unsafe { check(zoo_profile_start())? };
        Ok(Profile(()))
    }

    /// Ends, and tells what was recorded.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn stop(self) -> Result<Vec<Record>> {
        // What ends a profile that nobody stopped must not end it twice.
        std::mem::forget(self);
        let text = end()?;
        let records: Option<Vec<Record>> = text.lines().map(record).collect();
        records.ok_or_else(|| NativeError::new("the profile cannot be read"))
    }
}

impl Drop for Profile {
    /// Ends a profile that was not stopped, so that another one can begin and nothing is recorded for nobody.
    fn drop(&mut self) {
        let _ = end();
    }
}

/// Ends the profile, and gives its lines.
fn end() -> Result<String> {
    let mut lines = std::ptr::null_mut();
    // SAFETY: on success `lines` is a string that is ours; it is copied, and freed once.
    unsafe {
        check(zoo_profile_stop(&mut lines))?;
        let text = CStr::from_ptr(lines).to_string_lossy().into_owned();
        free(lines.cast());
        Ok(text)
    }
}

/// Says that the part of the network with this number runs next. Does nothing while no profile is taken.
pub fn label(next: i32) {
    // SAFETY: sets a number behind a lock.
    unsafe { zoo_profile_label(next) };
}

fn record(line: &str) -> Option<Record> {
    let mut fields = line.split('\t');
    let label = fields.next()?.parse().ok()?;
    let name = fields.next()?.to_string();
    let (forward, backward) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Record { label, name, forward, backward, calls: fields.next()?.parse().ok()? })
}
