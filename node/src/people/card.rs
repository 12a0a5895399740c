//! Learner cards: what is printed, what is read back.

use std::fmt::Write;

use data_encoding::BASE32_NOPAD;
use pishtar_mesh::{
    learner::{LearnerId, LessonRef, Merge},
    people::{Statement, is_registered_id},
};
use pishtar_signing::people::CardSecret;
use qrcode::{Color, EcLevel, QrCode};

use super::{
    People, PeopleError,
    book::{Book, Outgoing, Place, SETTLED, WorkRow},
    register::random,
};

/// What every card's text begins with.
const HEAD: &str = "PISHTAR:1:";
/// Characters of the check sum: one typing mistake in a million is not noticed.
const CHECK_CHARS: usize = 4;
/// White around the code, modules (ISO/IEC 18004 section 5.3.8).
const QUIET: usize = 4;

/// A learner's card.
#[derive(Clone, PartialEq, Eq)]
pub struct LearnerCard {
    /// The school's publisher id.
    pub school: String,
    /// The id in the learner's events.
    pub learner: LearnerId,
    /// Counts the learner's cards.
    pub number: u32,
    secret: CardSecret,
}

impl std::fmt::Debug for LearnerCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LearnerCard(hidden)")
    }
}

impl LearnerCard {
    /// The secret that only the card holds.
    pub(super) fn secret(&self) -> &CardSecret {
        &self.secret
    }

    /// What the code says, in characters that are short in a QR code:
    /// `PISHTAR:1:<school>:<id>:<number>:<secret>:<check>`.
    pub fn text(&self) -> String {
        let id = self.learner.as_str().trim_start_matches("p.");
        let secret = BASE32_NOPAD.encode(&self.secret.0);
        let body = format!("{HEAD}{}:{id}:{}:{secret}", self.school, self.number);
        let body = body.to_ascii_uppercase();
        format!("{body}:{}", check(&body))
    }

    /// Reads a card's text, scanned or typed: case and white space do not count.
    ///
    /// # Errors
    /// [`PeopleError::BadCard`].
    pub fn parse(text: &str) -> Result<Self, PeopleError> {
        let text: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect();
        let text = text.to_ascii_uppercase();
        let bad = PeopleError::BadCard;
        if text.len() > 200 || !text.starts_with(HEAD) {
            return Err(bad("its text begins with PISHTAR:1:"));
        }
        let (body, sum) = text.rsplit_once(':').ok_or(bad("its text is cut off"))?;
        if sum != check(body) {
            return Err(bad("a character is wrong or missing; read it again"));
        }
        let parts: Vec<&str> = body[HEAD.len()..].split(':').collect();
        let [school, id, number, secret] = parts[..] else {
            return Err(bad("its text is cut off"));
        };
        let school = school.to_ascii_lowercase();
        let id = LearnerId::new(format!("p.{}", id.to_ascii_lowercase())).ok();
        let secret = BASE32_NOPAD.decode(secret.as_bytes()).ok();
        let secret = secret.and_then(|secret| <[u8; 16]>::try_from(secret).ok());
        let number = number.parse::<u32>().ok().filter(|number| *number > 0);
        match (id.filter(is_registered_id), number, secret) {
            (Some(learner), Some(number), Some(secret))
                if pishtar_mesh::is_publisher_id(&school) =>
            {
                Ok(Self {
                    school,
                    learner,
                    number,
                    secret: CardSecret(secret),
                })
            }
            _ => Err(bad("it was made by another version of Pishtar")),
        }
    }

    /// The code as a picture, black on white, of any size.
    pub fn svg(&self) -> String {
        let code = QrCode::with_error_correction_level(self.text(), EcLevel::M)
            .expect("two hundred alphanumeric characters fit a QR code");
        let width = code.width();
        let side = width + 2 * QUIET;
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (at % width + QUIET, at / width + QUIET);
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
        )
    }

    /// The text in groups of four, for a device without a camera.
    pub fn typed(&self) -> String {
        let text = self.text();
        let groups: Vec<&str> = text
            .as_bytes()
            .chunks(4)
            .map(|group| std::str::from_utf8(group).expect("a card's text is ASCII"))
            .collect();
        groups.join(" ")
    }
}

