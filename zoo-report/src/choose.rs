//! The most accurate network under a time budget, on one machine, of what the tables hold.
//!
//! What papers print and what was measured here is ranked apart: a question is answered by one of them.

use std::path::{Path, PathBuf};

use zoo_core::Registry;

pub use super::accuracies::Measured;
use super::candidate::{self, candidates, datasets, front, networks, source};
pub use super::candidate::{Candidate, Target, Wanted, said};
use super::figures::engines;
pub use super::network::{Network, dataset_title};
pub use super::observation::Kind;
use super::page::Drawn;
use super::rows::Rows;
use super::{ReportError, raster, read, theme};
use zoo_host::words::{counted, listed};
use zoo_results::timed::NOISY;

/// How many networks are named behind the first.
pub const NEXT: usize = 3;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The machine.
    pub target: Target,
    /// The data set of the accuracies; none for the one that a reader knows best.
    pub dataset: Option<String>,
    /// What is ranked by; none for what more networks have.
    pub by: Option<Kind>,
    /// Milliseconds that the median may take.
    pub budget_ms: f64,
    /// The only engine; none for any.
    pub engine: Option<String>,
    /// The only number format; none for any.
    pub dtype: Option<String>,
    /// Accuracy in percent, at least.
    pub min_accuracy: Option<f64>,
    /// Peak resident memory in MiB, at most.
    pub memory_mb: Option<f64>,
    /// The command that measures what is missing, for sentences.
    pub measure: String,
}

/// What the tables say.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The data set of the accuracies.
    pub dataset: String,
    /// What was ranked by.
    pub by: Kind,
    /// The most accurate one, and those behind it, of one network the fastest; never empty.
    pub best: Vec<Candidate>,
    /// Over all engines and number formats, those than which none is faster and at least as accurate, the fastest first.
    pub front: Vec<Candidate>,
    /// Sentences on what the figures are, and on what was left out.
    pub notes: Vec<String>,
    /// All that were ranked.
    pub ranked: Vec<Candidate>,
    /// The budget.
    pub budget_ms: f64,
    /// The machine.
    pub target: Target,
}

/// Why nothing is chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// The tables cannot be read, or the figure cannot be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// No row has an accuracy on it.
    #[error("no row has an accuracy on the data set `{name}`; those that have one are of {known}")]
    Dataset {
        /// What was asked for.
        name: String,
        /// Those that rows have.
        known: String,
    },
    /// No table has an accuracy.
    #[error("no table has an accuracy: give the folder of results with --results, or train a network first")]
    NoAccuracy,
    /// Nothing was timed on this machine in this way.
    #[error("{what} in latency.csv is of this machine ({machine}): measure first, with `{measure}`")]
    NoLatency {
        /// What is not there.
        what: String,
        /// The machine and how it runs networks.
        machine: String,
        /// The command that does.
        measure: String,
    },
    /// What was timed has no accuracy.
    #[error("of what was timed on this machine ({timed}), {accuracy}: {way}")]
    NotRanked {
        /// How many networks, in words.
        timed: String,
        /// What is missing.
        accuracy: String,
        /// What to do about it.
        way: String,
    },
    /// The budget is too small.
    #[error("no network meets {budget} ms on this machine: the fastest is {fastest}, with {ms:.3} ms")]
    TooSlow {
        /// In milliseconds.
        budget: f64,
        /// What comes nearest.
        fastest: String,
        /// Its time.
        ms: f64,
    },
    /// The memory is too little.
    #[error("no network under {budget} ms is known to take at most {limit} MiB: the smallest is {smallest}")]
    TooLarge {
        /// In milliseconds.
        budget: f64,
        /// In MiB.
        limit: f64,
        /// What comes nearest, with its memory.
        smallest: String,
    },
    /// The accuracy is not reached.
    #[error("no network under {budget} ms has {wanted} %: the most accurate is {best}, with {top1:.2} %")]
    TooInaccurate {
        /// In milliseconds.
        budget: f64,
        /// In percent.
        wanted: f64,
        /// What comes nearest.
        best: String,
        /// Its accuracy.
        top1: f64,
    },
}

