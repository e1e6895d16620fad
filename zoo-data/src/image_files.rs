//! Image files with their labels, and what happens to those that cannot be decoded.
//!
//! Owns the list and the reading of one file; finding the files is [`folder`](super::folder)'s, their formats are
//! [`image`]'s.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use super::DataError;
use super::image::{self, BadImage, Encoded};

/// Image files with the class of each, sorted by class and path.
#[derive(Debug, Clone, Default)]
pub struct ImageFiles {
    paths: Vec<PathBuf>,
    labels: Vec<u16>,
    /// Where bad files do without instead of ending the run: those met so far. Clones share it.
    skipped: Option<Arc<Mutex<BTreeMap<PathBuf, String>>>>,
}

impl PartialEq for ImageFiles {
    fn eq(&self, other: &ImageFiles) -> bool {
        (&self.paths, &self.labels) == (&other.paths, &other.labels)
    }
}

impl ImageFiles {
    /// An empty list. With `skip_bad`, files that cannot be decoded are noted and done without.
    pub fn new(skip_bad: bool) -> ImageFiles {
        ImageFiles { skipped: skip_bad.then(Arc::default), ..ImageFiles::default() }
    }

    /// Appends a file with the index of its class.
    pub fn push(&mut self, path: PathBuf, label: u16) {
        self.paths.push(path);
        self.labels.push(label);
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Where file `index` is.
    pub fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }

    /// The class of file `index`.
    pub fn label(&self, index: usize) -> u16 {
        self.labels[index]
    }

    /// Keeps `count` files, evenly spread over the list and so over the classes.
    pub fn truncate(&mut self, count: usize) {
        let all = self.len();
        if count >= all {
            return;
        }
        let place = |number: usize| (number as u128 * all as u128 / count as u128) as usize;
        self.paths = (0..count).map(|number| self.paths[place(number)].clone()).collect();
        self.labels = (0..count).map(|number| self.labels[place(number)]).collect();
    }

    /// Reads file `index` into `buffer` and hands what it holds to `decode`. `None` for a bad file that is done without.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or decoded, unless those are to be skipped.
    pub fn with<T>(
        &self,
        index: usize,
        buffer: &mut Vec<u8>,
        decode: impl FnOnce(Encoded) -> Result<T, BadImage>,
    ) -> Result<Option<T>, DataError> {
        let path = self.path(index);
        let decoded = image::read(path, buffer).and_then(|()| decode(Encoded::new(buffer)?));
        match decoded {
            Ok(decoded) => Ok(Some(decoded)),
            Err(bad) => self.skip(path, &bad.to_string()).map(|()| None),
        }
    }

    /// Notes a bad file, with what is wrong with it as the rest of a sentence.
    ///
    /// # Errors
    ///
    /// That sentence, unless bad files are to be skipped.
    pub fn skip(&self, path: &Path, problem: &str) -> Result<(), DataError> {
        let Some(skipped) = &self.skipped else {
            return Err(DataError::Image { path: path.to_path_buf(), problem: problem.to_string() });
        };
        let mut skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.insert(path.to_path_buf(), problem.to_string());
        Ok(())
    }

    /// Proves that every file is whole, on as many threads as there are processors.
    ///
    /// # Errors
    ///
    /// A file that is not, unless those are to be skipped.
    pub fn check_all(&self) -> Result<(), DataError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let every = |first: usize| {
            let mut buffer = Vec::new();
            let mut check = |index| self.with(index, &mut buffer, |file| file.check());
            (first..self.len()).step_by(threads).try_for_each(|index| check(index).map(|_| ()))
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|first| scope.spawn(move || every(first))).collect();
            let join = |worker: ScopedJoinHandle<_>| worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            workers.into_iter().try_for_each(join)
        })
    }

    /// The bad files met so far, each with its reason, sorted by path.
    pub fn skipped(&self) -> Vec<String> {
        let Some(skipped) = &self.skipped else { return Vec::new() };
        let skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.iter().map(|(path, problem)| format!("{} {problem}", path.display())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(count: usize, skip_bad: bool) -> ImageFiles {
        let mut files = ImageFiles::new(skip_bad);
        (0..count).for_each(|number| files.push(PathBuf::from(format!("{number}.jpg")), (number / 10) as u16));
        files
    }

    #[test]
    fn fewer_files_are_spread_over_the_classes() {
        let mut some = files(40, false);
        some.truncate(8);
        assert_eq!((0..8).map(|index| some.label(index)).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
        some.truncate(usize::MAX);
        assert_eq!(some.len(), 8);
        some.truncate(0);
        assert!(some.is_empty());
    }

    #[test]
    fn a_bad_file_ends_the_run_or_is_noted_once() {
        let mut buffer = Vec::new();
        let error = files(3, false).with(1, &mut buffer, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("1.jpg cannot be read") && error.contains("--skip-bad"), "{error}");
        let lenient = files(3, true);
        for index in [2, 1, 1] {
            assert!(lenient.clone().with(index, &mut buffer, |_| Ok(())).unwrap().is_none());
        }
        let skipped = lenient.skipped();
        assert!(skipped.len() == 2 && skipped[0].starts_with("1.jpg cannot be read"), "{skipped:?}");
    }
}
