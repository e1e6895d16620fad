//! Every form of JPEG that PIL reads, by the library that PIL reads it with.
//!
//! libjpeg reports errors by a function that must not return. Ours unwinds, through C that is compiled for that
//! (`mozjpeg-sys` with `unwinding`), up to [`decode`]. Nothing of libjpeg's is known outside this file.

use std::ffi::c_int;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use mozjpeg_sys::{
    J_COLOR_SPACE, JCS_CMYK, JCS_RGB, boolean, jpeg_common_struct, jpeg_create_decompress, jpeg_decompress_struct,
    jpeg_destroy_decompress, jpeg_error_mgr, jpeg_finish_decompress, jpeg_mem_src, jpeg_read_header,
    jpeg_read_scanlines, jpeg_start_decompress, jpeg_std_error,
};

use super::header::Header;
use crate::image::{BadImage, Rgb};

/// Bytes of a message with the zero behind it: JMSG_LENGTH_MAX of jpeglib.h.
const MESSAGE: usize = 200;

/// What libjpeg found, where it went on all the same.
pub type Warning = Option<String>;

/// Decodes the picture's first `rows` rows, or all of its rows where there are not so many. Only where it decodes all does
/// a warning say whether the file is whole.
///
/// # Errors
///
/// What libjpeg refuses, in its words.
pub fn decode(bytes: &[u8], header: &Header, rows: u32, into: &mut Rgb) -> Result<Warning, BadImage> {
    let wanted = rows.clamp(1, header.height);
    let (width, height) = (header.width as usize, wanted as usize);
    let (space, channels) = if header.inks { (JCS_CMYK, 4) } else { (JCS_RGB, 3) };
    let mut inks = if header.inks { vec![0; 4 * width * height] } else { Vec::new() };
    let pixels = into.reset(header.width, wanted);
    let rows = if header.inks { &mut inks[..] } else { &mut *pixels };
    let size = (width, header.height as usize, channels);
    let run = AssertUnwindSafe(|| Decompressor::new().run(bytes, space, rows, size));
    let warning = catch_unwind(run).map_err(|panic| match panic.downcast::<Refusal>() {
        Ok(refusal) => BadImage::Damaged(refusal.0),
        Err(other) => resume_unwind(other),
    })??;
    for (pixel, ink) in pixels.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
        // Stored inverted, as Adobe does and PIL takes for granted.
        (0..3).for_each(|channel| pixel[channel] = through(255 - ink[channel], ink[3]));
    }
    Ok(warning)
}

/// Whether its assembly was built in, without which it takes twice the time.
pub fn has_assembly() -> bool {
    unsafe extern "C" {
        /// Of jsimd.h: whether this build has, and this processor runs, the assembly that makes RGB of YCbCr.
        fn jsimd_can_ycc_rgb() -> c_int;
    }
    // SAFETY: it has no arguments, and looks at nothing but the processor.
    unsafe { jsimd_can_ycc_rgb() != 0 }
}

/// What an ink and the black let through, rounded as PIL's `cmyk2rgb` does: `light` is what the black does.
fn through(ink: u8, light: u8) -> u8 {
    let product = u32::from(ink) * u32::from(light) + 128;
    light.saturating_sub(((product + (product >> 8)) >> 8) as u8)
}

/// The words in which libjpeg gave up.
struct Refusal(String);

/// A decompressor. Both parts stay where they are, as they point at each other.
struct Decompressor {
    state: Box<jpeg_decompress_struct>,
    _errors: Box<jpeg_error_mgr>,
    warning: Box<Warning>,
}

impl Decompressor {
    fn new() -> Decompressor {
        // SAFETY: zeros are what C code leaves there before `jpeg_std_error` and `jpeg_create_decompress` fill them in.
        // Boxes do not move, and are dropped after the state, which is destroyed first.
        unsafe {
            let mut errors: Box<jpeg_error_mgr> = Box::new(mem::zeroed());
            jpeg_std_error(&mut errors);
            errors.error_exit = Some(give_up);
            errors.emit_message = Some(note);
            let mut warning = Box::new(None);
            let mut state: Box<jpeg_decompress_struct> = Box::new(mem::zeroed());
            state.common.err = &mut *errors;
            jpeg_create_decompress(&mut *state);
            state.common.client_data = ptr::from_mut(&mut *warning).cast();
            Decompressor { state, _errors: errors, warning }
        }
    }

    /// Fills `rows` with the first rows of a picture of that width, height and number of channels.
    fn run(
        mut self,
        bytes: &[u8],
        space: J_COLOR_SPACE,
        rows: &mut [u8],
        (width, height, channels): (usize, usize, usize),
    ) -> Result<Warning, BadImage> {
        // SAFETY: `bytes` outlive the decompressor, and each row that is read has the room that its width and colour
        // space take, which is compared before.
        unsafe {
            jpeg_mem_src(&mut self.state, bytes.as_ptr(), bytes.len() as _);
            jpeg_read_header(&mut self.state, true as boolean);
            self.state.out_color_space = space;
            jpeg_start_decompress(&mut self.state);
            let output = (self.state.output_width, self.state.output_height, self.state.output_components);
            if output != (width as u32, height as u32, channels as c_int) {
                return Err(BadImage::Damaged("two of its headers contradict each other".into()));
            }
            for row in rows.chunks_exact_mut(width * channels) {
                let mut row = row.as_mut_ptr();
                if jpeg_read_scanlines(&mut self.state, &mut row, 1) != 1 {
                    return Err(BadImage::Cut);
                }
            }
            // Where rows are left, there is nothing to finish, and libjpeg takes it for a mistake.
            if self.state.output_scanline == self.state.output_height {
                jpeg_finish_decompress(&mut self.state);
            }
        }
        Ok(self.warning.take())
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: it was created in `new`, and is destroyed once.
        unsafe { jpeg_destroy_decompress(&mut self.state) }
    }
}

/// The message that libjpeg has at hand.
fn message(common: &mut jpeg_common_struct) -> String {
    let mut buffer = [0u8; MESSAGE];
    // SAFETY: `err` is the manager that `new` set, and the room is what jpeglib.h asks for, where the buffer is a
    // pointer to characters that are written.
    unsafe {
        if let Some(format) = (*common.err).format_message {
            type Format = unsafe extern "C-unwind" fn(&mut jpeg_common_struct, *mut u8);
            let format: Format = mem::transmute(format);
            format(common, buffer.as_mut_ptr());
        }
    }
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(MESSAGE);
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}

extern "C-unwind" fn give_up(common: &mut jpeg_common_struct) {
    // Without the hook that prints panics: this is no panic of ours.
    resume_unwind(Box::new(Refusal(message(common))));
}

extern "C-unwind" fn note(common: &mut jpeg_common_struct, level: c_int) {
    // Levels from 0 on are about what is right.
    if level < 0 {
        let words = message(common);
        // SAFETY: `new` pointed it at the box, which lives as long as the decompressor. During creation it is null.
        if let Some(warning) = unsafe { common.client_data.cast::<Warning>().as_mut() } {
            warning.get_or_insert(words);
        }
    }
}
