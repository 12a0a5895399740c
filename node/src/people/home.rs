//! A family's device: learners whose cards it took in, each behind a PIN of their own.
//!
//! What a card opens lies locked with the PIN (Argon2id). The label in the list of learners does not: it is what the family
//! calls them there. A PIN of four digits keeps out who finds the tablet; it does not keep out who copies its disk and
//! tries ten thousand PINs for some hours. A lost card or device is therefore told to the school, which makes a new card.

use pishtar_mesh::{
    learner::LearnerId,
    people::{AdoptionOf, PeopleMessage},
};
use pishtar_signing::locked::{Cost, Locked};

use super::{
    People, PeopleError,
    book::{HomeRow, Outgoing, Place},
    card::LearnerCard,
    register::random,
    types::HomeLearner,
};

/// What a locked card is authenticated with, beside the learner's id.
const CONTEXT: &str = "pishtar learner card at home 1\n";
/// Most learners of one family device.
const MAX_HOME: usize = 32;
/// Longest label, characters.
const MAX_LABEL_CHARS: usize = 40;
/// Fewest and most characters of a PIN.
const PIN_CHARS: std::ops::RangeInclusive<usize> = 4..=64;

impl People {
    /// Takes a learner's card in on this device: from now on it may report the learner's work. A card that is taken in
    /// again gets the new label and PIN.
    ///
    /// # Errors
    /// [`PeopleError::BadCard`], [`PeopleError::ShortPin`], [`PeopleError::TooMany`], or the disk.
    pub async fn adopt_card(
        &self,
        text: &str,
        label: &str,
        pin: &str,
    ) -> Result<HomeLearner, PeopleError> {
        let card = LearnerCard::parse(text)?;
        if !PIN_CHARS.contains(&pin.chars().count()) {
            return Err(PeopleError::ShortPin);
        }
        let label: String = label.trim().chars().take(MAX_LABEL_CHARS).collect();
        let pin = zeroize::Zeroizing::new(pin.to_owned());
        let device = self.shared.device;
        self.update(move |book| {
            let id = card.learner.clone();
            if book.home.len() >= MAX_HOME && !book.home.contains_key(&id) {
                let (what, max) = ("learners on one device", MAX_HOME);
                return Err(PeopleError::TooMany { what, max });
            }
            let locked = lock(&card, &pin)?;
            let label = match label.is_empty() {
                true => (book.home.len() + 1).to_string(),
                false => label,
            };
            let row = HomeRow {
                label,
                school: card.school.clone(),
                locked,
            };
            let learner = view(&id, &row);
            book.home.insert(id.clone(), row);
            book.touch(Place::Home(id.clone()));
            let adoption = card.secret().adopt(id.as_str(), card.number, device.0);
            book.send(Outgoing::Message {
                school: card.school.clone(),
                message: PeopleMessage::Adopted(AdoptionOf {
                    learner: id,
                    adoption,
                }),
            });
            Ok(learner)
        })
        .await
    }

    /// The learners whose cards this device took in, in order of label.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`].
    pub fn home_learners(&self) -> Result<Vec<HomeLearner>, PeopleError> {
        let state = self.read()?;
        let rows = state.book.home.iter();
        let mut learners: Vec<HomeLearner> = rows.map(|(id, row)| view(id, row)).collect();
        learners.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(learners)
    }

    /// Signs a learner in on a family's device. It takes about a second: guessing is meant to be slow. Counting the wrong
    /// guesses is the caller's part.
    ///
    /// # Errors
    /// [`PeopleError::WrongPin`], [`PeopleError::NoLearner`].
    pub async fn unlock_home(&self, id: LearnerId, pin: &str) -> Result<HomeLearner, PeopleError> {
        let row = self.read()?.book.home.get(&id).cloned();
        let row = row.ok_or(PeopleError::NoLearner)?;
        let pin = zeroize::Zeroizing::new(pin.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            match row.locked.unlock(&pin, context(&id).as_bytes()) {
                Ok(_) => Ok(view(&id, &row)),
                Err(_) => Err(PeopleError::WrongPin),
            }
        });
        done.await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Forgets a learner's card on this device; what was reported stays on its way.
    ///
    /// # Errors
    /// [`PeopleError::NoLearner`], or the disk.
    pub async fn forget_card(&self, id: LearnerId) -> Result<(), PeopleError> {
        self.update(move |book| {
            book.home.remove(&id).ok_or(PeopleError::NoLearner)?;
            book.touch(Place::Home(id));
            Ok(())
        })
        .await
    }

    /// The schools of all learners whose cards this device took in.
    pub(crate) fn home_schools(&self) -> std::collections::BTreeSet<String> {
        let state = self.lock();
        let rows = state.book.home.values();
        rows.map(|row| row.school.clone()).collect()
    }

    /// The school of a learner whose card this device took in: whose key their work is sealed to.
    pub fn home_school(&self, id: &LearnerId) -> Option<String> {
        let state = self.lock();
        state.book.home.get(id).map(|row| row.school.clone())
    }
}

fn lock(card: &LearnerCard, pin: &str) -> Result<Locked, PeopleError> {
    let text = card.text();
    Locked::lock(
        text.as_bytes(),
        pin,
        context(&card.learner).as_bytes(),
        random(),
        cost(),
    )
    .map_err(|_| PeopleError::BadCard("this device has too little free memory to lock it"))
}

fn context(id: &LearnerId) -> String {
    format!("{CONTEXT}{}", id.as_str())
}

fn view(id: &LearnerId, row: &HomeRow) -> HomeLearner {
    HomeLearner {
        id: id.clone(),
        label: row.label.clone(),
        school: row.school.clone(),
    }
}

/// What a guess of a PIN costs.
fn cost() -> Cost {
    #[cfg(test)]
    return Cost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };
    #[cfg(not(test))]
    Cost::KEY_FILE
}
