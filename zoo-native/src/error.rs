//! The only error type: the message of libtorch, or of a check in the C++ code.

use std::ffi::{CStr, c_char};

/// A call that libtorch refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NativeError {
    message: String,
}

impl NativeError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

unsafe extern "C" {
    fn zoo_error_free(message: *mut c_char);
}

/// Turns the C side's verdict, null or a message to free, into a result.
///
/// # Safety
/// `message` is null or a message of the C++ side that nobody else frees.
pub(crate) unsafe fn check(message: *mut c_char) -> Result<(), NativeError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: by the contract above the string is ours, and it is not used after being freed.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        zoo_error_free(message);
        text
    };
    // libtorch appends a C++ backtrace to its messages; the first line is what a reader needs.
    Err(NativeError::new(text.lines().next().unwrap_or_default()))
}
