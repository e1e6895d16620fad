//! Which logit of a file of weights stands for which class of a data set.
//!
//! By name where the weights name their classes, by wnid for those of ImageNet; by number or place only where nothing is
//! named, and then that is said.

use zoo_data::{Dataset, imagenet};

/// Classes that are listed one by one.
const LISTED: usize = 10;

/// The logit of each class of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// The place of each class, by label, among the logits.
    pub places: Vec<usize>,
    /// What a user must know of it: that nothing but place or number decided, and what stands for what.
    pub note: Option<String>,
}

/// The logit of each class of `dataset`, for weights of so many `logits` and the classes that they name, if they do.
///
/// # Errors
/// Where the weights tell other classes apart.
pub fn matching(named: Option<&[String]>, logits: usize, dataset: &Dataset) -> Result<Matching, String> {
    let count = dataset.classes.len();
    let unsaid = |places| Ok(Matching { places, note: None });
    if let Some(names) = named {
        if names.len() != logits {
            return Err(format!(
                "the weights name {} classes but have {logits} outputs: correct zoo.classes",
                names.len()
            ));
        }
        let place = |class: &String| {
            let place = names.iter().position(|name| name == class);
            place.ok_or_else(|| others(logits, dataset, &format!(", such as {class}")))
        };
        return unsaid(dataset.classes.iter().map(place).collect::<Result<_, _>>()?);
    }
    if logits == imagenet::count()
        && let Some(places) = dataset.imagenet_indices()
    {
        return unsaid(places);
    }
    let numbers = numbers(&dataset.classes);
    let (places, by): (Vec<usize>, _) = match numbers {
        Some(numbers) if logits == count => (ranks(&numbers), "place"),
        None if logits == count => ((0..count).collect(), "place"),
        Some(numbers) if numbers.iter().all(|number| *number < logits) => (numbers, "number"),
        _ => return Err(others(logits, dataset, "")),
    };
    let note =
        format!("classes are matched by {by}, because the weights do not name them: {}", listed(&places, dataset));
    Ok(Matching { places, note: Some(note) })
}

/// What there is to say of a classifier that is kept for the classes of `dataset`, to be trained further; it has the place
/// of each class from its own.
pub fn kept(named: Option<&[String]>, logits: usize, dataset: &Dataset) -> Option<String> {
    let in_order: Vec<usize> = (0..dataset.classes.len()).collect();
    match matching(named, logits, dataset) {
        _ if logits != dataset.classes.len() => None,
        Ok(Matching { places, note: None }) if places == in_order => None,
        _ => {
            let names = named.and_then(|names| names.first());
            let there = names.map_or(String::new(), |name| format!(", which was {name} there"));
            let listed = listed(&in_order, dataset);
            Some(format!("its classifier is kept, and classes are matched by place: {listed}{there}"))
        }
    }
}

fn others(logits: usize, dataset: &Dataset, such_as: &str) -> String {
    format!(
        "the weights have {logits} classes, but {} has {} of its own{such_as}: fine-tune them on it first, with \
         `train --weights`",
        dataset.name,
        dataset.classes.len()
    )
}

/// The classes as numbers, where all of them are.
fn numbers(classes: &[String]) -> Option<Vec<usize>> {
    let number = |class: &String| class.bytes().all(|byte| byte.is_ascii_digit()).then(|| class.parse().ok())?;
    classes.iter().map(number).collect()
}

/// The place of each number among all in their order.
fn ranks(numbers: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_key(|label| numbers[*label]);
    let mut ranks = vec![0; numbers.len()];
    order.into_iter().enumerate().for_each(|(rank, label)| ranks[label] = rank);
    ranks
}

/// Logits in order with their classes.
fn listed(places: &[usize], dataset: &Dataset) -> String {
    let mut pairs: Vec<(usize, &String)> = places.iter().copied().zip(&dataset.classes).collect();
    pairs.sort();
    let say = |(place, class): &(usize, &String)| format!("logit {place} is {class}");
    match pairs.split_last() {
        Some((last, _)) if pairs.len() > LISTED + 1 => {
            let first: Vec<String> = pairs[..LISTED].iter().map(say).collect();
            format!("{}, and so on to {}", first.join(", "), say(last))
        }
        _ => pairs.iter().map(say).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoo_data::synthetic;

    fn dataset(classes: &[&str]) -> Dataset {
        let classes = classes.iter().map(|class| class.to_string()).collect();
        Dataset { name: "folder:x".into(), classes, ..synthetic::generate(0, 1, 1, 8, 1) }
    }

    fn names(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|class| class.to_string()).collect()
    }

    #[test]
    fn numbers_are_matched_in_their_order_whatever_the_folders_order() {
        let sorted_as_text = dataset(&["1", "10", "2", "3", "4", "5", "6", "7", "8", "9"]);
        let found = matching(None, 10, &sorted_as_text).unwrap();
        assert_eq!(found.places, [0, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
        let note = found.note.unwrap();
        assert!(note.contains("by place") && note.contains("logit 0 is 1, logit 1 is 2, logit 2 is 3"), "{note}");
        assert!(note.ends_with("logit 9 is 10"), "{note}");
    }

    #[test]
    fn a_thousand_nameless_logits_are_indices() {
        let all: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let mut all: Vec<&str> = all.iter().map(String::as_str).collect();
        all.sort_unstable();
        let found = matching(None, 1000, &dataset(&all)).unwrap();
        assert!(found.places.iter().zip(&all).all(|(place, name)| place.to_string() == **name));
        let note = found.note.unwrap();
        assert!(note.ends_with("logit 9 is 9, and so on to logit 999 is 999"), "{note}");
        let some = matching(None, 1000, &dataset(&["217", "3"])).unwrap();
        assert_eq!(some.places, [217, 3]);
        assert!(some.note.unwrap().contains("by number"));
        assert!(matching(None, 10, &dataset(&["217", "3"])).is_err());
    }

    #[test]
    fn place_alone_is_said_and_names_must_be_the_same() {
        let three = dataset(&["apple", "bread", "cake"]);
        let found = matching(None, 3, &three).unwrap();
        assert_eq!(found.places, [0, 1, 2]);
        assert!(found.note.unwrap().contains("logit 2 is cake"));
        let error = matching(Some(&names(&["cat", "cow", "dog"])), 3, &three).unwrap_err();
        assert!(error.contains("3 of its own, such as apple"), "{error}");
        let turned = matching(Some(&names(&["cake", "apple", "bread"])), 3, &three).unwrap();
        assert_eq!(turned, Matching { places: vec![1, 2, 0], note: None });
        assert!(matching(Some(&names(&["cat"])), 3, &three).unwrap_err().contains("zoo.classes"));
        assert!(matching(None, 4, &three).is_err());
    }

    #[test]
    fn a_classifier_that_is_kept_for_other_classes_is_said() {
        let two = dataset(&["cat", "dog"]);
        assert_eq!(kept(Some(&names(&["cat", "dog"])), 2, &two), None);
        assert_eq!(kept(None, 5, &two), None);
        for named in [None, Some(names(&["dog", "cat"])), Some(names(&["oak", "fir"]))] {
            let said = kept(named.as_deref(), 2, &two).unwrap();
            assert!(said.contains("by place: logit 0 is cat, logit 1 is dog"), "{said}");
        }
    }
}