/// Answers `question` from the tables at `paths`.
///
/// # Errors
/// Where the tables cannot be read, or hold no answer.
pub fn choose(paths: &[PathBuf], registry: &Registry, question: &Question) -> Result<Answer, ChooseError> {
    let rows = read::read(paths, registry)?;
    let dataset = question.dataset(&rows)?;
    let timed = candidates(&rows, registry, &question.target, &dataset);
    answer(question, dataset, timed)
}

/// The networks that have an accuracy of the kind that `question` ranks by, the most accurate first.
///
/// # Errors
/// Where the tables cannot be read, or have no such data set.
pub fn wanted(paths: &[PathBuf], registry: &Registry, question: &Question) -> Result<Vec<Wanted>, ChooseError> {
    let rows = read::read(paths, registry)?;
    let dataset = question.dataset(&rows)?;
    Ok(candidate::wanted(&rows, registry, &dataset, question.by))
}

/// Ranks what was timed.
fn answer(question: &Question, dataset: String, timed: Vec<Candidate>) -> Result<Answer, ChooseError> {
    let Question { target, budget_ms, measure, .. } = question;
    if timed.is_empty() {
        return Err(question.not_timed("no row", ""));
    }
    let by = question.by.unwrap_or_else(|| source(&timed));
    let (ranked, unranked): (Vec<Candidate>, Vec<Candidate>) =
        timed.into_iter().partition(|candidate| candidate.top1(by).is_some());
    let front = front(&ranked, by);
    let mine: Vec<&Candidate> = ranked.iter().filter(|candidate| question.may_be(candidate)).collect();
    if mine.is_empty() {
        if !unranked.iter().any(|candidate| question.may_be(candidate)) {
            return Err(question.not_timed("no row", &question.restriction()));
        }
        let timed = counted(networks(&unranked) as u64, "network");
        let accuracy = format!("no accuracy on {} is {}", dataset_title(&dataset), said(by));
        let is_quantized = unranked.iter().filter(|candidate| question.may_be(candidate)).all(Candidate::is_quantized);
        let way = if is_quantized {
            "of a quantized network it is measured, by `zoo-train eval --weights FILE --results DIR`".into()
        } else {
            format!("`{measure}` times networks that have one")
        };
        return Err(ChooseError::NotRanked { timed, accuracy, way });
    }
    let best: Vec<Candidate> = question.best(&mine, by)?.into_iter().cloned().collect();
    let notes = notes(&ranked, &unranked, &best, by);
    Ok(Answer { dataset, by, best, front, notes, ranked, budget_ms: *budget_ms, target: target.clone() })
}

impl Question {
    /// The data set that is asked for, where the tables have it.
    fn dataset(&self, rows: &Rows) -> Result<String, ChooseError> {
        let known = datasets(rows);
        match &self.dataset {
            Some(name) if known.contains(name) => Ok(name.clone()),
            Some(name) if !known.is_empty() => {
                Err(ChooseError::Dataset { name: name.clone(), known: listed(&known, "and") })
            }
            _ => known.first().cloned().ok_or(ChooseError::NoAccuracy),
        }
    }

    fn may_be(&self, candidate: &Candidate) -> bool {
        self.engine.as_ref().is_none_or(|engine| *engine == candidate.engine)
            && self.dtype.as_ref().is_none_or(|dtype| *dtype == candidate.dtype)
    }

    /// The engine and the numbers that are asked for, in words.
    fn restriction(&self) -> String {
        let engine = self.engine.as_ref().map(|engine| format!(" on {engine}")).unwrap_or_default();
        let dtype = self.dtype.as_ref().map(|dtype| format!(" in {dtype}")).unwrap_or_default();
        format!("{engine}{dtype}")
    }

