//! Folders of small pictures.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::fs;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};

/// A JPEG of stripes in a colour.
pub fn jpeg(width: u16, height: u16, colour: [u8; 3], phase: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let places = (0..usize::from(height)).flat_map(|y| (0..usize::from(width)).map(move |x| x + 2 * y));
    let shade = |place: usize| colour.map(|channel| channel - ((place + phase) % 24) as u8);
    let pixels: Vec<u8> = places.flat_map(shade).collect();
    Encoder::new(&mut bytes, 90).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    bytes
}

/// Colours far apart.
pub const COLOURS: [[u8; 3]; 4] = [[230, 60, 40], [40, 80, 240], [60, 220, 60], [230, 230, 40]];

/// Writes `train` and `val` with a folder for each of `classes`, which differ in colour, with pictures of several sizes.
pub fn folder(root: &Path, classes: &[&str], train: usize, val: usize) {
    for (half, count) in [("train", train), ("val", val)] {
        for (class, colour) in classes.iter().zip(COLOURS) {
            let folder = root.join(half).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let (width, height) = (40 + 7 * (number as u16 % 5), 36 + 5 * (number as u16 % 7));
                let picture = jpeg(width, height, colour, 3 * number);
                fs::write(folder.join(format!("{number:03}.JPEG")), picture).unwrap();
            }
        }
    }
}
