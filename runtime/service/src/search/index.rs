//! What the methods of one service are found by: for each term, how much each method says it. Made once for a service, by the
//! registry, and read by every search. It must never hold more than a share of its document, however often the document
//! refers to the same parameters. THREAT[SVC-04]

use super::term;
use crate::offer::{Method, Service};
use std::{collections::HashMap, sync::Arc};

/// How much a term counts where it stands. What is said of a parameter or of the whole service is said of a method from further away:
/// tests/corpora/search has the cases by which these were chosen.
const NAME: f32 = 2.0;
const SUMMARY: f32 = 1.0;
const PARAMETER: f32 = 1.0;
const PARAMETER_SUMMARY: f32 = 0.3;
const SERVICE: f32 = 1.0;
const SERVICE_SUMMARY: f32 = 0.3;

/// Terms of the parameters of one method, of which ten parameters with a line each have 120. 5 000 methods may refer to the same 64
/// parameters, and each of them would hold what is said of these. THREAT[SEC-05]: it is no share of the service's, or what some
/// methods say would decide by what others are found.
const MOST_OF_PARAMETERS: usize = 200;

/// The methods of one service, by what they say.
#[derive(Debug)]
pub(crate) struct MethodIndex {
    service: Arc<Service>,
    /// Methods by their place in the order of names.
    said: HashMap<String, Vec<(u32, f32)>>,
    /// What is said of the service is said of each of its methods.
    of_service: HashMap<String, f32>,
    /// How much each method says, without what is said of the service.
    lengths: Vec<f32>,
    length_of_service: f32,
}

/// What one method says, or what is said of a service: how much of each term.
#[derive(Debug, Default)]
struct TermWeights(HashMap<String, f32>);

impl TermWeights {
    fn take(&mut self, terms: Vec<String>, weight: f32) {
        for term in terms {
            *self.0.entry(term).or_default() += weight;
        }
    }

    fn length(&self) -> f32 {
        // In one order, or the last digit would differ from run to run.
        let mut weights: Vec<f32> = self.0.values().copied().collect();
        weights.sort_by(f32::total_cmp);
        weights.iter().sum()
    }
}

impl MethodIndex {
    pub(crate) fn of(service: Arc<Service>) -> Self {
        let (mut said, mut lengths) = (HashMap::<String, Vec<_>>::new(), Vec::new());
        for (place, method) in (0..).zip(service.methods()) {
            let of_method = of_method(method);
            lengths.push(of_method.length());
            for (term, weight) in of_method.0 {
                said.entry(term).or_default().push((place, weight));
            }
        }
        let mut of_service = TermWeights::default();
        of_service.take(term::of_name(service.name()), SERVICE);
        of_service.take(term::of_text(service.summary()), SERVICE_SUMMARY);
        Self {
            length_of_service: of_service.length(),
            of_service: of_service.0,
            said,
            lengths,
            service,
        }
    }

    /// In the order of their names, with how much each says.
    pub(super) fn methods(&self) -> impl Iterator<Item = (&Arc<Method>, f32)> {
        let lengths = self.lengths.iter();
        let lengths = lengths.map(|length| length + self.length_of_service);
        self.service.methods().zip(lengths)
    }

    /// How much of a term is said of every method.
    pub(super) fn of_service(&self, term: &str) -> f32 {
        self.of_service.get(term).copied().unwrap_or_default()
    }

    /// How much of a term each method says.
    pub(super) fn said(&self, term: &str) -> &[(u32, f32)] {
        self.said.get(term).map_or(&[], Vec::as_slice)
    }
}

fn of_method(method: &Method) -> TermWeights {
    let (mut said, mut left) = (TermWeights::default(), MOST_OF_PARAMETERS);
    said.take(term::of_name(&method.method), NAME);
    said.take(term::of_text(method.summary()), SUMMARY);
    for argument in method.open() {
        let parameter = &argument.parameter;
        for (mut terms, weight) in [
            (term::of_name(&parameter.name), PARAMETER),
            (term::of_text(&parameter.summary), PARAMETER_SUMMARY),
        ] {
            terms.truncate(left);
            left = left.saturating_sub(terms.len());
            said.take(terms, weight);
        }
        if left == 0 {
            break;
        }
    }
    said
}
