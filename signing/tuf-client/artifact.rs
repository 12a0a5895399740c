//! Downloading one target (TUF 5.7).

use std::io::Read;

use pishtar_signing::metadata::{Hashes, TargetFile, TargetPath};
use sha2::{Digest as _, Sha256, Sha512};

use crate::disk::Folder;
use crate::error::ClientError;
use crate::escape;
use crate::source::Source;

const PIECE: usize = 64 << 10;
/// Longest file name that common file systems take, with room for the draft's.
const MAX_FILE_NAME: usize = 240;

/// Downloads `path` into `folder`, unless the right bytes are there already.
///
/// # Errors
/// [`ClientError::TargetDiffers`], [`ClientError::TargetMissing`], or network and disk; the folder is then unchanged.
pub(crate) fn fetch(
    path: &TargetPath,
    target: &TargetFile,
    source: &Source,
    folder: &Folder,
    consistent: bool,
) -> Result<(), ClientError> {
    let name = stored_name(path);
    if is_held(&name, target, folder)? {
        return Ok(());
    }
    let (wanted, known) = published_path(path, &target.hashes, consistent);
    let differs = |url: &str| ClientError::TargetDiffers {
        url: url.to_owned(),
        path: path.clone(),
    };
    if !known {
        return Err(differs(&wanted));
    }
    let answer = source.get(&wanted, target.length)?;
    let mut answer = answer.ok_or(ClientError::TargetMissing { url: wanted })?;
    folder.create()?;
    let mut draft = folder.draft(&name)?;
    let (mut tally, mut buffer) = (Tally::default(), vec![0; PIECE]);
    loop {
        let count = answer.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        tally.add(&buffer[..count]);
        // 5.7.3: no more than the promised length is read and kept.
        if tally.length > target.length {
            return Err(differs(&answer.url));
        }
        draft.write(&buffer[..count])?;
    }
    if !tally.is(target) {
        return Err(differs(&answer.url));
    }
    draft.install()
}

/// Path below the base URL: with consistent snapshots the last part carries a hash (TUF 6.2). Also whether the
/// metadata give a hash that we can check.
fn published_path(path: &TargetPath, hashes: &Hashes, consistent: bool) -> (String, bool) {
    let hash = ["sha256", "sha512"]
        .iter()
        .find_map(|name| hashes.0.get(*name));
    let plain = path.as_str();
    let (folder, file) = plain.split_at(plain.rfind('/').map_or(0, |slash| slash + 1));
    let published = match hash {
        Some(hash) if consistent => format!("{folder}{hash}.{file}"),
        _ => plain.to_owned(),
    };
    (escape::url_path(&published), hash.is_some())
}

fn stored_name(path: &TargetPath) -> String {
    let name = escape::file_name(path.as_str());
    if name.len() <= MAX_FILE_NAME {
        return name;
    }
    let Hashes(hashes) = Hashes::of(path.as_str().as_bytes());
    format!("sha256-{}", hashes["sha256"])
}

fn is_held(name: &str, target: &TargetFile, folder: &Folder) -> Result<bool, ClientError> {
    let Some(mut file) = folder.open(name)? else {
        return Ok(false);
    };
    let (mut tally, mut buffer) = (Tally::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(tally.is(target)),
            Ok(count) => tally.add(&buffer[..count]),
            // What cannot be read is fetched anew.
            Err(_) => return Ok(false),
        }
    }
}

/// Length and hashes of a stream.
#[derive(Default)]
struct Tally {
    length: u64,
    sha256: Sha256,
    sha512: Sha512,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    fn is(self, target: &TargetFile) -> bool {
        let (sha256, sha512) = (self.sha256.finalize().into(), self.sha512.finalize().into());
        self.length == target.length && target.hashes.match_digests(&sha256, Some(&sha512))
    }
}
