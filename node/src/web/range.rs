//! Which bytes a `Range` header asks for (RFC 9110, 14.1.2 and 14.2).

use std::ops::Range;

/// What a request for a file of known length wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file, answered with 200: no range, one we may ignore, or several at once
    /// (a server may answer those with the whole; RFC 9110, 14.2).
    Whole,
    /// These bytes, answered with 206. Never empty, never past the end.
    Part(Range<u64>),
    /// Nothing of what was asked exists: 416 with `Content-Range: bytes */length`.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `length` bytes.
pub(crate) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some((unit, set)) = header.and_then(|value| value.split_once('=')) else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Number::Is(first), Number::Absent) => part(first, length, length),
        (Number::Is(first), Number::Is(last)) if last >= first => {
            part(first, last.saturating_add(1), length)
        }
        (Number::Absent, Number::Is(count)) if count > 0 => {
            part(length.saturating_sub(count), length, length)
        }
        (Number::Absent, Number::Is(_)) => Wanted::Unsatisfiable,
        // A header that is not of this grammar is ignored, as if it were not there.
        _ => Wanted::Whole,
    }
}

fn part(first: u64, end: u64, length: u64) -> Wanted {
    if first >= length {
        return Wanted::Unsatisfiable;
    }
    Wanted::Part(first..end.min(length))
}

enum Number {
    Absent,
    Is(u64),
    Bad,
}

/// Digits only: `parse` alone would also take `+5`. A number past `u64` is just very large.
fn number(text: &str) -> Number {
    match text {
        "" => Number::Absent,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Number::Is(digits.parse().unwrap_or(u64::MAX))
        }
        _ => Number::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges() {
        assert_eq!(wanted(Some("bytes=0-499"), 1000), Wanted::Part(0..500));
        assert_eq!(wanted(Some("bytes=500-"), 1000), Wanted::Part(500..1000));
        assert_eq!(wanted(Some("bytes=999-"), 1000), Wanted::Part(999..1000));
        assert_eq!(wanted(Some("BYTES=0-0"), 1000), Wanted::Part(0..1));
        assert_eq!(
            wanted(Some("bytes=900-5000"), 1000),
            Wanted::Part(900..1000)
        );
        assert_eq!(
            wanted(Some("bytes=0-99999999999999999999999"), 1000),
            Wanted::Part(0..1000)
        );
    }

    #[test]
    fn suffix_ranges() {
        assert_eq!(wanted(Some("bytes=-500"), 1000), Wanted::Part(500..1000));
        assert_eq!(wanted(Some("bytes=-5000"), 1000), Wanted::Part(0..1000));
        assert_eq!(wanted(Some("bytes=-0"), 1000), Wanted::Unsatisfiable);
    }

    #[test]
    fn past_the_end() {
        assert_eq!(wanted(Some("bytes=1000-"), 1000), Wanted::Unsatisfiable);
        assert_eq!(wanted(Some("bytes=5000-6000"), 1000), Wanted::Unsatisfiable);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        assert_eq!(wanted(Some("bytes=-1"), 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_ignored() {
        let headers = [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=+1-2",
            "items=0-5",
            "bytes=0-1,5-6",
            "bytes= 1 - 2",
        ];
        for header in headers {
            assert_eq!(wanted(Some(header), 1000), Wanted::Whole, "{header}");
        }
        assert_eq!(wanted(None, 1000), Wanted::Whole);
    }
}
