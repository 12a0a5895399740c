//! How learners are called on pages that their whole class sees.

use std::collections::BTreeMap;

use crate::people::LearnerView;

/// First name and the surname's first letter; the whole surname where that would be two.
pub(super) fn short(learners: &[LearnerView]) -> Vec<String> {
    let brief = |learner: &LearnerView| {
        let surname = learner.registration.surname.as_str();
        let letter = surname.chars().next().unwrap_or_default();
        format!("{} {letter}.", learner.registration.name.as_str())
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for learner in learners {
        *counts.entry(brief(learner)).or_default() += 1;
    }
    let named = learners.iter().map(|learner| {
        let brief = brief(learner);
        match counts.get(&brief) {
            Some(1) => brief,
            _ => learner.registration.full_name(),
        }
    });
    named.collect()
}
