//! Choosing what this device keeps: rules, single lessons, pins; and what a choice would cost.

use std::{collections::BTreeMap, net::IpAddr};

use pishtar_catalog::{Lesson, LessonId, Selection};
use pishtar_mesh::{Choices, Input, Mesh};
use serde::{Deserialize, Serialize};

use super::Handle;
use crate::{engine::disk, store::trust::TrustStoreError};

/// What is to happen with one lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Keep it here.
    Follow,
    /// Do not keep it; its bytes go when room is needed.
    Unfollow,
    /// Do not keep it, and give its room back now.
    Remove,
    /// Keep it, and never remove it to make room.
    Pin,
    /// It may be removed to make room again.
    Unpin,
}

/// A choice of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// About one lesson.
    Lesson(LessonId, Change),
    /// The rules for all others.
    Rules(Vec<Selection>),
}

/// One lesson after a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Lesson id.
    pub lesson: String,
    /// Whether it is kept here.
    pub followed: bool,
    /// Whether it is never removed to make room.
    pub pinned: bool,
    /// Verified bytes held.
    pub held_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Everything that is followed, in numbers.
    pub all: Sizes,
    /// Upper bound for what is held, in bytes.
    pub quota: Option<u64>,
    /// Bytes that lessons may still take on the disk.
    pub free: Option<u64>,
}

/// Lessons in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// How many.
    pub lessons: u64,
    /// Bytes of their files; a file of several lessons counts once.
    pub bytes: u64,
    /// Of these, bytes that are here.
    pub held_bytes: u64,
}

/// What this device keeps and could keep.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// Rules in force.
    pub rules: Vec<Selection>,
    /// Lessons that were chosen one by one.
    pub single: u64,
    /// Lessons that were left out one by one.
    pub left_out: u64,
    /// Pinned lessons.
    pub pinned: u64,
    /// All lessons that exist, by grade, subject and language.
    pub groups: BTreeMap<(u8, String, String), Sizes>,
    /// What the choice in question comes to, single lessons included.
    pub chosen: Sizes,
    /// Bytes held, of whatever.
    pub used: u64,
    /// Upper bound for what is held, in bytes.
    pub quota: Option<u64>,
    /// Bytes that lessons may still take on the disk.
    pub free: Option<u64>,
}

/// Why a choice was not taken over; the old one stays.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// No such lesson.
    #[error(
        "{0} is no lesson of the catalogues that this device has; `pishtar lessons --all` lists them"
    )]
    Unknown(String),
    /// The disk refused.
    #[error("the choice could not be written down: {0}")]
    Disk(#[from] TrustStoreError),
}

impl Handle {
    /// Takes a choice over: on the disk first, then in force. Blocks on the disk.
    ///
    /// # Errors
    /// [`ChooseError`]; then the old choice stays.
    pub fn choose(&self, choice: &Choice) -> Result<(), ChooseError> {
        let shared = &self.shared;
        if let Choice::Lesson(lesson, _) = choice
            && shared.mesh().catalog().lesson(lesson).is_none()
        {
            return Err(ChooseError::Unknown(lesson.to_string()));
        }
        let mut settings = match shared.settings.lock() {
            Ok(settings) => settings,
            Err(poisoned) => poisoned.into_inner(),
        };
        let choices = changed(settings.choices(), choice);
        settings.replace(choices.clone())?;
        // Under the lock, so that the core takes two choices in the order of the disk.
        let _ = shared.inputs.send(Input::SetChoices(choices));
        if let Choice::Lesson(lesson, Change::Remove) = choice {
            let _ = shared.inputs.send(Input::RemoveLesson(lesson.clone()));
        }
        Ok(())
    }

    /// May a browser at this address choose what is kept? Until people can sign in: only at the
    /// device itself, unless whoever started the node said otherwise.
    pub fn may_choose(&self, from: Option<IpAddr>) -> bool {
        let here = from.is_some_and(|from| from.to_canonical().is_loopback());
        here || (self.shared.choose_from_lan && from.is_some())
    }

    /// One lesson as it will stand after `choice`, which is in force in a moment.
    pub(crate) fn chosen(&self, lesson: &LessonId) -> Option<Chosen> {
        let choices = match self.shared.settings.lock() {
            Ok(settings) => settings.choices().clone(),
            Err(poisoned) => poisoned.into_inner().choices().clone(),
        };
        let free = disk::left_for_lessons(&self.shared.data).ok();
        let mesh = self.shared.mesh();
        let found = mesh.catalog().lesson(lesson)?;
        let state = mesh.state_of(found);
        Some(Chosen {
            lesson: lesson.to_string(),
            followed: choices.follows(found),
            pinned: choices.pins(lesson),
            held_bytes: state.held_bytes,
            total_bytes: state.total_bytes,
            all: sizes(&mesh, |lesson| choices.follows(lesson)),
            quota: mesh.quota(),
            free,
        })
    }

    /// What this device keeps, and what `rules` instead of the ones in force would come to.
    pub fn keeping(&self, rules: Option<&[Selection]>) -> Keeping {
        let free = disk::left_for_lessons(&self.shared.data).ok();
        let mesh = self.shared.mesh();
        let mut choices = mesh.choices().clone();
        let in_force = choices.rules.clone();
        if let Some(rules) = rules {
            choices.rules = rules.to_vec();
        }
        let mut groups: BTreeMap<(u8, String, String), Sizes> = BTreeMap::new();
        for lesson in mesh.catalog().lessons() {
            let key = (
                lesson.grade,
                lesson.subject.to_string(),
                lesson.language.to_string(),
            );
            let group = groups.entry(key).or_default();
            let state = mesh.state_of(lesson);
            group.lessons += 1;
            group.bytes += state.total_bytes;
            group.held_bytes += state.held_bytes;
        }
        Keeping {
            rules: in_force,
            single: choices.kept.len() as u64,
            left_out: choices.left_out.len() as u64,
            pinned: choices.pinned.len() as u64,
            chosen: sizes(&mesh, |lesson| choices.follows(lesson)),
            groups,
            used: mesh.counts().quota_used,
            quota: mesh.quota(),
            free,
        }
    }
}

fn changed(choices: &Choices, choice: &Choice) -> Choices {
    let mut choices = choices.clone();
    match choice {
        Choice::Rules(rules) => choices.rules.clone_from(rules),
        Choice::Lesson(lesson, change) => match change {
            Change::Follow => choices.follow(lesson.clone()),
            Change::Unfollow | Change::Remove => choices.unfollow(lesson.clone()),
            Change::Pin => choices.pin(lesson.clone()),
            Change::Unpin => choices.unpin(lesson),
        },
    }
    choices
}

fn sizes(mesh: &Mesh, takes: impl Fn(&Lesson) -> bool) -> Sizes {
    let mut sizes = Sizes::default();
    let mut files = BTreeMap::new();
    for lesson in mesh.catalog().lessons().filter(|lesson| takes(lesson)) {
        sizes.lessons += 1;
        files.extend(lesson.files.iter().map(|file| (file.blake3, file.length)));
    }
    for (hash, length) in files {
        sizes.bytes += length;
        sizes.held_bytes += mesh.held_bytes(&hash).min(length);
    }
    sizes
}
