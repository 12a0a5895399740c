//! What a rotation changes: checked as a whole before a key is made or moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pishtar_signing::key::{KeyId, PublicKey};
use pishtar_signing::repository::Signatories;

use super::super::error::MinistryError;
use super::super::keys::{self, OLD, Passphrases, Ring};
use super::super::workshop::{Workshop, create_dir};
use super::{RotateArgs, read_public};

/// Keys that go, stay and come.
pub(super) struct Plan {
    /// Keys that go, with their names.
    out: Vec<(KeyId, String)>,
    stay: Vec<PublicKey>,
    /// Keys that come from elsewhere, with their names.
    add: Vec<(PublicKey, String)>,
    /// Names of keys to make.
    make: Vec<String>,
    threshold: u64,
    lock: bool,
}

/// What became of it.
pub(super) struct Made {
    pub(super) to: Signatories,
    /// Names of all keys, for the workshop's notes.
    pub(super) names: BTreeMap<KeyId, String>,
    /// For people, line by line.
    pub(super) said: String,
}

/// What a plan is made from.
pub(super) struct Before<'b> {
    pub(super) args: &'b RotateArgs,
    pub(super) workshop: &'b Workshop,
    pub(super) ring: &'b Ring,
    /// Who signs the role now.
    pub(super) present: Signatories,
    /// Keys that sign another role too: their files stay where they are.
    pub(super) elsewhere: BTreeSet<KeyId>,
}

