//! Finding methods by what they are for: BM25 over what services say of their methods. Asked by the registry, which says what
//! may be found. Everything is counted over that and nothing else: how rare a word is and how long descriptions are
//! is another order of the same methods, in which those that were left out must never show. THREAT[SEC-05]

mod index;
mod term;
mod vocabulary;

pub(crate) use index::MethodIndex;

use crate::offer::Method;
use sandgate_policy::{Effect, Outlook, Verdict};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// Found at once, however many are asked for: more than a model reads before it asks again.
pub const MOST_FOUND: usize = 50;
/// What is read of a query, in characters. All but a handful of the requests of tests/corpora/search are shorter.
const LONGEST_QUERY: usize = 2_000;
/// Different terms of a query; the rest of it says little more.
const MOST_TERMS: usize = 64;
/// What a term counts that stands for another.
const ALIKE: f64 = 0.3;
/// BM25's own: how soon it is enough of a term, and how much longer texts are held against their methods.
const ENOUGH: f64 = 1.2;
const BY_LENGTH: f64 = 0.75;

/// A method that was searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MethodFound {
    /// The service.
    pub service: String,
    /// The method, as its document spells it.
    pub method: String,
    /// What it is called in Python.
    pub python: String,
    /// What a model reads of it: how it is called, what it is for, and what becomes of its calls.
    pub line: String,
    /// What calling it does.
    pub effect: Effect,
    /// What can become of a call, from best to worst. Nothing where no policies were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
}

/// A service whose methods may be found, with what can become of their calls where policies were asked.
pub(crate) struct Searched {
    pub(crate) index: Arc<MethodIndex>,
    pub(crate) outlooks: Option<Vec<Outlook>>,
}

/// A method that may be found.
struct Candidate<'s> {
    method: &'s Method,
    outlook: Option<&'s Outlook>,
    length: f64,
}

/// The methods that may be found: what everything is counted over.
struct Candidates<'s> {
    all: Vec<Candidate<'s>>,
    /// For each service, which candidate the method at a place is.
    services: Vec<(&'s MethodIndex, Vec<Option<usize>>)>,
    average: f64,
}

/// At most so many methods, the best first.
pub(crate) fn search(searched: &[Searched], query: &str, most: usize) -> Vec<MethodFound> {
    let candidates = Candidates::of(searched);
    let mut scores = vec![0.0; candidates.all.len()];
    for term in terms(query) {
        candidates.score(&term, &mut scores);
    }
    let mut found: Vec<(f64, &Candidate<'_>)> = scores.into_iter().zip(&candidates.all).collect();
    found.retain(|(score, _)| *score > 0.0);
    // Candidates are in the order of their names, and stay in it where their scores are the same.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.truncate(most.min(MOST_FOUND));
    found.into_iter().map(|(_, found)| found.shown()).collect()
}

/// What a query asks for, each term once.
fn terms(query: &str) -> Vec<String> {
    let query: String = query.chars().take(LONGEST_QUERY).collect();
    let mut terms = term::of_text(&query);
    if terms.is_empty() {
        terms = term::of_name(&query);
    }
    let mut different = Vec::new();
    for term in terms {
        if different.len() < MOST_TERMS && !different.contains(&term) {
            different.push(term);
        }
    }
    different
}

impl<'s> Candidates<'s> {
    fn of(searched: &'s [Searched]) -> Self {
        let (mut all, mut services) = (Vec::new(), Vec::new());
        for Searched { index, outlooks } in searched {
            let known: Option<BTreeMap<&str, &Outlook>> = outlooks.as_ref().map(|outlooks| {
                let possible = outlooks.iter().filter(|outlook| outlook.is_possible());
                possible.map(|one| (one.method.as_str(), one)).collect()
            });
            let mut places = Vec::new();
            for (method, length) in index.methods() {
                let outlook = match &known {
                    None => None,
                    Some(known) => match known.get(method.method.as_str()) {
                        Some(outlook) => Some(*outlook),
                        None => {
                            places.push(None);
                            continue;
                        }
                    },
                };
                places.push(Some(all.len()));
                all.push(Candidate {
                    method,
                    outlook,
                    length: length.into(),
                });
            }
            services.push((&**index, places));
        }
        let length: f64 = all.iter().map(|candidate| candidate.length).sum();
        Self {
            average: length / count(all.len()),
            all,
            services,
        }
    }

    /// Adds what a term says for each candidate.
    fn score(&self, term: &str, scores: &mut [f64]) {
        let mut said = vec![0.0; self.all.len()];
        self.add(term, 1.0, &mut said);
        let mut having = said.iter().filter(|said| **said > 0.0).count();
        for other in term::alike(term) {
            self.add(other, ALIKE, &mut said);
        }
        if having == 0 {
            having = said.iter().filter(|said| **said > 0.0).count();
        }
        let (all, having) = (count(self.all.len()), count(having));
        let rare = ((all - having + 0.5) / (having + 0.5)).ln_1p();
        for ((score, said), candidate) in scores.iter_mut().zip(said).zip(&self.all) {
            let length = 1.0 - BY_LENGTH + BY_LENGTH * candidate.length / self.average;
            *score += rare * said * (ENOUGH + 1.0) / (said + ENOUGH * length);
        }
    }

    /// Adds how much of a term each candidate says.
    fn add(&self, term: &str, weight: f64, said: &mut [f64]) {
        for (index, places) in &self.services {
            let of_service = f64::from(index.of_service(term));
            let mut add = |candidate: Option<usize>, much: f64| {
                if let Some(said) = candidate.and_then(|candidate| said.get_mut(candidate)) {
                    *said += weight * much;
                }
            };
            if of_service > 0.0 {
                places
                    .iter()
                    .for_each(|candidate| add(*candidate, of_service));
            }
            for (place, much) in index.said(term) {
                let place = usize::try_from(*place).unwrap_or(usize::MAX);
                add(places.get(place).copied().flatten(), f64::from(*much));
            }
        }
    }
}

impl Candidate<'_> {
    fn shown(&self) -> MethodFound {
        let method = self.method;
        MethodFound {
            service: method.service.to_string(),
            method: method.method.clone(),
            python: method.python.clone(),
            line: method.line(self.outlook),
            effect: method.effect,
            verdicts: self
                .outlook
                .map(|one| one.verdicts.clone())
                .unwrap_or_default(),
        }
    }
}

/// Methods are counted in thousands.
fn count(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