    fn not_timed(&self, what: &str, restriction: &str) -> ChooseError {
        ChooseError::NoLatency {
            what: format!("{what}{restriction}"),
            machine: self.target.to_string(),
            measure: self.measure.clone(),
        }
    }

    /// Those that meet all limits, the most accurate first.
    fn best<'a>(&self, all: &[&'a Candidate], by: Kind) -> Result<Vec<&'a Candidate>, ChooseError> {
        let budget = self.budget_ms;
        let mut left: Vec<&Candidate> = all.iter().copied().filter(|candidate| candidate.p50_ms <= budget).collect();
        if left.is_empty() {
            let fastest = all.iter().min_by(|one, other| one.p50_ms.total_cmp(&other.p50_ms));
            let (fastest, ms) = fastest.map_or_else(Default::default, |one| (one.title(), one.p50_ms));
            return Err(ChooseError::TooSlow { budget, fastest, ms });
        }
        if let Some(limit) = self.memory_mb {
            let smallest = smallest(&left);
            left.retain(|candidate| candidate.peak_mb.is_some_and(|peak| peak <= limit));
            if left.is_empty() {
                return Err(ChooseError::TooLarge { budget, limit, smallest });
            }
        }
        let top1 = |candidate: &Candidate| candidate.top1(by).unwrap_or(0.0);
        left.sort_by(|one, other| top1(other).total_cmp(&top1(one)).then(one.p50_ms.total_cmp(&other.p50_ms)));
        let mut best: Vec<&Candidate> = Vec::new();
        for candidate in left {
            // The same network on a slower engine is no other choice.
            if !best.iter().any(|other| other.network.identity() == candidate.network.identity()) {
                best.push(candidate);
            }
        }
        best.truncate(1 + NEXT);
        match (self.min_accuracy, best.first()) {
            (Some(wanted), Some(first)) if top1(first) < wanted => {
                Err(ChooseError::TooInaccurate { budget, wanted, best: first.title(), top1: top1(first) })
            }
            (wanted, _) => {
                best.retain(|candidate| wanted.is_none_or(|wanted| top1(candidate) >= wanted));
                Ok(best)
            }
        }
    }
}

/// The one with the least memory, in words.
fn smallest(candidates: &[&Candidate]) -> String {
    let known = candidates.iter().filter_map(|candidate| Some((candidate.peak_mb?, candidate)));
    let least = known.min_by(|one, other| one.0.total_cmp(&other.0));
    least.map_or_else(
        || "not known, as no row says its memory".into(),
        |(peak, candidate)| format!("{}, with {peak:.0} MiB", candidate.title()),
    )
}

fn notes(ranked: &[Candidate], unranked: &[Candidate], best: &[Candidate], by: Kind) -> Vec<String> {
    let mut notes = Vec::new();
    let is_published = by == Kind::Published;
    if is_published && ranked.iter().any(Candidate::is_quantized) {
        notes.push(
            "Of a quantized network, the rank is by the published accuracy less the drop that was measured here."
                .into(),
        );
    }
    let is_rounded = |candidate: &&Candidate| candidate.dtype == "bf16" && candidate.drop.is_none();
    if ranked.iter().any(|candidate| is_rounded(&candidate)) {
        notes.push("bf16 is taken to be as accurate as f32 where no row of deployed.csv says otherwise.".into());
    }
    let quantized = unranked.iter().filter(|candidate| candidate.is_quantized()).count();
    if quantized > 0 {
        let rows = counted(quantized as u64, "row");
        notes.push(format!(
            "{rows} in int8 are left out: no row of deployed.csv tells the accuracy of the quantized network."
        ));
    }
    let others = unranked.len() - quantized;
    if others > 0 {
        let rows = counted(others as u64, "row");
        notes.push(format!("{rows} of networks without an accuracy that was {} are left out.", said(by)));
    }
    for candidate in best.iter().filter(|candidate| candidate.noise.is_some_and(|noise| noise > NOISY)) {
        let noise = candidate.noise.unwrap_or_default();
        notes.push(format!("The time of {} is noisy ({noise:.1} %): measure it again.", candidate.title()));
    }
    notes
}

