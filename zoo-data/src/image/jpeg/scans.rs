//! Which scans a JPEG has: whether every component is there, and every bit of its coefficients.

use std::ops::Range;

use super::header::{damaged, next_segment};
use crate::image::BadImage;

/// More scans than any encoder writes; each of them makes a decoder go over the whole picture.
const MOST_SCANS: usize = 500;

/// How many bits of each coefficient are still missing, by component; `None` where no scan has it.
pub struct Scans {
    missing: Vec<[Option<u8>; 64]>,
}

impl Scans {
    /// Walks from the segment of the first scan header to the end of the image. Scans name components by their numbers.
    ///
    /// # Errors
    ///
    /// [`BadImage::Cut`] where there is no end, and [`BadImage::Damaged`] where a component has no scan at all, or a scan
    /// header is none.
    pub fn walk(bytes: &[u8], first: Range<usize>, components: &[u8], progressive: bool) -> Result<Scans, BadImage> {
        let mut scans = Scans { missing: vec![[None; 64]; components.len()] };
        scans.add(&bytes[first.clone()], components, progressive)?;
        let (mut at, mut count) = (first.end, 1);
        loop {
            // Zeros behind 0xff are data, and `next_segment` passes over them and over restarts.
            match next_segment(bytes, &mut at).ok_or(BadImage::Cut)? {
                (0xda, segment) => {
                    count += 1;
                    if count > MOST_SCANS {
                        return Err(damaged(&format!("it has more than {MOST_SCANS} scans")));
                    }
                    scans.add(&bytes[segment], components, progressive)?;
                }
                (0xd9, _) => break,
                _ => {}
            }
        }
        match scans.missing.iter().position(|one| one[0].is_none()) {
            Some(without) => Err(damaged(&format!("component {} of {} has no scan", without + 1, components.len()))),
            None => Ok(scans),
        }
    }

    fn add(&mut self, content: &[u8], components: &[u8], progressive: bool) -> Result<(), BadImage> {
        let short = || damaged("a scan header is too short");
        let (count, rest) = content.split_first().ok_or_else(short)?;
        let (names, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or_else(short)?;
        let [start, end, approximation, ..] = *rest else { return Err(short()) };
        let (start, end, left) = if progressive { (start, end, approximation & 15) } else { (0, 63, 0) };
        if start > end || end > 63 {
            return Err(damaged("a scan has coefficients that do not exist"));
        }
        for name in names.chunks_exact(2) {
            let known = components.iter().position(|id| *id == name[0]);
            let known = known.ok_or_else(|| damaged("a scan has a component that the frame does not have"))?;
            self.missing[known][usize::from(start)..=usize::from(end)].fill(Some(left));
        }
        Ok(())
    }

    /// Why the picture is not whole, where bits of coefficients are missing.
    pub fn unfinished(&self) -> Option<String> {
        let whole = |one: &[Option<u8>; 64]| one.iter().all(|missing| *missing == Some(0));
        let component = self.missing.iter().position(|one| !whole(one))?;
        Some(format!("the last scans of component {} of {} are missing", component + 1, self.missing.len()))
    }
}
