use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;

/// A smooth picture with some edges, `channels` bytes a pixel.
fn samples(width: u32, height: u32, channels: u32) -> Vec<u8> {
    let value = |x: u32, y: u32, channel: u32| match (x / 8 + y / 8) % 5 {
        0 => 40 + 60 * channel,
        _ => (x * 3 + y * (2 + channel)) % 256,
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| (0..channels).map(move |channel| value(x, y, channel) as u8)).collect()
}

fn jpeg_with(width: u32, height: u32, color: ColorType, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    set(&mut encoder);
    let channels = match color {
        ColorType::Luma => 1,
        ColorType::Rgb => 3,
        _ => 4,
    };
    encoder.encode(&samples(width, height, channels), width as u16, height as u16, color).unwrap();
    bytes
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    jpeg_with(width, height, ColorType::Rgb, |encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2))
}

fn png_of(width: u32, height: u32, color: ::png::ColorType, depth: ::png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ::png::ColorType::Indexed {
        encoder.set_palette(vec![10, 20, 30, 200, 100, 0]);
        encoder.set_trns(vec![0, 255]);
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

fn mean_difference(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn a_jpeg_in_colour_reads_back_nearly_as_it_was() {
    for progressive in [false, true] {
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2] {
            let bytes = jpeg_with(75, 53, ColorType::Rgb, |encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
            });
            let picture = decode(&bytes).unwrap();
            assert_eq!((picture.width(), picture.height()), (75, 53));
            let difference = mean_difference(picture.pixels(), &samples(75, 53, 3));
            assert!(difference < 20.0, "{difference} with {sampling:?}, progressive: {progressive}");
        }
    }
}

#[test]
fn a_grey_jpeg_has_three_equal_channels() {
    let picture = decode(&jpeg_with(40, 30, ColorType::Luma, |_| {})).unwrap();
    let grey: Vec<u8> = picture.pixels().iter().step_by(3).copied().collect();
    assert!(mean_difference(&grey, &samples(40, 30, 1)) < 6.0);
    assert!(picture.pixels().chunks_exact(3).all(|pixel| pixel == [pixel[0]; 3]));
}

/// Ink on white paper: each channel is what its ink and the black let through.
#[test]
fn inks_become_light() {
    for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let bytes = jpeg_with(40, 30, color, |encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1));
        let picture = decode(&bytes).unwrap();
        let inks = samples(40, 30, 4);
        let light = inks.chunks_exact(4).flat_map(|ink| {
            let through = |ink: u8, black: u8| (u32::from(255 - ink) * u32::from(255 - black) / 255) as u8;
            [0, 1, 2].map(|channel| through(ink[channel], ink[3]))
        });
        let difference = mean_difference(picture.pixels(), &light.collect::<Vec<_>>());
        assert!(difference < 8.0, "{difference} with {color:?}");
    }
}

#[test]
fn every_png_becomes_rgb_in_8_bits() {
    use ::png::{BitDepth, ColorType};
    let pixels = |bytes: Vec<u8>| decode(&bytes).unwrap().pixels().to_vec();
    let rgb = [1, 2, 3, 4, 5, 6];
    assert_eq!(pixels(png_of(2, 1, ColorType::Rgb, BitDepth::Eight, &rgb)), rgb);
    assert_eq!(pixels(png_of(2, 1, ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 0, 4, 5, 6, 255])), rgb);
    assert_eq!(pixels(png_of(2, 1, ColorType::Grayscale, BitDepth::Eight, &[7, 9])), [7, 7, 7, 9, 9, 9]);
    assert_eq!(pixels(png_of(2, 1, ColorType::GrayscaleAlpha, BitDepth::Eight, &[7, 0, 9, 9])), [7, 7, 7, 9, 9, 9]);
    assert_eq!(pixels(png_of(2, 1, ColorType::Grayscale, BitDepth::One, &[0b0100_0000])), [0, 0, 0, 255, 255, 255]);
    assert_eq!(pixels(png_of(2, 1, ColorType::Grayscale, BitDepth::Sixteen, &[7, 200, 9, 100])), [7, 7, 7, 9, 9, 9]);
    let deep = [1, 99, 2, 99, 3, 99, 4, 250, 5, 250, 6, 250];
    assert_eq!(pixels(png_of(2, 1, ColorType::Rgb, BitDepth::Sixteen, &deep)), rgb);
    assert_eq!(pixels(png_of(2, 1, ColorType::Indexed, BitDepth::One, &[0b0100_0000])), [10, 20, 30, 200, 100, 0]);
}

/// An APP1 segment with the orientation, as a camera writes it.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation, 0, 0, 0], &[0; 4]].concat();
    let length = (2 + 6 + tiff.len() as u16).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

