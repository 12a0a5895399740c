//! What a stick holds: `pishtar-ceremony/<publisher>/<version>.<role>/` with
//!
//! - `<version>.<role>.json`: the file to be signed, with the signatures that it has;
//! - `to-sign`: the very bytes to be signed, for tools that know nothing of TUF;
//! - `previous.json`: the version before, to compare with;
//! - `request.json`: whose signatures are asked for, and the names of keys;
//! - `summary.txt`: what changes, for reading; the signer's machine makes its own from the bytes;
//! - `signatures/<key id>.json`: what was signed so far.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use pishtar_signing::client::{MAX_TARGETS_BYTES, MetaFile};
use pishtar_signing::key::{KeyId, PublicKey, RoleKeys, Signature};
use pishtar_signing::repository::KeyList;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::super::error::MinistryError;
use super::super::roles::file_names;
use super::super::workshop::create_dir;
use super::parsed::Parsed;

const FOLDER: &str = "pishtar-ceremony";
const REQUEST: &str = "request.json";
const TO_SIGN: &str = "to-sign";
const PREVIOUS: &str = "previous.json";
const SUMMARY: &str = "summary.txt";
const SIGNATURES: &str = "signatures";
/// Key lists and signatures are small.
const MAX_SMALL: u64 = 1 << 20;
/// Files on one stick; more is a mistake or a trap.
const MAX_REQUESTS: usize = 4096;

/// Whose signatures a file needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) publisher: String,
    /// Such as `2.root.json`.
    pub(super) file: String,
    pub(super) lists: Vec<List>,
}

/// Keys of which some must sign.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct List {
    pub(super) by: String,
    pub(super) threshold: u64,
    pub(super) keys: BTreeMap<KeyId, NamedPublic>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NamedPublic {
    pub(super) name: String,
    key: Map<String, Value>,
}

/// Who of a list has signed, and who has not.
pub(super) struct Standing<'c> {
    pub(super) list: &'c List,
    pub(super) signed: Vec<KeyId>,
    pub(super) missing: Vec<KeyId>,
}

/// A signature with what it was made over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signed {
    pub(super) keyid: KeyId,
    pub(super) sig: String,
    /// SHA-256 of the bytes that were signed, hex.
    pub(super) sha256: String,
}

/// One file on a stick, read and checked.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) folder: PathBuf,
    pub(super) request: Request,
    pub(super) file: MetaFile,
    pub(super) new: Parsed,
    pub(super) previous: Option<Parsed>,
}

/// What `export` writes for one file.
pub(super) struct NewCase<'c> {
    pub(super) publisher: &'c str,
    pub(super) file: MetaFile,
    pub(super) bytes: &'c [u8],
    pub(super) to_sign: &'c [u8],
    pub(super) previous: Option<Vec<u8>>,
    pub(super) lists: Vec<KeyList>,
    /// How people call a key.
    pub(super) name: &'c dyn Fn(&KeyId) -> String,
    pub(super) now: i64,
}

/// Text from a stick or a file must not write over what else the screen says.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

impl Request {
    fn make_printable(&mut self) {
        self.publisher = printable(&self.publisher);
        for list in &mut self.lists {
            list.by = printable(&list.by);
            for key in list.keys.values_mut() {
                key.name = printable(&key.name);
            }
        }
    }
}

impl List {
    /// The keys, as metadata name them; those that cannot be read are left out and cannot sign.
    fn keys(&self) -> BTreeMap<KeyId, PublicKey> {
        let keys = self.keys.iter();
        keys.filter_map(|(id, named)| {
            Some((id.clone(), PublicKey::from_json(named.key.clone()).ok()?))
        })
        .collect()
    }
}

impl Case {
    /// Every key that is asked to sign.
    pub(super) fn keys(&self) -> BTreeMap<KeyId, PublicKey> {
        self.request.lists.iter().flat_map(List::keys).collect()
    }

