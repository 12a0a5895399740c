//! Classes and learners: who is in the school.

use std::collections::BTreeSet;

use pishtar_mesh::{
    learner::LearnerId,
    people::{ClassName, MatchKey, RawRegistration, Registration, Statement, new_learner_id},
};
use pishtar_signing::people::CardSecret;

use super::{
    People, PeopleError,
    book::{Book, ClassRow, LearnerRow, Outgoing, Place},
    table,
    types::{About, ClassView, LearnerView, Registered, TableReport},
};

/// Most classes of one school.
const MAX_CLASSES: usize = 500;
/// Most learners of one school.
const MAX_LEARNERS: usize = 10_000;
/// Most teachers of one class.
const MAX_TEACHERS: usize = 50;

impl People {
    /// Makes a class; one that is there stays as it is.
    ///
    /// # Errors
    /// [`PeopleError::TooMany`], or the disk.
    pub async fn add_class(&self, name: ClassName) -> Result<(), PeopleError> {
        self.update(move |book| book.add_class(&name).map(drop))
            .await
    }

    /// Says who teaches a class, by account id.
    ///
    /// # Errors
    /// [`PeopleError::NoClass`], [`PeopleError::TooMany`], or the disk.
    pub async fn set_teachers(
        &self,
        class: ClassName,
        teachers: BTreeSet<String>,
    ) -> Result<(), PeopleError> {
        if teachers.len() > MAX_TEACHERS {
            let (what, max) = ("teachers of a class", MAX_TEACHERS);
            return Err(PeopleError::TooMany { what, max });
        }
        self.update(move |book| {
            let row = book.classes.get_mut(&class);
            row.ok_or_else(|| PeopleError::NoClass(class.clone()))?
                .teachers = teachers;
            book.touch(Place::Class(class));
            Ok(())
        })
        .await
    }

    /// All classes in order of name.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`].
    pub fn classes(&self) -> Result<Vec<ClassView>, PeopleError> {
        let state = self.read()?;
        let view = |(name, row): (&ClassName, &ClassRow)| ClassView {
            name: name.clone(),
            teachers: row.teachers.clone(),
            learners: state.book.learners_of(name).count(),
        };
        Ok(state.book.classes.iter().map(view).collect())
    }

    /// Registers a learner, or finds the one that this registration is of. The ministry is told as soon as its key is
    /// known here. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`PeopleError::Registration`] with all that is wrong, [`PeopleError::TooMany`], or the disk.
    pub async fn register(
        &self,
        raw: RawRegistration,
        now: i64,
    ) -> Result<Registered, PeopleError> {
        self.update(move |book| {
            let raw = filled(raw, &book.meta.about);
            let registration = Registration::parse(&raw).map_err(PeopleError::Registration)?;
            book.register(registration, now)
        })
        .await
    }

    /// Registers all learners of a table (CSV in UTF-8, commas or semicolons, a head row), or none of them: with one row
    /// wrong nothing is taken, and all that is wrong is told. A table that was taken before changes nothing.
    ///
    /// `class` is for rows without one.
    ///
    /// # Errors
    /// [`PeopleError::Table`], [`PeopleError::TooMany`], or the disk.
    pub async fn register_csv(
        &self,
        text: Vec<u8>,
        class: Option<ClassName>,
        now: i64,
    ) -> Result<TableReport, PeopleError> {
        self.update(move |book| {
            let rows = book.read_table(&text, class.as_ref())?;
            let mut report = TableReport::default();
            for registration in rows {
                let class = registration.class.clone();
                if !book.classes.contains_key(&class) {
                    report.classes.insert(class);
                }
                let registered = book.register(registration, now)?;
                match registered.new {
                    true => report.new.push(registered.id),
                    false => report.known += 1,
                }
            }
            Ok(report)
        })
        .await
    }

    /// What [`People::register_csv`] would read out of a table, to be looked at before anything is taken.
    ///
    /// # Errors
    /// [`PeopleError::Table`], [`PeopleError::Revoked`].
    pub async fn read_csv(
        &self,
        text: Vec<u8>,
        class: Option<ClassName>,
    ) -> Result<Vec<Registration>, PeopleError> {
        self.update(move |book| book.read_table(&text, class.as_ref()))
            .await
    }

    /// The learners of a class by surname and name.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoClass`].
    pub fn learners_of(&self, class: &ClassName) -> Result<Vec<LearnerView>, PeopleError> {
        let state = self.read()?;
        if !state.book.classes.contains_key(class) {
            return Err(PeopleError::NoClass(class.clone()));
        }
        Ok(sorted(state.book.learners_of(class).collect()))
    }

    /// All learners of the school by surname and name.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`].
    pub fn learners(&self) -> Result<Vec<LearnerView>, PeopleError> {
        let state = self.read()?;
        let all = state.book.learners.keys();
        Ok(sorted(all.filter_map(|id| state.book.view(id)).collect()))
    }

    /// One learner.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoLearner`].
    pub fn learner(&self, id: &LearnerId) -> Result<LearnerView, PeopleError> {
        self.read()?.book.view(id).ok_or(PeopleError::NoLearner)
    }

