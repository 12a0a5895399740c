//! `ceremony import`: signatures come back; each is verified over the workshop's own bytes before it is taken.

use std::path::{Path, PathBuf};

use pishtar_signing::client::MetaRole;
use pishtar_signing::key::Signature;
use pishtar_signing::repository::RepositoryError;
use sha2::{Digest, Sha256};

use super::super::error::MinistryError;
use super::super::keys::Ring;
use super::super::roles::Staged;
use super::super::status::waiting;
use super::super::workshop::Workshop;
use super::stick::{Case, Signed, read_stick};

pub(super) fn import(dir: &Path, sticks: &[PathBuf]) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let (mut taken, mut refused) = (String::new(), String::new());
    let mut touched = Vec::new();
    for stick in sticks {
        for case in read_stick(stick)? {
            if case.request.publisher != workshop.about.publisher {
                refused += &format!(
                    "{}: it belongs to the publisher {}\n",
                    case.file, case.request.publisher
                );
                continue;
            }
            touched.push(case.file.role.clone());
            for (_, signed) in case.signed()? {
                let name = ring.shown(&signed.keyid);
                match take(&mut staged, &ring, &case, &signed) {
                    Ok(Verdict::Taken) => taken += &format!("{}: signed by {name}\n", case.file),
                    Ok(Verdict::Known) => {
                        taken += &format!("{}: {name} has signed already\n", case.file)
                    }
                    Err(reason) => {
                        refused += &format!(
                            "{}: the signature by {name} is refused: {reason}\n",
                            case.file
                        )
                    }
                }
            }
        }
    }
    staged.save()?;
    if !refused.is_empty() {
        return Err(MinistryError::RefusedSignatures { taken, refused });
    }
    if taken.is_empty() {
        return Err(MinistryError::NothingSigned(
            "there is no signature on the stick yet\n".into(),
        ));
    }
    touched.sort();
    touched.dedup();
    let missing = waiting(&staged, &touched, &ring);
    let dir = workshop.shown();
    Ok(match missing.is_empty() {
        true => format!("{taken}All signatures are there.\nNext: pishtar ministry publish {dir}"),
        false => format!("{taken}Still missing:\n{missing}"),
    })
}

enum Verdict {
    Taken,
    Known,
}

/// Judges one signature against what waits in the workshop now.
fn take(
    staged: &mut Staged<'_>,
    ring: &Ring,
    case: &Case,
    signed: &Signed,
) -> Result<Verdict, String> {
    let role = &case.file.role;
    let remedy = "export it again and have it signed again";
    let version = staged.repository.version(role);
    if role != &MetaRole::Timestamp && version != case.file.version {
        return Err(match version {
            Some(version) => format!("version {version} is what waits now; {remedy}"),
            None => "the workshop has no such role".into(),
        });
    }
    let Some(message) = staged.repository.to_sign(role) else {
        return Err("that version is signed and published already".into());
    };
    if hex::encode(Sha256::digest(message)) != signed.sha256 {
        return Err(format!(
            "it was made over other content than what waits now; {remedy}"
        ));
    }
    let status = staged.repository.status(role);
    let signers = status.iter().flat_map(|status| &status.requirements);
    if signers
        .flat_map(|rule| &rule.signed)
        .any(|id| *id == signed.keyid)
    {
        return Ok(Verdict::Known);
    }
    let signature = Signature {
        keyid: signed.keyid.clone(),
        sig: signed.sig.clone(),
    };
    let added = staged.repository.add_signature(role, signature);
    added.map(|()| Verdict::Taken).map_err(|error| match error {
        RepositoryError::NotASigner { allowed, .. } => {
            format!(
                "that key may not sign {role}; these may: {}",
                ring.list(&allowed).join(", ")
            )
        }
        RepositoryError::WrongSignature { .. } => {
            "it is not that key's signature of these bytes: the stick is damaged, or somebody tried"
                .into()
        }
        other => other.to_string(),
    })
}
