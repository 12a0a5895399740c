//! `ceremony export`: what waits for signatures, on a stick.

use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{MetaFile, MetaRole};

use super::super::error::MinistryError;
use super::super::keys::Ring;
use super::super::roles::Staged;
use super::super::workshop::{Workshop, create_dir, read_if_there};
use super::stick::{NewCase, write_case};
use super::summary;

pub(super) fn export(
    dir: &Path,
    roles: &[String],
    stick: &Path,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let mut wanted = Vec::new();
    for role in roles {
        wanted.push(staged.find(role)?);
    }
    if roles.is_empty() {
        wanted = staged.waiting_roles();
    }
    wanted.retain(|role| !staged.repository.is_complete(role));
    if wanted.is_empty() {
        return Ok("Nothing waits for a signature: nothing was written.".into());
    }
    create_dir(stick)?;
    let mut out = String::new();
    for role in &wanted {
        let (Some((file, bytes)), Some(to_sign)) = (
            staged.repository.file(role),
            staged.repository.to_sign(role),
        ) else {
            continue;
        };
        let case = write_case(
            stick,
            &NewCase {
                publisher: &workshop.about.publisher,
                file,
                bytes,
                to_sign,
                previous: previous(&staged, role)?,
                lists: staged.repository.key_lists(role),
                name: &|id| ring.shown(id),
                now,
            },
        )?;
        out += &summary::summary(&case, now);
        out += &summary::standing(&case)?;
    }
    let (stick, dir) = (stick.display(), workshop.shown());
    Ok(format!(
        "{out}\nIt lies on {stick}. On the machine with a key: pishtar ministry ceremony sign {stick} --key KEY\n\
         Back here: pishtar ministry ceremony import {dir} --from {stick}"
    ))
}

/// The version before: the root before the draft, else what was published last.
fn previous(staged: &Staged<'_>, role: &MetaRole) -> Result<Option<Vec<u8>>, MinistryError> {
    if *role == MetaRole::Root {
        return Ok(staged.repository.previous_root().map(<[u8]>::to_vec));
    }
    let Some(note) = staged.note(role) else {
        return Ok(None);
    };
    let file = match role {
        MetaRole::Timestamp => MetaFile::timestamp(),
        role => MetaFile::new(role.clone(), note.version),
    };
    let folder = staged.workshop.published().join("metadata");
    read_if_there(&folder.join(file.file_name()))
}
