//! An image file: its format, its header, and the picture in it where that is small.
#![no_main]

use zoo_fuzz::image::{Encoded, Rgb};

/// Pixels of the largest picture that is decoded: a few bytes may promise hundreds of millions.
const MOST: u32 = 1 << 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = Encoded::new(bytes) else { return };
    let (width, height) = file.size();
    assert!(width > 0 && height > 0);
    if width.saturating_mul(height) > MOST {
        return;
    }
    let mut picture = Rgb::default();
    let decoded = file.decode(&mut picture);
    if decoded.is_ok() {
        assert_eq!((picture.width(), picture.height()), (width, height));
        let mut rows = Rgb::default();
        let part = Encoded::new(bytes).expect("it was read before").decode_rows(1, &mut rows);
        assert!(part.is_err() || picture.pixels()[..3 * width as usize] == rows.pixels()[..3 * width as usize]);
    }
    let whole = Encoded::new(bytes).expect("it was read before").check();
    assert!(decoded.is_ok() || whole.is_err(), "a file that cannot be decoded is not whole");
});
