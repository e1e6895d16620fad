//! Lists of some classes: text files with one class a line, `#` before a comment.

use std::collections::BTreeSet;
use std::path::Path;

use zoo_core::regular_file;

use crate::DataError;

/// Reads the classes that the file at `path` lists, sorted, as class folders are.
///
/// # Errors
///
/// Where it cannot be read, lists nothing, lists a class twice, or has two words in a line.
pub fn read(path: &Path) -> Result<Vec<String>, DataError> {
    let text = regular_file::read_text(path).map_err(|error| format!("cannot be read ({error})"));
    text.and_then(|text| parse(&text)).map_err(|problem| DataError::Subset { path: path.to_path_buf(), problem })
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut classes = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.split_whitespace().count() > 1 {
            return Err(format!("has more than one word in line {number} (`{line}`): write one class per line"));
        }
        if !line.is_empty() && !classes.insert(line.to_string()) {
            return Err(format!("lists {line} a second time in line {number}"));
        }
    }
    if classes.is_empty() {
        return Err("lists no classes".to_string());
    }
    Ok(classes.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imagenet;

    #[test]
    fn a_list_has_one_class_a_line_and_comments() {
        assert_eq!(parse("# ten\n\n n2 # two\r\nn1\n"), Ok(vec!["n1".to_string(), "n2".to_string()]));
        assert_eq!(
            parse("n1\nn2 tench\n").unwrap_err(),
            "has more than one word in line 2 (`n2 tench`): write one class per line"
        );
        assert_eq!(parse("n1\n\nn1\n").unwrap_err(), "lists n1 a second time in line 3");
        assert_eq!(parse("# nothing\n").unwrap_err(), "lists no classes");
    }

    #[test]
    fn the_lists_that_are_shipped_name_ten_classes_of_imagenet() {
        let imagenette = include_str!("../../../configs/subsets/imagenette.txt");
        let imagewoof = include_str!("../../../configs/subsets/imagewoof.txt");
        for text in [imagenette, imagewoof] {
            let classes = parse(text).unwrap();
            assert_eq!(classes.len(), 10);
            for line in text.lines().filter(|line| line.starts_with('n')) {
                let (wnid, name) = line.split_once("  # ").unwrap();
                assert_eq!(imagenet::index(wnid).and_then(imagenet::name), Some(name));
            }
        }
    }
}