impl Before<'_> {
    pub(super) fn plan(&self) -> Result<Plan, MinistryError> {
        let replaced = self.replaced()?;
        let mut make = self.args.new_key.clone();
        if let Some((id, name)) = &replaced
            && self.args.add_key.is_empty()
            && make.is_empty()
        {
            make.push(self.successor(id, name));
        }
        for name in &make {
            self.check_new_name(name, replaced.as_ref())?;
        }
        let mut out: Vec<(KeyId, String)> = replaced.into_iter().collect();
        for name in &self.args.remove {
            out.push(self.find(name)?);
        }
        let goes = |key: &&PublicKey| !out.iter().any(|(id, _)| *id == key.id());
        let stay: Vec<PublicKey> = self.present.keys.iter().filter(goes).cloned().collect();
        let add = self.added(&stay)?;
        let threshold = self.args.threshold.unwrap_or(self.present.threshold);
        let count = (stay.len() + add.len() + make.len()) as u64;
        if threshold == 0 || threshold > count {
            return Err(self.refused(format!(
                "it would have {count} keys of which {threshold} must sign, which can never be: \
                 give --threshold 1 to {count}, or add keys"
            )));
        }
        let was_locked = out.iter().any(|(_, name)| {
            keys::is_locked(&self.workshop.keys().join(format!("{name}.json"))).unwrap_or(false)
        });
        Ok(Plan {
            out,
            stay,
            add,
            make,
            threshold,
            lock: self.args.encrypt_keys || was_locked,
        })
    }

    /// The key that another takes the place of: the one named, or the only one when nothing else is asked for.
    fn replaced(&self) -> Result<Option<(KeyId, String)>, MinistryError> {
        let args = self.args;
        let nothing_else = args.add_key.is_empty()
            && args.new_key.is_empty()
            && args.remove.is_empty()
            && args.threshold.is_none();
        match (&args.replace, &self.present.keys[..]) {
            (Some(name), _) => self.find(name).map(Some),
            (None, [one]) if nothing_else => Ok(Some((one.id(), self.ring.shown(&one.id())))),
            (None, _) if nothing_else => Err(self.refused(format!(
                "say with --replace which of its keys: {}",
                self.listed()
            ))),
            (None, _) => Ok(None),
        }
    }

    /// Keys that are kept elsewhere and sign from now on.
    fn added(&self, stay: &[PublicKey]) -> Result<Vec<(PublicKey, String)>, MinistryError> {
        let mut add: Vec<(PublicKey, String)> = Vec::new();
        for file in &self.args.add_key {
            let (key, _) = read_public(file)?;
            let mut there = stay.iter().chain(add.iter().map(|(key, _)| key));
            if there.any(|there| there.to_pem() == key.to_pem()) {
                let file = file.display();
                return Err(self.refused(format!("the key in {file} signs it already")));
            }
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            add.push((key, name.into_owned()));
        }
        Ok(add)
    }

    /// The name of the key that comes in a key's place: the same, where that is free then.
    fn successor(&self, id: &KeyId, name: &str) -> String {
        let is_name =
            !name.starts_with("key ") && !name.starts_with(OLD) && !id.0.starts_with(name);
        match is_name && !self.elsewhere.contains(id) {
            true => name.to_owned(),
            false => self.free_name(),
        }
    }

    fn free_name(&self) -> String {
        let known = &self.workshop.about.names;
        let taken = |name: &String| {
            self.workshop.keys().join(format!("{name}.json")).exists()
                || known.values().any(|there| there == name)
        };
        let mut names = (1..).map(|number| format!("{}-{number}", self.args.role));
        names
            .find(|name| !taken(name))
            .expect("numbers do not run out")
    }

    /// A key's name is a file's name, and no other key's.
    fn check_new_name(
        &self,
        name: &str,
        replaced: Option<&(KeyId, String)>,
    ) -> Result<(), MinistryError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || !name.chars().all(plain) || name == "collection" {
            return Err(self.refused(format!(
                "{name} cannot be a key's name: use letters, digits and hyphens"
            )));
        }
        let moves_away = replaced.is_some_and(|(_, old)| old == name);
        if !moves_away && self.workshop.keys().join(format!("{name}.json")).exists() {
            return Err(self.refused(format!("there is a key {name} already: give another name")));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<(KeyId, String), MinistryError> {
        let found = self.ring.find(&self.present.keys, name);
        let found = found.map(|key| (key.id(), self.ring.shown(&key.id())));
        found.ok_or_else(|| {
            self.refused(format!(
                "it has no key {name}: its keys are {}",
                self.listed()
            ))
        })
    }

    fn listed(&self) -> String {
        let ids: Vec<KeyId> = self.present.keys.iter().map(PublicKey::id).collect();
        self.ring.list(&ids).join(", ")
    }

    fn refused(&self, reason: String) -> MinistryError {
        MinistryError::Rotation {
            role: self.args.role.clone(),
            reason,
        }
    }

    /// Moves replaced key files away and makes new ones.
    pub(super) fn carry_out(&self, plan: Plan) -> Result<Made, MinistryError> {
        let lock = match plan.lock && !plan.make.is_empty() {
            true => Some(Passphrases::new(&self.args.passphrase)?.choose()?),
            false => None,
        };
        let mut names = self.workshop.about.names.clone();
        let mut said = String::new();
        for (id, name) in &plan.out {
            said += &format!("{name} signs {} no longer", self.args.role);
            if self.elsewhere.contains(id) {
                said += "; it goes on signing other roles\n";
                continue;
            }
            said += match retire(self.workshop, name)? {
                true => {
                    "; its file lies in keys/retired and should be destroyed once nothing needs it\n"
                }
                false => "; its file is not in the workshop\n",
            };
            names.insert(id.clone(), format!("{OLD}{name}"));
        }
        let mut all = plan.stay;
        for (key, name) in plan.add {
            said += &format!("{name} signs from now on; its secret half is kept elsewhere\n");
            names.entry(key.id()).or_insert(name);
            all.push(key);
        }
        for name in plan.make {
            let path = self.workshop.keys().join(format!("{name}.json"));
            let key = keys::create(&path, lock.as_ref().map(|text| text.as_str()))?;
            said += &format!("{name} is new: {}\n", path.display());
            names.insert(key.public().id(), name);
            all.push(key.public());
        }
        Ok(Made {
            to: Signatories {
                keys: all,
                threshold: plan.threshold,
            },
            names,
            said,
        })
    }
}

/// Moves a key's file out of use without destroying it; says whether there was one.
pub(in super::super) fn retire(workshop: &Workshop, name: &str) -> Result<bool, MinistryError> {
    let path = workshop.keys().join(format!("{name}.json"));
    if !path.exists() {
        return Ok(false);
    }
    let retired = workshop.keys().join("retired");
    create_dir(&retired)?;
    let places = (1..).map(|number| retired.join(format!("{name}.{number}.json")));
    let place = places
        .into_iter()
        .find(|place| !place.exists())
        .expect("numbers do not run out");
    fs::rename(&path, &place).map_err(MinistryError::io("moving", &path))?;
    Ok(true)
}