    /// How the workshop calls a key.
    pub(super) fn name(&self, id: &KeyId) -> String {
        let lists = self.request.lists.iter();
        let named = lists.filter_map(|list| list.keys.get(id)).next();
        let short: String = id.0.chars().take(12).collect();
        named.map_or_else(
            || format!("key {short}…"),
            |named| format!("{} ({short}…)", named.name),
        )
    }

    /// Signatures made so far, verified or not: those in the file and those beside it.
    pub(super) fn signatures(&self) -> Result<Vec<Signature>, MinistryError> {
        let mut all = self.new.signatures().to_vec();
        for (_, signed) in self.signed()? {
            all.push(Signature {
                keyid: signed.keyid,
                sig: signed.sig,
            });
        }
        Ok(all)
    }

    /// The signature files, by name.
    pub(super) fn signed(&self) -> Result<Vec<(String, Signed)>, MinistryError> {
        let folder = self.folder.join(SIGNATURES);
        let names = if folder.is_dir() {
            file_names(&folder)?
        } else {
            Vec::new()
        };
        let mut all = Vec::new();
        for name in names
            .into_iter()
            .filter(|name| name.ends_with(".json"))
            .take(MAX_REQUESTS)
        {
            let path = folder.join(&name);
            let signed = serde_json::from_slice(&read(&path, MAX_SMALL)?)
                .map_err(|error| bad(&path, &format!("it is not a signature: {error}")))?;
            all.push((name, signed));
        }
        Ok(all)
    }

    /// Each key list with who has validly signed and who has not.
    pub(super) fn standing(&self) -> Result<Vec<Standing<'_>>, MinistryError> {
        let signatures = self.signatures()?;
        let message = self.new.message();
        let lists = self.request.lists.iter().map(|list| {
            let keys = list.keys();
            let role = RoleKeys {
                keyids: list.keys.keys().cloned().collect(),
                threshold: list.threshold,
            };
            let signers = role.valid_signers(&keys, message, &signatures);
            let (signed, missing) = list
                .keys
                .keys()
                .cloned()
                .partition(|id| signers.contains(id));
            Standing {
                list,
                signed,
                missing,
            }
        });
        Ok(lists.collect())
    }

    /// Adds a signature to the stick.
    pub(super) fn add(&self, signature: &Signature) -> Result<(), MinistryError> {
        let signed = Signed {
            keyid: signature.keyid.clone(),
            sig: signature.sig.clone(),
            sha256: hex::encode(Sha256::digest(self.new.message())),
        };
        let folder = self.folder.join(SIGNATURES);
        create_dir(&folder)?;
        let short: String = signature
            .keyid
            .0
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(32)
            .collect();
        let json = serde_json::to_vec_pretty(&signed).expect("strings are JSON");
        write(&folder.join(format!("{short}.json")), &json)
    }

    fn read(folder: PathBuf) -> Result<Case, MinistryError> {
        let path = folder.join(REQUEST);
        let mut request: Request =
            serde_json::from_slice(&read(&path, MAX_SMALL)?).map_err(|error| {
                bad(
                    &path,
                    &format!("it is not a request for signatures: {error}"),
                )
            })?;
        request.make_printable();
        let file = MetaFile::parse(&request.file).ok_or_else(|| {
            bad(
                &path,
                &format!("{} is not a metadata file's name", request.file),
            )
        })?;
        let path = folder.join(file.file_name());
        let new = Parsed::read(&file.role, &read(&path, MAX_TARGETS_BYTES)?)
            .map_err(|problem| bad(&path, &problem.to_string()))?;
        let (version, _) = new.header();
        if file.version.is_some_and(|named| named != version) {
            return Err(bad(&path, &format!("it holds version {version}")));
        }
        let to_sign = folder.join(TO_SIGN);
        if read(&to_sign, MAX_TARGETS_BYTES)? != new.message() {
            return Err(bad(
                &to_sign,
                "it holds other bytes than the file beside it",
            ));
        }
        let path = folder.join(PREVIOUS);
        let previous = match path.exists() {
            true => Some(
                Parsed::read(&file.role, &read(&path, MAX_TARGETS_BYTES)?)
                    .map_err(|problem| bad(&path, &problem.to_string()))?,
            ),
            false => None,
        };
        Ok(Case {
            folder,
            request,
            file,
            new,
            previous,
        })
    }
}

