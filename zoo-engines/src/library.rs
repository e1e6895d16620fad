//! Where the libraries of engines are.
//!
//! The usual environment variable of an engine says it; else it is where `setup.sh --engines` lays libraries out, in
//! `engines/` of the cache.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

use zoo_host::paths;

use super::EngineError;

/// How the library of an engine is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library {
    /// The engine.
    pub engine: &'static str,
    /// The environment variable that names it.
    pub variable: &'static str,
    /// What the variable holds.
    pub what: &'static str,
    /// Its name without a version.
    pub file: &'static str,
    /// Where it may be in a folder that the variable names.
    pub folders: &'static [&'static str],
    /// Its folder in the cache.
    pub folder: &'static str,
}

impl Library {
    /// The library's file.
    ///
    /// # Errors
    /// Where the variable names something that is not there, or there is none at all.
    pub fn find(&self) -> Result<PathBuf, EngineError> {
        let named = env::var_os(self.variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.find_in(named, paths::cache().ok())
    }

    fn find_in(&self, named: Option<PathBuf>, cache: Option<PathBuf>) -> Result<PathBuf, EngineError> {
        if let Some(named) = named {
            return self.at(&named).ok_or_else(|| self.wrong(&named, "there is no such library".into()));
        }
        let laid_out = cache.and_then(|cache| self.at(&cache.join("engines").join(self.folder)));
        laid_out.ok_or(EngineError::Absent { engine: self.engine, variable: self.variable, what: self.what })
    }

    /// The library at `path` cannot be used.
    pub fn wrong(&self, path: &Path, problem: String) -> EngineError {
        EngineError::Library { engine: self.engine, path: path.into(), problem, variable: self.variable }
    }

    /// The library at a path, which is the file or a folder around it.
    fn at(&self, path: &Path) -> Option<PathBuf> {
        if path.is_file() {
            return Some(path.into());
        }
        self.folders.iter().find_map(|folder| self.within(&path.join(folder)))
    }

    /// The library in a folder. Wheels have it with its version alone, as in `libonnxruntime.so.1.32.0`.
    fn within(&self, folder: &Path) -> Option<PathBuf> {
        let plain = folder.join(self.file);
        if plain.is_file() {
            return Some(plain);
        }
        let versioned = format!("{}.", self.file);
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&versioned)))
            .collect();
        found.sort();
        found.pop()
    }
}

/// Opens the library at `path`, which must have all of `functions`. It stays open: an engine opens it again, and nothing of it
/// may be unloaded meanwhile.
pub(crate) fn open(path: &Path, functions: &[&str]) -> Result<&'static libloading::Library, String> {
    // SAFETY: the libraries that engines open run nothing but their own initialisation.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| match error.source() {
        Some(why) => why.to_string(),
        None => error.to_string(),
    })?;
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // SAFETY: no function is called here.
    let lacks = |name: &&&str| unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) }.is_err();
    match functions.iter().find(lacks) {
        Some(missing) => Err(format!("it has no function {missing}")),
        None => Ok(library),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LIBRARY: Library = Library {
        engine: "Some Engine",
        variable: "SOME_LIBRARY",
        what: "its library",
        file: "libsome.so",
        folders: &["", "lib"],
        folder: "some",
    };

    #[test]
    fn the_variable_wins_over_the_cache_and_may_name_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let own = folder.path().join("own");
        for (place, name) in [(cache.join("engines/some"), "libsome.so.1.2"), (own.join("lib"), "libsome.so")] {
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(name), "").unwrap();
        }
        let found = |named: Option<PathBuf>| LIBRARY.find_in(named, Some(cache.clone())).unwrap();
        assert_eq!(found(None), cache.join("engines/some/libsome.so.1.2"));
        assert_eq!(found(Some(own.clone())), own.join("lib/libsome.so"));
        assert_eq!(found(Some(own.join("lib/libsome.so"))), own.join("lib/libsome.so"));
    }

    #[test]
    fn what_is_missing_is_told_with_the_way_out() {
        let absent = LIBRARY.find_in(None, None).unwrap_err().to_string();
        assert_eq!(
            absent,
            "Some Engine is not installed: ./setup.sh --engines gets it, or let SOME_LIBRARY name its library"
        );
        let wrong = LIBRARY.find_in(Some("/nowhere".into()), None).unwrap_err().to_string();
        assert_eq!(
            wrong,
            "Some Engine in /nowhere cannot be used: there is no such library; leave SOME_LIBRARY unset and run \
             ./setup.sh --engines, or let it name another"
        );
    }

    #[test]
    fn a_library_of_something_else_is_told_by_what_it_lacks() {
        let mathematics = Path::new("libm.so.6");
        assert!(open(mathematics, &["cos", "sin"]).is_ok());
        assert_eq!(open(mathematics, &["cos", "ov_core_create"]).unwrap_err(), "it has no function ov_core_create");
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("libsome.so");
        fs::write(&text, "no library").unwrap();
        assert!(open(&text, &[]).unwrap_err().contains("libsome.so"));
    }
}