fn check(body: &str) -> String {
    let hash = blake3::hash(body.as_bytes());
    BASE32_NOPAD.encode(hash.as_bytes())[..CHECK_CHARS].to_owned()
}

impl People {
    /// The card of a learner of this school, to be printed.
    ///
    /// # Errors
    /// [`PeopleError::NoSchool`], [`PeopleError::NoLearner`], [`PeopleError::CardElsewhere`].
    pub fn card_for(&self, id: &LearnerId) -> Result<LearnerCard, PeopleError> {
        let school = self.school().ok_or(PeopleError::NoSchool)?;
        let state = self.read()?;
        let row = state.book.learners.get(id).ok_or(PeopleError::NoLearner)?;
        Ok(LearnerCard {
            school,
            learner: id.clone(),
            number: row.card_number,
            secret: CardSecret(row.card_secret.ok_or(PeopleError::CardElsewhere)?),
        })
    }

    /// A new card in the place of a lost one. Devices that took the old one in speak for the learner no more until they
    /// take in the new one; what they reported until now stands.
    ///
    /// # Errors
    /// As [`People::card_for`], or the disk.
    pub async fn rotate_card(&self, id: LearnerId) -> Result<LearnerCard, PeopleError> {
        if self.school().is_none() {
            return Err(PeopleError::NoSchool);
        }
        let of = id.clone();
        self.update(move |book| book.new_card(&of)).await?;
        self.card_for(&id)
    }
}

impl Book {
    fn new_card(&mut self, id: &LearnerId) -> Result<(), PeopleError> {
        let row = self.learners.get_mut(id).ok_or(PeopleError::NoLearner)?;
        let standing = self.standings.entry(id.clone()).or_default();
        let number = standing.number().max(row.card_number) + 1;
        let secret: [u8; 16] = random();
        (row.card_number, row.card_secret) = (number, Some(secret));
        let card = CardSecret(secret).card(id.as_str(), number);
        self.settle(id);
        self.standings.entry(id.clone()).or_default().card(card);
        self.touch(Place::Learner(id.clone()));
        self.touch(Place::Standing(id.clone()));
        self.send(Outgoing::Statement(Box::new(Statement::NewCard {
            learner: id.clone(),
            card,
        })));
        Ok(())
    }

    /// What counts now goes on to count, whatever becomes of the devices that reported it.
    pub(super) fn settle(&mut self, id: &LearnerId) {
        let counted: Vec<(LessonRef, WorkRow)> = self
            .work_of(id)
            .filter(|(_, device, _)| self.counts(id, device))
            .map(|(lesson, _, row)| (lesson.clone(), row.clone()))
            .collect();
        for (lesson, row) in counted {
            let key = (id.clone(), lesson.clone(), SETTLED);
            let settled = self.work.entry(key).or_default();
            settled.progress.merge(&row.progress);
            settled.at = settled.at.max(row.at);
            self.touch(Place::Work(id.clone(), lesson, SETTLED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> LearnerCard {
        LearnerCard {
            school: "shkolla-1".into(),
            learner: pishtar_mesh::people::new_learner_id([7; 10]),
            number: 2,
            secret: CardSecret([9; 16]),
        }
    }

    #[test]
    fn a_card_reads_back_however_it_is_typed_and_a_slip_is_noticed() {
        let text = card().text();
        assert!(text.len() < 90, "{text}");
        for typed in [text.clone(), text.to_lowercase(), card().typed()] {
            assert_eq!(LearnerCard::parse(&typed).unwrap(), card());
        }
        for at in 0..text.len() {
            let mut slip = text.clone().into_bytes();
            slip[at] = if slip[at] == b'7' { b'6' } else { b'7' };
            let slip = String::from_utf8(slip).unwrap();
            assert!(LearnerCard::parse(&slip).is_err(), "{slip}");
        }
        assert!(LearnerCard::parse("").is_err());
        assert!(LearnerCard::parse("PISHTAR:1:").is_err());
    }

    #[test]
    fn the_picture_is_a_square_of_modules() {
        let svg = card().svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
        assert!(svg.matches("h1v1h-1z").count() > 300);
    }
}
