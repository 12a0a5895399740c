//! What a player needs to know about an mp4 before it has all of it: playing time and where `moov` lies.
//!
//! Only the boxes that answer the questions are read (ISO/IEC 14496-12); whatever else a recorder wrote into
//! the file is stepped over.

use std::io::{Read, Seek, SeekFrom};

use mp4_atom::{Atom, Buf, Decode, DecodeAtom, FourCC, Header, Mehd, Mvhd, Tkhd};

/// The largest `moov` box read into memory: ten hours of video have about 20 MiB.
const MAX_MOOV_BYTES: u64 = 64 << 20;
/// More top-level boxes than this are not walked: a fragmented file of ten hours has about 40,000.
const MAX_BOXES: usize = 200_000;

/// What [`probe`] found. Zero means unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mp4 {
    /// Playing time in seconds, rounded up.
    pub duration_s: u32,
    /// Bytes from the start that a player reads before it shows anything.
    pub head_bytes: u64,
    /// Bytes at the end that a player reads first, because `moov` lies behind the media; 0 when it does not.
    pub tail_bytes: u64,
    /// Picture width in pixels, 0 without a picture.
    pub width: u32,
    /// Picture height in pixels, 0 without a picture.
    pub height: u32,
}

/// Why a file is not a playable mp4.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Reading failed.
    #[error("reading failed: {0}")]
    Io(#[from] std::io::Error),
    /// No `ftyp` or `moov` box, or one that contradicts itself.
    #[error(
        "it is not a complete mp4 ({0}): export it again, or repair it with ffmpeg -i in.mp4 -c copy out.mp4"
    )]
    NotMp4(&'static str),
}

/// Reads the boxes of an mp4 from its start.
///
/// # Errors
/// [`ProbeError::NotMp4`] for a file that no player would open, for example a recording that was cut off.
pub fn probe<R: Read + Seek>(file: &mut R) -> Result<Mp4, ProbeError> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut seen = Layout::default();
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        if at >= length || (seen.moov.is_some() && seen.media_from.is_some()) {
            break;
        }
        let Some(top) = read_box(file, at, length)? else {
            break;
        };
        seen.note(&top);
        at = top.end;
    }
    let moov = seen.moov.ok_or(ProbeError::NotMp4("it has no moov box"))?;
    if !seen.starts_right {
        return Err(ProbeError::NotMp4("it does not begin with an ftyp box"));
    }
    let mut found = read_moov(file, &moov)?;
    match seen.media_from {
        Some(media) if media < moov.start => {
            found.head_bytes = media;
            found.tail_bytes = length - moov.start;
        }
        _ => found.head_bytes = moov.end,
    }
    Ok(found)
}

/// One box: where it starts, where its body starts and where it ends, in bytes from the start of the file.
struct BoxSpan {
    kind: FourCC,
    start: u64,
    body: u64,
    end: u64,
}

/// The order of the top-level boxes as far as it matters.
#[derive(Default)]
struct Layout {
    starts_right: bool,
    moov: Option<BoxSpan>,
    /// End of the first media box's header.
    media_from: Option<u64>,
}

impl Layout {
    fn note(&mut self, top: &BoxSpan) {
        match top.kind.as_ref() {
            // QuickTime files of old cameras have no ftyp; they begin with one of these.
            b"ftyp" | b"wide" | b"free" | b"skip" | b"mdat" | b"moov" if top.start == 0 => {
                self.starts_right = true
            }
            _ => {}
        }
        match top.kind.as_ref() {
            b"moov" if self.moov.is_none() => {
                self.moov = Some(BoxSpan {
                    kind: top.kind,
                    start: top.start,
                    body: top.body,
                    end: top.end,
                });
            }
            b"mdat" | b"moof" if self.media_from.is_none() => self.media_from = Some(top.body),
            _ => {}
        }
    }
}

/// The box at `at`, or `None` when what is there is no box.
fn read_box<R: Read + Seek>(
    file: &mut R,
    at: u64,
    length: u64,
) -> Result<Option<BoxSpan>, ProbeError> {
    let mut bytes = [0; 16];
    let have = usize::try_from((length - at).min(16)).expect("at most 16");
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes[..have])?;
    let mut rest = &bytes[..have];
    let Ok(header) = Header::decode(&mut rest) else {
        return Ok(None);
    };
    let body = at + (have - rest.len()) as u64;
    let end = match header.size {
        Some(size) => body.saturating_add(size as u64),
        None => length,
    };
    if end > length && header.kind.as_ref() == b"moov" {
        return Err(ProbeError::NotMp4("its moov box is cut off"));
    }
    Ok(Some(BoxSpan {
        kind: header.kind,
        start: at,
        body,
        end: end.min(length),
    }))
}

fn read_moov<R: Read + Seek>(file: &mut R, moov: &BoxSpan) -> Result<Mp4, ProbeError> {
    let size = moov.end - moov.body;
    if size > MAX_MOOV_BYTES {
        return Err(ProbeError::NotMp4("its moov box is larger than 64 MiB"));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(moov.body))?;
    file.take(size).read_to_end(&mut bytes)?;
    let mut found = Mp4::default();
    let mut timescale = 0;
    for (kind, body) in children(&bytes) {
        match kind.as_ref() {
            b"mvhd" => {
                if let Some(mvhd) = decode::<Mvhd>(body) {
                    timescale = mvhd.timescale;
                    found.duration_s = found.duration_s.max(seconds(mvhd.duration, timescale));
                }
            }
            b"mvex" => {
                let mehd = children(body).find(|(kind, _)| kind.as_ref() == b"mehd");
                if let Some(mehd) = mehd.and_then(|(_, body)| decode::<Mehd>(body)) {
                    found.duration_s = found
                        .duration_s
                        .max(seconds(mehd.fragment_duration, timescale));
                }
            }
            b"trak" => note_track(body, &mut found),
            _ => {}
        }
    }
    if timescale == 0 {
        return Err(ProbeError::NotMp4("its moov box has no readable mvhd"));
    }
    Ok(found)
}

