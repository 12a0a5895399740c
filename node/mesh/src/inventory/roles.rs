//! Roles come and go with the catalogues; their files keep their indexes.

use pishtar_catalog::{Catalog, MINISTRY};

use super::{FileIx, Inventory, Role, RoleIx};
use crate::wire::Bitmap;

impl Inventory {
    /// Takes over a role as the catalogue has it now; `None` when it is gone. Old files keep
    /// their indexes where the new version still names them. Returns files that lost a place.
    pub(crate) fn replace_role(
        &mut self,
        catalog: &Catalog,
        publisher: &str,
        name: &str,
        mut shuffle: impl FnMut() -> u64,
    ) -> Vec<FileIx> {
        let lost = self.drop_role(publisher, name);
        let Some((version, hashes)) = catalog.role_files(publisher, name) else {
            return lost;
        };
        let role_ix = self.new_role_ix(publisher, name);
        let mut files = Vec::with_capacity(hashes.len());
        let mut ours = Bitmap::default();
        for (position, hash) in (0u32..).zip(hashes) {
            let known = self.find(hash).or_else(|| {
                let (_, file) = catalog.file(hash)?;
                Some(self.intern(*hash, file.length, shuffle() as u32))
            });
            if let Some(ix) = known {
                let file = self.file_mut(ix);
                file.places.push((role_ix, position));
                ours.set(position as usize, file.is_complete());
            }
            files.push(known);
        }
        let role = Role {
            publisher: publisher.to_owned(),
            name: name.to_owned(),
            version,
            files,
            ours,
            changed_at: self.generation + 1,
            dirty: true,
        };
        self.roles[role_ix.0 as usize] = Some(role);
        self.changed();
        lost
    }

    /// Takes every place from files that others named first with another length than the ministry's role does now: the
    /// ministry's entry speaks for a hash. Returns them, to be withdrawn before the role is taken over.
    pub(crate) fn displace(
        &mut self,
        catalog: &Catalog,
        publisher: &str,
        name: &str,
    ) -> Vec<FileIx> {
        let role = catalog.role_files(publisher, name);
        let Some((_, hashes)) = role.filter(|_| publisher == MINISTRY) else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        for hash in hashes {
            let (Some(ix), Some((_, file))) = (self.find(hash), catalog.file(hash)) else {
                continue;
            };
            if file.length == self.file(ix).length || wrong.contains(&ix) {
                continue;
            }
            for (role, position) in std::mem::take(&mut self.file_mut(ix).places) {
                if let Some(role) = &mut self.roles[role.0 as usize] {
                    role.files[position as usize] = None;
                    role.ours.set(position as usize, false);
                    role.dirty = true;
                }
            }
            wrong.push(ix);
        }
        wrong
    }

    fn drop_role(&mut self, publisher: &str, name: &str) -> Vec<FileIx> {
        let Some(role_ix) = self.find_role(publisher, name) else {
            return Vec::new();
        };
        let Some(role) = self.roles[role_ix.0 as usize].take() else {
            return Vec::new();
        };
        let files: Vec<FileIx> = role.files.into_iter().flatten().collect();
        for &ix in &files {
            self.file_mut(ix)
                .places
                .retain(|(role, _)| *role != role_ix);
        }
        self.changed();
        files
    }

    /// A role keeps its index for the life of the process, so that peers' bitmaps stay apart.
    fn new_role_ix(&mut self, publisher: &str, name: &str) -> RoleIx {
        let next = RoleIx(
            u32::try_from(self.roles.len()).expect("metadata bounds keep roles far below 2^32"),
        );
        let of_publisher = self.by_name.entry(publisher.to_owned()).or_default();
        let ix = *of_publisher.entry(name.to_owned()).or_insert(next);
        if ix == next {
            self.roles.push(None);
        }
        ix
    }
}