    /// Finds a learner by id, by login, or by name and surname if only one is called so.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoLearner`].
    pub fn find(&self, text: &str) -> Result<LearnerView, PeopleError> {
        let all = self.learners()?;
        let text = text.trim().to_lowercase();
        let exact = all.iter().find(|learner| {
            let login = learner.login.as_ref().map(|login| login.as_str());
            learner.id.as_str() == text || login == Some(&*text)
        });
        if let Some(learner) = exact {
            return Ok(learner.clone());
        }
        let mut named = all
            .iter()
            .filter(|learner| learner.registration.full_name().to_lowercase() == text);
        match (named.next(), named.next()) {
            (Some(learner), None) => Ok(learner.clone()),
            _ => Err(PeopleError::NoLearner),
        }
    }

    /// Moves a learner to another class, which is made if it is not there.
    ///
    /// # Errors
    /// [`PeopleError::NoLearner`], or the disk.
    pub async fn move_learner(&self, id: LearnerId, class: ClassName) -> Result<(), PeopleError> {
        self.update(move |book| {
            book.add_class(&class)?;
            let row = book.learners.get_mut(&id).ok_or(PeopleError::NoLearner)?;
            row.registration.class = class;
            book.touch(Place::Learner(id));
            Ok(())
        })
        .await
    }
}

/// School and municipality as the school's forms begin with them.
fn filled(mut raw: RawRegistration, about: &About) -> RawRegistration {
    if raw.school.trim().is_empty() {
        raw.school.clone_from(&about.school);
    }
    if raw.municipality.trim().is_empty() {
        raw.municipality.clone_from(&about.municipality);
    }
    raw
}

fn sorted(mut learners: Vec<LearnerView>) -> Vec<LearnerView> {
    learners.sort_by_cached_key(|learner| {
        let registration = &learner.registration;
        (
            registration.surname.as_str().to_lowercase(),
            registration.name.as_str().to_lowercase(),
            learner.id.clone(),
        )
    });
    learners
}

impl Book {
    fn read_table(
        &self,
        text: &[u8],
        class: Option<&ClassName>,
    ) -> Result<Vec<Registration>, PeopleError> {
        let fill = |raw| {
            let mut raw = filled(raw, &self.meta.about);
            if let (true, Some(class)) = (raw.class.trim().is_empty(), class) {
                raw.class = class.as_str().to_owned();
            }
            raw
        };
        table::read(text, fill).map_err(PeopleError::Table)
    }

    pub(super) fn add_class(&mut self, name: &ClassName) -> Result<bool, PeopleError> {
        if self.classes.contains_key(name) {
            return Ok(false);
        }
        if self.classes.len() >= MAX_CLASSES {
            let (what, max) = ("classes", MAX_CLASSES);
            return Err(PeopleError::TooMany { what, max });
        }
        self.classes.insert(name.clone(), ClassRow::default());
        self.touch(Place::Class(name.clone()));
        Ok(true)
    }

    /// Registers, unless the same learner is here already; then a new class is taken over.
    pub(super) fn register(
        &mut self,
        registration: Registration,
        now: i64,
    ) -> Result<Registered, PeopleError> {
        self.add_class(&registration.class)?;
        let key = MatchKey::of(&registration, &self.meta.match_secret);
        if let Some(id) = self.by_key.get(&key).cloned()
            && let Some(row) = self.learners.get_mut(&id)
        {
            row.registration.class = registration.class;
            self.touch(Place::Learner(id.clone()));
            return Ok(Registered { id, new: false });
        }
        if self.learners.len() >= MAX_LEARNERS {
            let (what, max) = ("learners", MAX_LEARNERS);
            return Err(PeopleError::TooMany { what, max });
        }
        let id = new_learner_id(random());
        let secret: [u8; 16] = random();
        let card = CardSecret(secret).card(id.as_str(), 1);
        let row = LearnerRow {
            registration: registration.clone(),
            login: None,
            same_as: None,
            card_number: 1,
            card_secret: Some(secret),
            registered: now,
        };
        self.learners.insert(id.clone(), row);
        self.by_key.insert(key, id.clone());
        self.standings.entry(id.clone()).or_default().card(card);
        self.touch(Place::Learner(id.clone()));
        self.touch(Place::Standing(id.clone()));
        self.send(Outgoing::Statement(Box::new(Statement::Register {
            learner: id.clone(),
            registration: Box::new(registration),
            card,
        })));
        Ok(Registered { id, new: true })
    }

    pub(super) fn view(&self, id: &LearnerId) -> Option<LearnerView> {
        let row = self.learners.get(id)?;
        let waits = self.outbox.values().any(|outgoing| match outgoing {
            Outgoing::Statement(statement) => {
                matches!(&**statement, Statement::Register { learner, .. } if learner == id)
            }
            Outgoing::Message { .. } => false,
        });
        Some(LearnerView {
            id: id.clone(),
            registration: row.registration.clone(),
            login: row.login.clone(),
            same_as: row.same_as.clone(),
            card_number: row.card_number,
            sent: !waits,
            registered: row.registered,
        })
    }

    pub(super) fn learners_of<'a>(
        &'a self,
        class: &'a ClassName,
    ) -> impl Iterator<Item = LearnerView> + 'a {
        let of = self
            .learners
            .iter()
            .filter(move |(_, row)| row.registration.class == *class);
        of.filter_map(|(id, _)| self.view(id))
    }
}

/// Random bytes of the operating system.
///
/// # Panics
/// When the system has none, without which no key can be made.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    bytes
}