/// Draws the candidates of `answer` into the file `path`, as PNG where its name says so, and else as SVG.
///
/// # Errors
/// Where there is nothing to draw, or the file cannot be written.
pub fn draw(answer: &Answer, path: &Path) -> Result<(), ChooseError> {
    let name = || path.display().to_string();
    let fail = |problem: String| ReportError::Figure { figure: name(), problem };
    let figure = engines::accuracy(&answer.dataset, &answer.target, &answer.ranked, answer.by, Some(answer.budget_ms));
    let figure = figure.ok_or_else(|| fail("there are fewer than two points".into()))?;
    let drawn = Drawn::new(figure).map_err(|(_, problem)| fail(problem))?;
    let is_png = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let bytes = if is_png {
        raster::png(&theme::plain(&drawn.wide)).map_err(fail)?
    } else {
        theme::standalone(&drawn.wide).into_bytes()
    };
    Ok(super::file(path, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(width: f64, engine: &str, ms: f64, top1: Option<f64>) -> Candidate {
        Candidate {
            place: 0,
            network: Network::new(&Registry::default(), "mobilenet-v2", (width, 1.0, 224), "native"),
            engine: engine.into(),
            dtype: "f32".into(),
            p50_ms: ms,
            noise: Some(7.0),
            peak_mb: None,
            macs: None,
            published: top1,
            measured: None,
            drop: None,
        }
    }

    fn question(budget_ms: f64) -> Question {
        Question {
            target: Target::default(),
            dataset: None,
            by: None,
            budget_ms,
            engine: None,
            dtype: None,
            min_accuracy: None,
            memory_mb: None,
            measure: "measure".into(),
        }
    }

    fn asked(question: &Question, timed: Vec<Candidate>) -> Result<Answer, String> {
        answer(question, "imagenet".into(), timed).map_err(|error| error.to_string())
    }

    #[test]
    fn a_network_is_named_once_and_only_the_next_three_follow() {
        let widths = [0.25, 0.5, 0.75, 1.0, 1.4, 2.0];
        let mut timed: Vec<Candidate> =
            widths.iter().map(|width| candidate(*width, "zoo", 10.0 * width, Some(70.0 + width))).collect();
        timed.push(candidate(1.0, "openvino", 9.0, Some(71.0)));
        let found = asked(&question(15.0), timed).unwrap();
        let best: Vec<(f64, f64)> = found.best.iter().map(|one| (one.network.width, one.p50_ms)).collect();
        assert_eq!(best, [(1.4, 14.0), (1.0, 9.0), (0.75, 7.5), (0.5, 5.0)]);
        assert_eq!(found.front.len(), 6);
        assert!(found.notes[0].contains("is noisy (7.0 %)"), "{:?}", found.notes);
    }

    #[test]
    fn a_limit_that_nothing_meets_is_answered_with_what_comes_nearest() {
        let timed = || vec![candidate(1.0, "zoo", 7.0, Some(71.0)), candidate(0.5, "zoo", 3.0, None)];
        let said = |question: Question| asked(&question, timed()).unwrap_err();
        assert!(said(question(5.0)).ends_with("the fastest is mobilenet-v2, 224 px, on zoo in f32, with 7.000 ms"));
        let large = said(Question { memory_mb: Some(50.0), ..question(10.0) });
        assert!(large.ends_with("the smallest is not known, as no row says its memory"), "{large}");
        let measured = said(Question { by: Some(Kind::Measured), ..question(10.0) });
        assert!(measured.contains("(2 networks), no accuracy on ImageNet is measured here: `measure`"), "{measured}");
    }
}
