//! Against what PIL makes of the same files: `tests/golden/images.json`, which `scripts/image_reference.py` writes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    /// By name: which of the pictures it is, and the file in hexadecimal digits.
    files: BTreeMap<String, (usize, String)>,
    /// Width, height and pixels in hexadecimal digits.
    pixels: Vec<(u32, u32, String)>,
}

/// A file and the picture in it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    picture: Rgb,
}

fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(read);
    &CASES
}

fn read() -> Vec<Case> {
    let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/images.json")).unwrap();
    let bytes = |digits: &str| -> Vec<u8> {
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let pictures: Vec<Rgb> =
        golden.pixels.iter().map(|(width, height, pixels)| Rgb::new(*width, *height, bytes(pixels)).unwrap()).collect();
    let case = |(name, (index, digits)): (String, (usize, String))| {
        let picture = pictures[index].clone();
        Case { name, bytes: bytes(&digits), picture }
    };
    golden.files.into_iter().map(case).collect()
}

fn case(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name == name).unwrap()
}

fn problem(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().to_string()
}

fn whole(bytes: &[u8]) -> Result<(), String> {
    Encoded::new(bytes).and_then(Encoded::check).map_err(|bad| bad.to_string())
}

fn farthest(one: &Rgb, other: &Rgb) -> u8 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    one.pixels.iter().zip(&other.pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn pixels_are_those_of_pil() {
    let cases = cases();
    assert!(cases.len() > 60);
    let mut far = Vec::new();
    for case in cases {
        let picture = decode(&case.bytes).unwrap_or_else(|bad| panic!("{} {bad}", case.name));
        let farthest = farthest(&picture, &case.picture);
        if farthest > 0 {
            far.push(format!("{}: {farthest}", case.name));
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

/// What is decoded for a crop, in training.
#[test]
fn the_first_rows_are_those_of_pil() {
    for case in cases() {
        for rows in [1, 7, 8, 9, 16, 17, 20, u32::MAX] {
            let mut picture = Rgb::default();
            Encoded::new(&case.bytes).unwrap().decode_rows(rows, &mut picture).unwrap();
            assert!(picture.height >= rows.min(case.picture.height), "{}: {} rows", case.name, picture.height);
            let same = case.picture.pixels.starts_with(&picture.pixels);
            assert!(same && picture.width == case.picture.width, "{}: {rows} rows", case.name);
        }
    }
}

#[test]
fn whole_files_pass_the_check() {
    for case in cases() {
        let expected = if case.name == "PNG without an end" { Err("is cut short".to_string()) } else { Ok(()) };
        assert_eq!(whole(&case.bytes), expected, "{}", case.name);
    }
}

/// Where each marker of that kind is, behind the first.
fn markers(bytes: &[u8], kind: u8) -> Vec<usize> {
    (2..bytes.len() - 1).filter(|at| bytes[*at..*at + 2] == [0xff, kind]).collect()
}

#[test]
fn damage_that_decoders_pass_over_is_found_by_the_check() {
    let decodes = |bytes: &[u8]| decode(bytes).is_ok();
    // Half of the data of the only scan, and then the end.
    let jpeg = &case("JPEG 444").bytes;
    let scan = markers(jpeg, 0xda)[0];
    let half = [&jpeg[..scan + (jpeg.len() - scan) / 2], &[0xff, 0xd9]].concat();
    assert!(decodes(&half) && whole(&half).unwrap_err().contains("premature end of data"), "{:?}", whole(&half));
    // Progressive scans that never came.
    let jpeg = &case("JPEG 420 progressive").bytes;
    let scans = markers(jpeg, 0xda);
    for scan in &scans[3..] {
        let without = [&jpeg[..*scan], &[0xff, 0xd9]].concat();
        let found = whole(&without).unwrap_err();
        assert!(decodes(&without) && found.contains("the last scans of component"), "{found}");
        assert_eq!(problem(&jpeg[..*scan]), "is cut short");
    }
    let png = &case("PNG RGB").bytes;
    for (at, words) in [(png.len() - 14, "the checksum of IDAT"), (png.len() - 1, "the checksum of IEND")] {
        let mut altered = png.clone();
        altered[at] ^= 1;
        assert!(whole(&altered).unwrap_err().contains(words), "{:?}", whole(&altered));
    }
    let case = case("BMP");
    assert_eq!(whole(&case.bytes[..case.bytes.len() - 1]), Err("is cut short".to_string()));
}

#[test]
fn a_checksum_behind_the_pixels_is_looked_at() {
    let png = &case("PNG RGB").bytes;
    // The last four bytes of the data are the checksum of what was compressed; the chunk gets a right one of its own.
    let data = png.windows(4).position(|four| four == b"IDAT").unwrap();
    let length = u32::from_be_bytes(png[data - 4..data].try_into().unwrap()) as usize;
    let end = data + 4 + length;
    let mut altered = png.clone();
    altered[end - 1] ^= 1;
    let mut sum = flate2::Crc::new();
    sum.update(&altered[data..end]);
    altered[end..end + 4].copy_from_slice(&sum.sum().to_be_bytes());
    assert!(whole(&altered).is_err());
}

#[test]
fn a_component_without_a_scan_is_refused() {
    let jpeg = &case("JPEG 420 separate").bytes;
    let scans = markers(jpeg, 0xda);
    assert_eq!(scans.len(), 3);
    let without = [&jpeg[..scans[2]], &[0xff, 0xd9]].concat();
    assert_eq!(problem(&without), "is damaged (component 3 of 3 has no scan)");
    assert_eq!(problem(&jpeg[..scans[2]]), "is cut short");
}

/// Forms that are not read are named as what they are.
#[test]
fn forms_that_are_not_read_are_named() {
    let jpeg = &case("JPEG 444").bytes;
    let frame = markers(jpeg, 0xc0)[0];
    let with = |at: usize, byte: u8| {
        let mut altered = jpeg.clone();
        altered[frame + at] = byte;
        problem(&altered)
    };
    assert_eq!(with(1, 0xc9), "is an arithmetic-coded JPEG, which is not supported");
    assert_eq!(with(1, 0xca), "is an arithmetic-coded JPEG, which is not supported");
    assert_eq!(with(1, 0xc3), "is a lossless JPEG, which is not supported");
    assert_eq!(with(1, 0xc5), "is a hierarchical JPEG, which is not supported");
    assert_eq!(with(1, 0xf7), "is a JPEG-LS file, which is not supported");
    assert_eq!(with(4, 12), "is a JPEG of 12 bits per sample, which is not supported");
    assert_eq!(with(9, 2), "is a JPEG of 2 components, which is not supported");
    assert_eq!(with(9, 0), "is damaged (its frame header is too short)");
    assert_eq!(with(11, 0x51), "is damaged (its sampling factors are not 1 to 4)");
    assert_eq!(with(8, 0), "is damaged (it has 0 x 21 pixels)");
    // Whatever stands behind the frame: a header that is cut off is told by what it is.
    assert_eq!(problem(&[&jpeg[..2], b"\xff\xc9\0\x0b\x08\0\xd3\0\xec\x01\x01\x11\0"].concat()), with(1, 0xc9));
    let mut unknown = jpeg.clone();
    unknown[frame + 5..frame + 7].fill(0);
    assert_eq!(
        problem(&unknown),
        "is a JPEG that stores its height after the image data (DNL), which is not \
                                   supported"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever stands behind the first marker.
    #[test]
    fn headers_of_any_bytes_are_read_or_refused(
        segments in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = vec![0xff, 0xd8];
        for (marker, content) in segments {
            bytes.extend([0xff, 0xc0 | marker & 0x3f]);
            bytes.extend((content.len() as u16 + 2).to_be_bytes());
            bytes.extend(content);
        }
        bytes.extend(rest);
        if let Ok(header) = jpeg::Header::read(&bytes) {
            prop_assert!(header.width > 0 && header.height > 0);
        }
    }

    /// Bytes that are changed or cut off: no panic, and what is decoded has all of its pixels.
    #[test]
    fn damaged_files_of_every_form_are_decoded_or_refused(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let cases = cases();
        let mut bytes = cases[which.index(cases.len())].bytes.clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        let mut picture = Rgb::default();
        let size = Encoded::new(&bytes).map(|encoded| encoded.size());
        // Larger ones take long, and no other way.
        let Some((width, height)) = size.ok().filter(|(width, height)| width * height < 1 << 20) else { return Ok(()) };
        let checked = Encoded::new(&bytes).and_then(Encoded::check).is_ok();
        let decoded = Encoded::new(&bytes).and_then(|encoded| encoded.decode(&mut picture)).is_ok();
        prop_assert!(decoded || !checked, "what is whole can be decoded");
        let quick = Encoded::new(&bytes).and_then(|encoded| encoded.decode_rows(5, &mut Rgb::default())).is_ok();
        prop_assert!(quick || !checked, "and so can its first rows");
        if decoded {
            prop_assert_eq!((picture.width, picture.height), (width, height));
            prop_assert_eq!(picture.pixels.len(), 3 * width as usize * height as usize);
        }
    }
}