#[test]
fn a_camera_held_sideways_gives_an_upright_picture() {
    let stored = decode(&jpeg(40, 24)).unwrap();
    let turned = with_orientation(&jpeg(40, 24), 6);
    let encoded = Encoded::new(&turned).unwrap();
    assert_eq!(encoded.size(), (24, 40));
    let mut picture = Rgb::default();
    encoded.decode(&mut picture).unwrap();
    assert_eq!((picture.width(), picture.height()), (24, 40));
    // Turned clockwise, the first row is the first column from below.
    assert_eq!(picture.pixels()[..3], stored.pixels()[3 * 40 * 23..][..3]);
    assert_eq!(decode(&with_orientation(&jpeg(40, 24), 1)).unwrap(), stored);
}

fn first_rows(bytes: &[u8], rows: u32) -> Rgb {
    let mut part = Rgb::default();
    Encoded::new(bytes).unwrap().decode_rows(rows, &mut part).unwrap();
    part
}

#[test]
fn the_first_rows_are_those_of_the_whole_picture() {
    let samplings = [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];
    for sampling in samplings {
        for progressive in [false, true] {
            let bytes = jpeg_with(70, 200, ColorType::Rgb, |encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
            });
            let whole = first_rows(&bytes, 200);
            for rows in [1, 8, 15, 16, 17, 64, 100, 150, 170, 199, 200, 300] {
                let part = first_rows(&bytes, rows);
                assert_eq!(part.width(), 70);
                assert!(part.height() >= rows.min(200));
                let shared = 3 * 70 * rows.min(200) as usize;
                assert!(
                    part.pixels()[..shared] == whole.pixels()[..shared],
                    "{rows} rows, {sampling:?}, {progressive}"
                );
            }
        }
    }
}

#[test]
fn a_restart_interval_does_not_matter() {
    let bytes = jpeg_with(70, 200, ColorType::Rgb, |encoder| encoder.set_restart_interval(3));
    let (whole, part) = (first_rows(&bytes, 200), first_rows(&bytes, 50));
    assert!(part.height() < 200);
    assert!(part.pixels()[..3 * 70 * 50] == whole.pixels()[..3 * 70 * 50]);
}

#[test]
fn what_is_no_picture_is_told_apart() {
    let problem = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert_eq!(problem(b""), "is empty");
    assert_eq!(problem(b"<html>not found</html>"), "is not a JPEG, PNG, WebP, GIF or BMP file");
    assert_eq!(problem(b"\xff\xd8\xff"), "is cut short");
    let whole = jpeg(60, 60);
    for length in [30, whole.len() / 2, whole.len() - 2] {
        assert_eq!(problem(&whole[..length]), "is cut short", "{length} of {} bytes", whole.len());
    }
    let png = png_of(2, 1, ::png::ColorType::Rgb, ::png::BitDepth::Eight, &[1, 2, 3, 4, 5, 6]);
    for length in [10, 40, 50] {
        assert!(problem(&png[..length]).starts_with("is "), "{length} bytes");
    }
    let header = png_of(60_000, 1, ::png::ColorType::Grayscale, ::png::BitDepth::Eight, &[0; 60_000]);
    let mut bomb = header[..33].to_vec();
    bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let problem = problem(&bomb);
    assert!(problem.starts_with("is ") || problem.starts_with("has 60000 x 60000 pixels"), "{problem}");
}

#[test]
fn a_picture_has_as_many_pixels_as_it_says() {
    assert!(Rgb::new(2, 2, vec![0; 12]).is_some());
    for (width, height, bytes) in [(2, 2, 11), (0, 2, 0), (u32::MAX, u32::MAX, 0)] {
        assert!(Rgb::new(width, height, vec![0; bytes]).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happens to a file, it is decoded or refused, and a picture has all of its pixels.
    #[test]
    fn damaged_files_are_decoded_or_refused(
        kind in 0..5,
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        whole: bool,
        rows in 0u32..80,
    ) {
        let mut bytes = match kind {
            0 => jpeg(37, 61),
            1 => jpeg_with(37, 61, ColorType::Rgb, |encoder| encoder.set_progressive(true)),
            2 => jpeg_with(33, 20, ColorType::CmykAsYcck, |_| {}),
            3 => with_orientation(&jpeg(37, 61), 7),
            _ => png_of(9, 7, ::png::ColorType::Rgba, ::png::BitDepth::Eight, &samples(9, 7, 4)),
        };
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if !whole {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        let mut picture = Rgb::default();
        let Ok(encoded) = Encoded::new(&bytes) else { return Ok(()) };
        let (width, height) = encoded.size();
        prop_assume!(width * height < 1 << 20); // Larger ones take long, and no other way.
        if encoded.decode_rows(rows, &mut picture).is_ok() {
            let pixels = picture.width() as usize * picture.height() as usize;
            prop_assert!(pixels > 0 && picture.pixels().len() == 3 * pixels);
        }
    }
}
