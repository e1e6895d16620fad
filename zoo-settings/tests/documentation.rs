//! `docs/settings.md` is made from the description of the settings, and every shipped recipe is accepted.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use zoo_settings::{Form, SECTIONS, SETTINGS, Settings, documentation};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

#[test]
fn the_guide_lists_every_setting() {
    let path = root().join("docs/settings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, documentation()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(
        found == documentation(),
        "docs/settings.md is old: UPDATE_DOCS=1 cargo test -p zoo-settings writes it anew"
    );
}

#[test]
fn no_two_sections_have_a_key_in_common() {
    let mut keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), SETTINGS.len());
    assert!(SETTINGS.iter().all(|setting| SECTIONS.iter().any(|section| section.name == setting.section)));
}

/// What a flag offers is what a file may say, no less and no more.
#[test]
fn choices_are_those_of_their_types() {
    let settings = Settings::layered(None, Table::new()).unwrap().0;
    for setting in SETTINGS {
        let Form::Choice(words) = setting.form else { continue };
        for word in words {
            settings.with(setting.key, Value::String((*word).into())).unwrap();
        }
        let refused = settings.with(setting.key, Value::String("nonsense".into())).unwrap_err().to_string();
        let named =
            refused.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| words.contains(word)).count();
        // Some messages name nobody's words twice; none may leave one out.
        assert!(named >= words.len(), "{}: {refused}", setting.key);
    }
}

#[test]
fn what_changes_a_result_changes_the_hash() {
    let flags: Table = "model = 'a'".parse().unwrap();
    let settings = Settings::layered(None, flags).unwrap().0;
    let usual = settings.hash();
    for (key, value) in [("bn_eps", "0.5"), ("extended_from", "[3]"), ("patience", "7"), ("std", "[0.1, 0.2, 0.3]")] {
        let value: Table = format!("x = {value}").parse().unwrap();
        let other = settings.with(key, value["x"].clone()).unwrap();
        assert_ne!(other.hash(), usual, "{key}");
    }
    for key in ["threads", "workers", "checkpoint_every", "keep"] {
        let other = settings.with(key, Value::Integer(7)).unwrap();
        assert_eq!(other.hash(), usual, "{key}");
    }
}

#[test]
fn shipped_recipes_are_read_and_in_range() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            let (settings, _) = Settings::layered(Some((&path, &text)), Table::new()).unwrap();
            // The probe of a fine-tuning wants weights, which a flag gives.
            let lacks_weights = |problem: &str| problem.contains("--weights");
            let checked = settings.check_values().map_err(|error| error.to_string());
            assert!(
                checked.as_ref().err().is_none_or(|problem| lacks_weights(problem)),
                "{}: {checked:?}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count >= 10, "{count}");
}
