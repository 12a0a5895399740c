//! Many small files, as thumbnails and worksheets are.

use std::{fs, io::Read, path::Path};

use anyhow::Result;

/// Shortest and longest file in bytes.
const LENGTHS: std::ops::RangeInclusive<u64> = 4 << 10..=40 << 10;
/// Files in one folder.
const PER_FOLDER: usize = 100;

/// Writes `count` files of random bytes and lengths, the same every time; their paths and their bytes in all.
///
/// # Errors
/// When the disk fails.
pub(super) fn write(folder: &Path, count: usize) -> Result<(Vec<String>, u64)> {
    let mut stream = blake3::Hasher::new().update(b"small").finalize_xof();
    let mut paths = Vec::with_capacity(count);
    let mut whole = 0;
    for number in 0..count {
        let path = format!("{:03}/{number:05}.jpg", number / PER_FOLDER);
        let mut draw = [0; 8];
        stream.read_exact(&mut draw)?;
        let length =
            LENGTHS.start() + u64::from_le_bytes(draw) % (LENGTHS.end() - LENGTHS.start() + 1);
        let mut bytes = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut bytes)?;
        if number % PER_FOLDER == 0 {
            fs::create_dir_all(folder.join(format!("{:03}", number / PER_FOLDER)))?;
        }
        fs::write(folder.join(&path), bytes)?;
        paths.push(path);
        whole += length;
    }
    Ok((paths, whole))
}
