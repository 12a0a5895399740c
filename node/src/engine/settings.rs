//! What the person who runs the node chose: kept in `settings.json`, replaced atomically.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use pishtar_catalog::Selection;
use serde::{Deserialize, Serialize};

use crate::store::trust::{TrustStoreError, replace_file};

/// Choices that survive a restart.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    file: PathBuf,
    /// Lessons that the node keeps.
    pub(super) follow: Vec<Selection>,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    #[serde(default)]
    follow: Vec<String>,
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
    pub(super) fn load(data: &Path) -> Result<Self, SettingsError> {
        let file = data.join("settings.json");
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    file,
                    follow: Vec::new(),
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
        let follow: Result<Vec<Selection>, _> =
            on_disk.follow.iter().map(|rule| rule.parse()).collect();
        let follow = follow.map_err(|error| damaged(format!("{error}")))?;
        Ok(Self { file, follow })
    }

    /// Replaces what the node follows, durably.
    ///
    /// # Errors
    /// What the disk said; the old choice stays.
    pub(super) fn replace_follow(&mut self, follow: Vec<Selection>) -> Result<(), TrustStoreError> {
        let on_disk = OnDisk {
            follow: follow.iter().map(ToString::to_string).collect(),
        };
        let bytes = serde_json::to_vec_pretty(&on_disk).expect("settings hold only strings");
        replace_file(&self.file, &bytes)?;
        self.follow = follow;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_a_restart_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::load(dir.path()).unwrap();
        assert!(settings.follow.is_empty());
        let rule: Selection = "grade=6,lang=sq".parse().unwrap();
        settings.replace_follow(vec![rule.clone()]).unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap().follow, [rule]);
        fs::write(dir.path().join("settings.json"), b"{").unwrap();
        assert!(
            Settings::load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("settings.json")
        );
    }
}
