//! What the person who runs the node chose: kept in `settings.json`, replaced atomically.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use pishtar_catalog::{LessonId, Selection};
use pishtar_mesh::Choices;
use serde::{Deserialize, Serialize};

use crate::store::trust::{TrustStoreError, replace_file};

/// Choices that survive a restart.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    file: PathBuf,
    choices: Choices,
    school: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    #[serde(default)]
    follow: Vec<String>,
    /// Single lessons that are followed.
    #[serde(default)]
    keep: Vec<String>,
    /// Single lessons that are not followed whatever the rules say.
    #[serde(default)]
    leave_out: Vec<String>,
    #[serde(default)]
    pinned: Vec<String>,
    /// The school that the device belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    school: Option<String>,
}

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not what this program writes.
    #[error("{file} does not read: {detail}; correct it, or remove it and give --follow again")]
    Damaged {
        /// The settings file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The disk said no.
    #[error("cannot read {file}: {cause}")]
    Read {
        /// The settings file.
        file: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

impl Settings {
    /// Reads the settings in the data folder; a folder without any has the defaults.
    ///
    /// # Errors
    /// A settings error, naming the file and the remedy.
    pub(crate) fn load(data: &Path) -> Result<Self, SettingsError> {
        let file = data.join("settings.json");
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    file,
                    choices: Choices::default(),
                    school: None,
                });
            }
            Err(cause) => return Err(SettingsError::Read { file, cause }),
        };
        let damaged = |detail: String| SettingsError::Damaged {
            file: file.clone(),
            detail,
        };
        let on_disk: OnDisk =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let rules: Result<Vec<Selection>, _> =
            on_disk.follow.iter().map(|rule| rule.parse()).collect();
        let rules = rules.map_err(|error| damaged(format!("{error}")))?;
        let lessons = |ids: &[String]| -> Result<BTreeSet<LessonId>, SettingsError> {
            let ids = ids.iter().map(|id| LessonId::new(id));
            ids.collect::<Result<_, _>>()
                .map_err(|error| damaged(error.to_string()))
        };
        let choices = Choices {
            rules,
            kept: lessons(&on_disk.keep)?,
            left_out: lessons(&on_disk.leave_out)?,
            pinned: lessons(&on_disk.pinned)?,
            ..Choices::default()
        };
        Ok(Self {
            file,
            choices,
            school: on_disk.school,
        })
    }

    /// What was chosen.
    pub(crate) fn choices(&self) -> &Choices {
        &self.choices
    }

    /// Replaces what was chosen, durably.
    ///
    /// # Errors
    /// What the disk said; the old choice stays.
    pub(crate) fn replace(&mut self, choices: Choices) -> Result<(), TrustStoreError> {
        self.write(&choices, self.school.clone())?;
        self.choices = choices;
        Ok(())
    }

    /// The school that the device belongs to, by publisher id.
    pub(crate) fn school(&self) -> Option<&str> {
        self.school.as_deref()
    }

    /// Says which school the device belongs to, durably.
    ///
    /// # Errors
    /// What the disk said; the old school stays.
    pub(crate) fn set_school(&mut self, school: Option<String>) -> Result<(), TrustStoreError> {
        self.write(&self.choices, school.clone())?;
        self.school = school;
        Ok(())
    }

    fn write(&self, choices: &Choices, school: Option<String>) -> Result<(), TrustStoreError> {
        let lessons = |ids: &BTreeSet<LessonId>| ids.iter().map(ToString::to_string).collect();
        let on_disk = OnDisk {
            follow: choices.rules.iter().map(ToString::to_string).collect(),
            keep: lessons(&choices.kept),
            leave_out: lessons(&choices.left_out),
            pinned: lessons(&choices.pinned),
            school,
        };
        let bytes = serde_json::to_vec_pretty(&on_disk).expect("settings hold only strings");
        replace_file(&self.file, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_a_restart_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::load(dir.path()).unwrap();
        assert_eq!(*settings.choices(), Choices::default());
        let mut choices = Choices {
            rules: vec!["grade=6,lang=sq".parse().unwrap()],
            ..Choices::default()
        };
        let lesson = |name: &str| LessonId::new(&format!("ministry/math-6-sq/{name}")).unwrap();
        choices.follow(lesson("kept"));
        choices.unfollow(lesson("left-out"));
        choices.pin(lesson("pinned"));
        settings.set_school(Some("shkolla-1".into())).unwrap();
        settings.replace(choices.clone()).unwrap();
        assert_eq!(
            Settings::load(dir.path()).unwrap().school(),
            Some("shkolla-1"),
            "another choice keeps it"
        );
        assert_eq!(*Settings::load(dir.path()).unwrap().choices(), choices);
        fs::write(dir.path().join("settings.json"), br#"{"follow": ["all"]}"#).unwrap();
        let old = Settings::load(dir.path()).unwrap();
        assert_eq!(
            old.choices().rules,
            [Selection::all()],
            "an older file reads"
        );
        fs::write(dir.path().join("settings.json"), b"{").unwrap();
        assert!(
            Settings::load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("settings.json")
        );
    }
}
