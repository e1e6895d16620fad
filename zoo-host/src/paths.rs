//! Where files are: what `~` stands for, and the folder of caches.
//!
//! A shell expands `~` only at the beginning of a word, so `--data-dir=~/x` and `folder:~/x` come to us as they were typed.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Nothing says where caches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither HOME nor XDG_CACHE_HOME is set to an absolute path; set one of them, or name the folder with --data-dir"
)]
pub struct NoHome;

/// The path with a leading `~` replaced by `$HOME`, as shells do. Without a home, and for `~somebody`, it stays as it is.
pub fn expand(path: impl AsRef<Path>) -> PathBuf {
    expand_with(path.as_ref(), env::var_os("HOME"))
}

/// The folder of the zoo's caches: `zoo` in `$XDG_CACHE_HOME`, by default `~/.cache/zoo`.
///
/// # Errors
///
/// Where neither is set. `setup.sh` refuses that too; a folder beside where the command was started would not be found
/// again.
pub fn cache() -> Result<PathBuf, NoHome> {
    cache_from(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
}

fn expand_with(path: &Path, home: Option<OsString>) -> PathBuf {
    match (path.strip_prefix("~"), home.filter(|home| !home.is_empty())) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => PathBuf::from(home),
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_path_buf(),
    }
}

/// As the XDG convention has it, an empty or relative `XDG_CACHE_HOME` does not count.
fn cache_from(cache: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, NoHome> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute(cache).or_else(|| absolute(home).map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("zoo")).ok_or(NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_follows_xdg_then_home() {
        let path = |cache: Option<&str>, home: Option<&str>| cache_from(cache.map(Into::into), home.map(Into::into));
        assert_eq!(path(Some("/c"), Some("/h")), Ok(PathBuf::from("/c/zoo")));
        assert_eq!(path(Some(""), Some("/h")), Ok(PathBuf::from("/h/.cache/zoo")));
        assert_eq!(path(Some("relative"), Some("/h")), Ok(PathBuf::from("/h/.cache/zoo")));
        for home in [None, Some(""), Some("relative")] {
            assert_eq!(path(None, home), Err(NoHome));
        }
    }

    #[test]
    fn a_tilde_is_the_home_and_nothing_else_is() {
        let path = |path: &str, home: Option<&str>| expand_with(Path::new(path), home.map(Into::into));
        assert_eq!(path("~", Some("/h")), PathBuf::from("/h"));
        assert_eq!(path("~/x/y", Some("/h")), PathBuf::from("/h/x/y"));
        for same in ["~else/x", "x/~/y", "x~", "/~", ""] {
            assert_eq!(path(same, Some("/h")), PathBuf::from(same));
        }
        assert_eq!(path("~/x", None), PathBuf::from("~/x"));
        assert_eq!(path("~/x", Some("")), PathBuf::from("~/x"));
    }
}
