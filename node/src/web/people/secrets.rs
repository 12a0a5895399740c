//! Choosing pictures, the same where a learner signs in and where a teacher sets them.

use super::super::{form::Form, locale::Texts};
use crate::people::accounts::{PICTURES, SecretKind};

/// One picture to choose.
pub(super) struct Picture {
    pub(super) id: &'static str,
    pub(super) name: String,
}

/// One of the four pictures in turn.
pub(super) struct Step {
    pub(super) field: &'static str,
    pub(super) title: String,
}

/// Names of the four fields.
const FIELDS: [&str; 4] = ["p1", "p2", "p3", "p4"];

/// All pictures with their names in this language.
pub(super) fn pictures(texts: &Texts) -> Vec<Picture> {
    let picture = |id: &'static str| Picture {
        id,
        name: texts.get(&format!("picture-{id}")).into(),
    };
    PICTURES.map(picture).into()
}

/// The four choices.
pub(super) fn steps(texts: &Texts) -> Vec<Step> {
    let step = |(at, field): (usize, &'static str)| Step {
        field,
        title: texts.number("pictures-step", "step", at + 1).into(),
    };
    FIELDS.into_iter().enumerate().map(step).collect()
}

/// The secret of this kind as the form has it.
pub(super) fn typed(form: &Form, kind: SecretKind) -> String {
    match kind {
        SecretKind::Pictures => FIELDS.map(|field| form.text(field).to_owned()).join(" "),
        SecretKind::Pin => form.text("pin").to_owned(),
        SecretKind::Password => form.text("password").to_owned(),
    }
}
