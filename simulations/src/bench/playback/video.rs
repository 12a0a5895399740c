//! A video of 2 Mbit/s whose frames lie where arithmetic says: a player's reading can be followed without a decoder.

use std::{fs::File, io::Write, ops::Range, path::Path};

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// Frames per second.
pub(super) const RATE: u64 = 25;
/// Frames from one key frame to the next.
const GROUP: u64 = 50;
/// A key frame in bytes.
const KEY_BYTES: u64 = 60_000;
/// Any other frame in bytes.
const OTHER_BYTES: u64 = 8_979;
const GROUP_BYTES: u64 = KEY_BYTES + (GROUP - 1) * OTHER_BYTES;

/// Where things lie in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Video {
    /// Length of the file in bytes.
    pub length: u64,
    /// Frames in all.
    pub frames: u64,
    /// The `moov` box.
    pub moov: Range<u64>,
    /// The first frame; all others follow.
    pub media_from: u64,
}

impl Video {
    /// Writes one of so many seconds, with random frames and `moov` in front of or behind them.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(path: &Path, seconds: u64, moov_last: bool) -> Result<Video> {
        let frames = seconds * RATE;
        let media_bytes = start_of(frames);
        let mut file = File::create(path)?;
        let ftyp = boxed(b"ftyp", &[b"isom\0\0\x02\0", b"isomavc1"]);
        let at = ftyp.len() as u64;
        let moov_bytes = moov(seconds, frames, 0).len() as u64;
        let media_from = at + 8 + if moov_last { 0 } else { moov_bytes };
        let moov_from = at + if moov_last { 8 + media_bytes } else { 0 };
        let moov = moov(seconds, frames, media_from);
        file.write_all(&ftyp)?;
        if !moov_last {
            file.write_all(&moov)?;
        }
        file.write_all(&u32::try_from(media_bytes + 8)?.to_be_bytes())?;
        file.write_all(b"mdat")?;
        crate::bench::one_to_one::write_random(&mut file, media_bytes)?;
        if moov_last {
            file.write_all(&moov)?;
        }
        Ok(Video {
            length: at + 8 + moov_bytes + media_bytes,
            frames,
            moov: moov_from..moov_from + moov_bytes,
            media_from,
        })
    }

    /// The key frame that a decoder needs to show this frame.
    pub(super) fn key_before(&self, frame: u64) -> u64 {
        frame - frame % GROUP
    }

    /// Where a frame begins in the file.
    pub(super) fn offset(&self, frame: u64) -> u64 {
        self.media_from + start_of(frame)
    }

    /// The first frame that is not complete when everything before this place in the file is there.
    pub(super) fn complete_before(&self, place: u64) -> u64 {
        let bytes = place.saturating_sub(self.media_from);
        let rest = bytes % GROUP_BYTES;
        let in_group = match rest.checked_sub(KEY_BYTES) {
            Some(others) => 1 + others / OTHER_BYTES,
            None => 0,
        };
        (bytes / GROUP_BYTES * GROUP + in_group).min(self.frames)
    }
}

/// Where a frame begins among the frames.
fn start_of(frame: u64) -> u64 {
    let others = match frame % GROUP {
        0 => 0,
        within => KEY_BYTES + (within - 1) * OTHER_BYTES,
    };
    frame / GROUP * GROUP_BYTES + others
}

/// What a player reads before the frames, as long as in any such video: durations, a size for each frame, an offset
/// for each group (ISO/IEC 14496-12). What only a decoder needs is left out.
fn moov(seconds: u64, frames: u64, media_from: u64) -> Vec<u8> {
    let seconds = seconds as u32;
    let mut mvhd = vec![0; 100];
    mvhd[12..16].copy_from_slice(&1_u32.to_be_bytes());
    mvhd[16..20].copy_from_slice(&seconds.to_be_bytes());
    mvhd[20..24].copy_from_slice(&0x1_0000_u32.to_be_bytes());
    mvhd[24..26].copy_from_slice(&0x100_u16.to_be_bytes());
    mvhd[96..].copy_from_slice(&2_u32.to_be_bytes());
    let sizes = (0..frames).map(|frame| (start_of(frame + 1) - start_of(frame)) as u32);
    let groups = (0..frames).step_by(GROUP as usize);
    let places = groups.map(|frame| (media_from + start_of(frame)) as u32);
    let mut stsz = vec![0; 8];
    stsz.extend((frames as u32).to_be_bytes());
    stsz.extend(sizes.flat_map(u32::to_be_bytes));
    let mut stco = vec![0; 4];
    stco.extend((frames.div_ceil(GROUP) as u32).to_be_bytes());
    stco.extend(places.flat_map(u32::to_be_bytes));
    let tables = boxed(
        b"stbl",
        &[&boxed(b"stsz", &[&stsz]), &boxed(b"stco", &[&stco])],
    );
    let media = boxed(b"mdia", &[&boxed(b"minf", &[&tables])]);
    boxed(
        b"moov",
        &[&boxed(b"mvhd", &[&mvhd]), &boxed(b"trak", &[&media])],
    )
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = ((body.len() + 8) as u32).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_where_they_are_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        for moov_last in [false, true] {
            let path = folder.path().join("video.mp4");
            let video = Video::write(&path, 6, moov_last).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len() as u64, video.length);
            assert_eq!(&bytes[video.moov.start as usize + 4..][..4], b"moov");
            assert_eq!(&bytes[video.media_from as usize - 4..][..4], b"mdat");
            for frame in 0..video.frames {
                let end = video.offset(frame + 1);
                assert_eq!(video.complete_before(end), frame + 1);
                assert_eq!(video.complete_before(end - 1), frame);
            }
            assert_eq!(video.key_before(99), 50);
            let bits = 8 * (video.offset(video.frames) - video.media_from);
            assert!(bits.abs_diff(6 * 2_000_000) < 10_000, "2 Mbit/s: {bits}");
        }
    }
}