/// Keeps the size of the largest picture.
fn note_track(trak: &[u8], found: &mut Mp4) {
    let tkhd = children(trak).find(|(kind, _)| kind.as_ref() == b"tkhd");
    if let Some(tkhd) = tkhd.and_then(|(_, body)| decode::<Tkhd>(body)) {
        found.width = found.width.max(u32::from(tkhd.width.integer()));
        found.height = found.height.max(u32::from(tkhd.height.integer()));
    }
}

/// A duration in whole seconds; files whose length was unknown while recording say all ones.
fn seconds(duration: u64, timescale: u32) -> u32 {
    if timescale == 0 || duration == u64::MAX || duration == u64::from(u32::MAX) {
        return 0;
    }
    u32::try_from(duration.div_ceil(u64::from(timescale))).unwrap_or(0)
}

fn decode<A: Atom>(body: &[u8]) -> Option<A> {
    let header = Header {
        kind: A::KIND,
        size: Some(body.len()),
    };
    A::decode_atom(&header, &mut &*body).ok()
}

/// The boxes directly inside `bytes`; ends at the first thing that is none.
fn children(bytes: &[u8]) -> impl Iterator<Item = (FourCC, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut after = rest;
        let header = Header::decode(&mut after).ok()?;
        let size = header.size.unwrap_or(after.remaining());
        let body = after.get(..size)?;
        rest = &after[size..];
        Some((header.kind, body))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use mp4_atom::{Encode, Ftyp, Mdia, Moov, Mvex, Trak};

    use super::*;

    fn ftyp() -> Vec<u8> {
        let mut out = Vec::new();
        Ftyp {
            major_brand: b"isom".into(),
            minor_version: 0,
            compatible_brands: vec![],
        }
        .encode(&mut out)
        .unwrap();
        out
    }

    fn moov(duration: u64, fragments: Option<u64>) -> Vec<u8> {
        let tkhd = Tkhd {
            width: 640u16.into(),
            height: 360u16.into(),
            ..Tkhd::default()
        };
        let mut out = Vec::new();
        Moov {
            mvhd: Mvhd {
                timescale: 1000,
                duration,
                ..Mvhd::default()
            },
            mvex: fragments.map(|fragment_duration| Mvex {
                mehd: Some(Mehd { fragment_duration }),
                trex: vec![],
            }),
            trak: vec![Trak {
                tkhd,
                mdia: Mdia::default(),
                ..Trak::default()
            }],
            ..Moov::default()
        }
        .encode(&mut out)
        .unwrap();
        out
    }

    fn mdat(size: usize) -> Vec<u8> {
        let mut out = (size as u32 + 8).to_be_bytes().to_vec();
        out.extend(b"mdat");
        out.resize(size + 8, 7);
        out
    }

    fn probed(parts: &[Vec<u8>]) -> Result<Mp4, String> {
        probe(&mut Cursor::new(parts.concat())).map_err(|error| error.to_string())
    }

    #[test]
    fn moov_in_front_is_the_head() {
        let (ftyp, moov) = (ftyp(), moov(9001, None));
        let head_bytes = (ftyp.len() + moov.len()) as u64;
        let expected = Mp4 {
            duration_s: 10,
            head_bytes,
            tail_bytes: 0,
            width: 640,
            height: 360,
        };
        assert_eq!(probed(&[ftyp, moov, mdat(1000)]), Ok(expected));
    }

    #[test]
    fn moov_behind_the_media_is_the_tail() {
        let (ftyp, moov) = (ftyp(), moov(2000, None));
        let (head_bytes, tail_bytes) = (ftyp.len() as u64 + 8, moov.len() as u64);
        let expected = Mp4 {
            duration_s: 2,
            head_bytes,
            tail_bytes,
            width: 640,
            height: 360,
        };
        assert_eq!(probed(&[ftyp, mdat(50_000), moov]), Ok(expected));
    }

    #[test]
    fn fragmented_files_take_their_duration_from_mehd() {
        let found = probed(&[ftyp(), moov(0, Some(61_000)), mdat(10)]).unwrap();
        assert_eq!((found.duration_s, found.tail_bytes), (61, 0));
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_never_make_it_panic(at in 0usize..700, byte: u8, cut in 0usize..800) {
            let mut file = [ftyp(), mdat(20), moov(2000, Some(5))].concat();
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            let _ = probe(&mut Cursor::new(file));
        }
    }

    #[test]
    fn what_no_player_opens_is_refused() {
        let mut cut = [ftyp(), mdat(10), moov(1, None)].concat();
        cut.truncate(cut.len() - 3);
        assert!(probed(&[cut]).unwrap_err().contains("moov box is cut off"));
        assert!(probed(&[ftyp(), mdat(10)]).unwrap_err().contains("no moov"));
        assert!(
            probed(&[b"%PDF-1.7 not a video at all".to_vec()])
                .unwrap_err()
                .contains("no moov")
        );
        assert!(probed(&[vec![]]).unwrap_err().contains("no moov"));
    }
}