/// Writes one file to be signed. What was signed before over the same bytes stays; over other bytes it goes.
pub(super) fn write_case(stick: &Path, case: &NewCase<'_>) -> Result<Case, MinistryError> {
    let file = case.file.file_name();
    let folder = stick
        .join(FOLDER)
        .join(case.publisher)
        .join(file.trim_end_matches(".json"));
    if fs::read(folder.join(TO_SIGN)).is_ok_and(|there| there != case.to_sign) {
        fs::remove_dir_all(&folder).map_err(MinistryError::io("removing", &folder))?;
    }
    create_dir(&folder.join(SIGNATURES))?;
    let list = |list: &KeyList| List {
        by: list.by.clone(),
        threshold: list.threshold,
        keys: list
            .keys
            .iter()
            .map(|(id, key)| {
                let (name, key) = ((case.name)(id), key.to_json().clone());
                (id.clone(), NamedPublic { name, key })
            })
            .collect(),
    };
    let request = Request {
        publisher: case.publisher.to_owned(),
        file: file.clone(),
        lists: case.lists.iter().map(list).collect(),
    };
    let json = serde_json::to_vec_pretty(&request).expect("strings and numbers are JSON");
    write(&folder.join(&file), case.bytes)?;
    write(&folder.join(TO_SIGN), case.to_sign)?;
    if let Some(previous) = &case.previous {
        write(&folder.join(PREVIOUS), previous)?;
    }
    write(&folder.join(REQUEST), &json)?;
    let written = Case::read(folder)?;
    let summary = super::summary::summary(&written, case.now);
    write(&written.folder.join(SUMMARY), summary.as_bytes())?;
    Ok(written)
}

/// Everything on a stick, in order.
pub(super) fn read_stick(stick: &Path) -> Result<Vec<Case>, MinistryError> {
    let top = stick.join(FOLDER);
    let nothing = || MinistryError::NoCeremony(stick.display().to_string());
    if !top.is_dir() {
        return Err(nothing());
    }
    let mut cases = Vec::new();
    for publisher in file_names(&top)? {
        let folder = top.join(publisher);
        let names = if folder.is_dir() {
            file_names(&folder)?
        } else {
            Vec::new()
        };
        for name in names.into_iter().filter(|name| !name.starts_with('.')) {
            if cases.len() < MAX_REQUESTS && folder.join(&name).is_dir() {
                cases.push(Case::read(folder.join(name))?);
            }
        }
    }
    if cases.is_empty() {
        return Err(nothing());
    }
    // In the order in which they take effect: a new root first.
    cases.sort_by(|a, b| {
        a.file
            .role
            .cmp(&b.file.role)
            .then(a.file.version.cmp(&b.file.version))
    });
    Ok(cases)
}

/// Sticks know no owners and modes, so none are set.
fn write(path: &Path, bytes: &[u8]) -> Result<(), MinistryError> {
    let temporary = path.with_extension("part");
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(MinistryError::io("writing", path))
}

fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, MinistryError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(max_bytes + 1).read_to_end(&mut bytes))
        .map_err(MinistryError::io("reading", path))?;
    if bytes.len() as u64 > max_bytes {
        return Err(bad(path, &format!("it is larger than {max_bytes} bytes")));
    }
    Ok(bytes)
}

fn bad(path: &Path, reason: &str) -> MinistryError {
    MinistryError::BadStick {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}
