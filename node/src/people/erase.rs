//! Everything that is held on a learner: shown, and forgotten.

use pishtar_mesh::{
    learner::LearnerId,
    people::{PeopleMessage, Statement},
};
use serde_json::{Value, json};

use super::{
    People, PeopleError,
    accounts::{AccountId, Accounts},
    book::{Book, Outgoing, Place},
};

impl People {
    /// All that this node holds on a learner, for the learner (threat P6). A card's secret is not in it: whoever reads the
    /// export could work in the learner's name.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoLearner`].
    pub fn export(&self, id: &LearnerId) -> Result<Value, PeopleError> {
        let learner = self.learner(id)?;
        let assignments = self.assignments_for(id)?;
        let state = self.read()?;
        let book = &state.book;
        let ids = book.same(id);
        let mut reports = Vec::new();
        for id in &ids {
            for (lesson, device, row) in book.work_of(id) {
                reports.push(json!({
                    "id": id,
                    "lesson": lesson,
                    "device": device,
                    "counts": book.counts(id, device),
                    "received": row.at,
                    "progress": row.progress,
                }));
            }
        }
        let counted: Vec<Value> = book
            .merged(id)
            .into_iter()
            .map(|(lesson, row)| json!({"lesson": lesson, "progress": row.progress}))
            .collect();
        Ok(json!({
            "learner": learner,
            "ids": ids,
            "home_card": book.home.get(id).map(|row| json!({"label": row.label, "school": row.school})),
            "assignments": assignments,
            "work": counted,
            "reports_by_device": reports,
        }))
    }

    /// Forgets a learner, every id that is the same one included, and asks the ministry to do so too. The book is sealed
    /// under a new key and the old one destroyed, so that no old page or copy of the file tells anything; what comes in
    /// later about the learner, old or replayed, counts nothing.
    ///
    /// # Errors
    /// [`PeopleError::NoLearner`], or the disk; then it may be called again.
    pub async fn erase(&self, id: LearnerId) -> Result<(), PeopleError> {
        let people = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            people.rekey_blocking(|book| {
                let known = book.learners.contains_key(&id) || book.home.contains_key(&id);
                if !known && !book.is_erased(&id) {
                    return Err(PeopleError::NoLearner);
                }
                for id in book.same(&id) {
                    book.forget(&id);
                    book.send(Outgoing::Statement(Box::new(Statement::Erase {
                        learner: id,
                    })));
                }
                Ok(())
            })
        });
        done.await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Was this learner erased here, or on another of the school's nodes?
    pub(crate) fn is_erased(&self, id: &LearnerId) -> bool {
        self.lock().book.is_erased(id)
    }

    /// Seals the book under a new key when another of the school's nodes erased somebody.
    pub(crate) async fn rekey_if_due(&self) -> Result<(), PeopleError> {
        if self.is_revoked() || !self.lock().book.meta.rekey {
            return Ok(());
        }
        let people = self.clone();
        let done = tokio::task::spawn_blocking(move || people.rekey_blocking(|_| Ok(())));
        done.await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// A change after which the whole book is sealed under a new key.
    pub(super) fn rekey_blocking(
        &self,
        change: impl FnOnce(&mut Book) -> Result<(), PeopleError>,
    ) -> Result<(), PeopleError> {
        let mut state = self.read()?;
        let result = change(&mut state.book).and_then(|()| {
            state.book.meta.rekey = false;
            let all = state.book.all();
            Ok(state.rows.rekey(&all)?)
        });
        drop(state.book.take_changes());
        if result.is_err() {
            state.reload(&self.shared.folder)?;
        }
        drop(state);
        self.shared.changed.send_modify(|number| *number += 1);
        result
    }
}

/// Completes [`People::export`] by how the learner signs in on this node.
pub(crate) fn add_sign_in(export: &mut Value, accounts: &Accounts) {
    if let Some(id) = export["learner"]["id"].as_str() {
        export["sign_in"] = accounts.export(&AccountId::new(id));
    }
}

impl Book {
    /// Removes every row about this id and leaves a tombstone, which names nobody.
    pub(super) fn forget(&mut self, id: &LearnerId) {
        self.tombs.insert(self.tomb(id));
        self.learners.remove(id);
        self.by_key.retain(|_, held| held != id);
        self.standings.remove(id);
        self.home.remove(id);
        let gone: Vec<_> = self
            .work_of(id)
            .map(|(lesson, device, _)| (id.clone(), lesson.clone(), *device))
            .collect();
        for key in gone {
            self.work.remove(&key);
            self.touch(Place::Work(key.0, key.1, key.2));
        }
        let wanted = id.clone();
        self.drop_outgoing(|outgoing| match outgoing {
            Outgoing::Statement(statement) => about(statement) == Some(&wanted),
            Outgoing::Message { message, .. } => match message {
                PeopleMessage::Adopted(of) => of.learner == wanted,
                PeopleMessage::Said(_) => false,
            },
        });
        for place in [
            Place::Tomb(self.tomb(id)),
            Place::Learner(id.clone()),
            Place::Standing(id.clone()),
            Place::Home(id.clone()),
        ] {
            self.touch(place);
        }
    }
}

/// The learner whom a statement is about.
pub(super) fn about(statement: &Statement) -> Option<&LearnerId> {
    match statement {
        Statement::Register { learner, .. }
        | Statement::NewCard { learner, .. }
        | Statement::Erase { learner }
        | Statement::Named { learner, .. }
        | Statement::Erased { learner }
        | Statement::Progress { learner, .. } => Some(learner),
        Statement::Devices { .. } => None,
    }
}
