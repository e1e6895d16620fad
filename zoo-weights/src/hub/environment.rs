//! What the environment says of the hub, by the variables of Python's tools.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zoo_core::regular_file;

use super::Hub;
use zoo_data::download::Patience;
use zoo_host::paths;

/// A token is shorter.
const LONGEST_TOKEN: u64 = 4096;
/// What Python's tools take for yes.
const YES: [&str; 4] = ["1", "ON", "YES", "TRUE"];

impl Hub {
    /// As the environment says it: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HF_TOKEN`, `HF_TOKEN_PATH`,
    /// `HF_HUB_DISABLE_IMPLICIT_TOKEN`, `HF_HUB_OFFLINE`, `HF_HUB_ETAG_TIMEOUT` and `HF_HUB_DOWNLOAD_TIMEOUT`.
    pub fn from_environment() -> Hub {
        Hub::from(|name| env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty()), paths::expand)
    }

    fn from(variable: impl Fn(&str) -> Option<String>, expand: impl Fn(String) -> PathBuf) -> Hub {
        let path = |name: &str| variable(name).map(&expand);
        let caches = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        let hub_home = path("HF_HOME").or_else(|| Some(caches?.join("huggingface")));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let cache = cache.or_else(|| Some(hub_home.as_ref()?.join("hub")));
        let cache = cache.ok_or_else(|| "neither HF_HUB_CACHE, HF_HOME nor HOME says where to keep files".to_string());
        let is_on = |name: &str| variable(name).is_some_and(|value| YES.contains(&value.to_uppercase().as_str()));
        let named = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].into_iter().find_map(|name| {
            let token = variable(name)?.trim().to_string();
            Some((token, name.to_string())).filter(|(token, _)| !token.is_empty())
        });
        let stored = path("HF_TOKEN_PATH").or_else(|| Some(hub_home?.join("token")));
        let token = named.or_else(|| token_in(&stored?)).filter(|_| !is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        let seconds = |name: &str| {
            let seconds = variable(name)?.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
            seconds.map(Duration::from_secs_f64)
        };
        // Ten seconds each, as Python's tools.
        let ten = Duration::from_secs(10);
        let patience = Patience {
            answer: seconds("HF_HUB_ETAG_TIMEOUT").unwrap_or(ten),
            silence: seconds("HF_HUB_DOWNLOAD_TIMEOUT").unwrap_or(ten),
            ..Patience::default()
        };
        Hub {
            endpoint: variable("HF_ENDPOINT").unwrap_or("https://huggingface.co".into()).trim_end_matches('/').into(),
            cache,
            token,
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
            patience,
        }
    }
}

fn token_in(path: &Path) -> Option<(String, String)> {
    let token = String::from_utf8(regular_file::read(path, LONGEST_TOKEN).ok()?).ok()?.trim().to_string();
    Some((token, path.display().to_string())).filter(|(token, _)| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Hub {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Hub::from(value, |path| PathBuf::from(path.replace('~', "/h")))
    }

    #[test]
    fn the_cache_is_where_pythons_tools_have_it() {
        let cache = |variables: &[(&str, &str)]| hub(variables).cache;
        let is = |path: &str| Ok(PathBuf::from(path));
        let home = ("HOME", "/h");
        assert_eq!(cache(&[home]), is("/h/.cache/huggingface/hub"));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "~/x")]), is("/h/x/huggingface/hub"));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), is("/h/hf/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "~/c")]), is("/h/c"));
        assert!(cache(&[]).unwrap_err().contains("HF_HOME"));
    }

    #[test]
    fn the_token_is_of_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let token = |variables: &[(&str, &str)]| hub(variables).token.map(|(token, _)| token);
        assert_eq!(token(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN", " hf_named\n")]).as_deref(), Some("hf_named"));
        let path = format!("{home}/token");
        assert_eq!(token(&[("HF_HOME", "/nowhere"), ("HF_TOKEN_PATH", &path)]).as_deref(), Some("hf_file"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(token(&[("HF_HOME", "/nowhere")]), None);
    }

    #[test]
    fn words_for_yes_are_pythons() {
        assert!(["1", "yes", "TRUE", "on"].iter().all(|yes| hub(&[("HF_HUB_OFFLINE", yes)]).offline));
        assert!(["0", "no", "false"].iter().all(|no| !hub(&[("HF_HUB_OFFLINE", no)]).offline));
        assert_eq!(hub(&[("HF_ENDPOINT", "http://x/")]).endpoint, "http://x");
        assert_eq!(hub(&[("HF_HUB_DOWNLOAD_TIMEOUT", "2")]).patience.silence, Duration::from_secs(2));
    }
}
