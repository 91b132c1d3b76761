//! What was perhaps meant by a name that does not exist: one rule for methods, parameters, services, contexts and words
//! of policies. It must never suggest what the asker may not know of; whoever calls it passes only names that he may.

/// What is closest to a misspelt name, if anything is close: a third of it may be wrong.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).clamp(1, 8);
    known
        // What differs more in length differs more; this also bounds the work for names of any length.
        .filter(|known| known.len().abs_diff(name.len()) <= most.saturating_mul(4))
        .map(|known| (strsim::osa_distance(name, known), known))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}
