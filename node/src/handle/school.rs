//! The school that a device belongs to: whose key learners' work is sealed to beside the ministry's.

use pishtar_catalog::MINISTRY;
use pishtar_signing::record::Recipients;

use super::{Handle, SaveError};
use crate::{school, store::trust::TrustStoreError};

impl Handle {
    /// The school that the device belongs to, by publisher id: as somebody said, else the one whose workshop lies in the
    /// data folder.
    pub fn school(&self) -> Option<String> {
        let settings = self.shared.settings.lock().expect("no holder panics");
        let said = settings.school().map(str::to_owned);
        drop(settings);
        said.or_else(|| school::own_id(&self.shared.data))
    }

    /// Says which school the device belongs to; remembered.
    ///
    /// # Errors
    /// What the disk said; the old school stays.
    pub fn set_school(&self, id: Option<String>) -> Result<(), TrustStoreError> {
        let mut settings = self.shared.settings.lock().expect("no holder panics");
        settings.set_school(id)
    }

    /// Whom a record is sealed to now: the newest keys that verified metadata names. A school whose catalogue is not here,
    /// or that the ministry revoked, gets nothing.
    ///
    /// # Errors
    /// [`SaveError::NoCollectionKey`] before the ministry's catalogue is here.
    pub fn recipients(&self) -> Result<Recipients, SaveError> {
        self.recipients_with(self.school())
    }

    /// The same for the work of learners of a given school.
    pub(super) fn recipients_with(&self, school: Option<String>) -> Result<Recipients, SaveError> {
        let mesh = self.shared.mesh();
        let catalog = mesh.catalog();
        let ministry = catalog
            .collection_key(MINISTRY)
            .copied()
            .ok_or(SaveError::NoCollectionKey)?;
        let school = school.and_then(|id| catalog.collection_key(&id));
        Ok(Recipients {
            ministry,
            school: school.map(|key| key.seal),
        })
    }
}
