//! Which part of a file a client asked for (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header comes down to for a file of a known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: there is no header, or none that we answer in part.
    Whole,
    /// The part with these positions; never empty.
    Part(Range<u64>),
    /// A part that the file does not have.
    Nothing,
}

/// Judges a `Range` header.
///
/// What is malformed, has another unit, or asks for several parts counts as absent, which the standard allows: several
/// parts would cost much and no player asks for them.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else { return Wanted::Whole };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    // Empty elements of a list do not count.
    let mut ranges =
        ranges.split(',').map(|range| range.trim_matches([' ', '\t'])).filter(|range| !range.is_empty());
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::Whole };
    match range.split_once('-').map(|(first, last)| (position(first), position(last))) {
        Some((Position::At(first), Position::At(last))) if last < first => Wanted::Whole,
        Some((Position::At(first), _)) if first >= size => Wanted::Nothing,
        Some((Position::At(first), Position::At(last))) => {
            Wanted::Part(first..last.saturating_add(1).min(size))
        }
        Some((Position::At(first), Position::Open)) => Wanted::Part(first..size),
        Some((Position::Open, Position::At(0))) => Wanted::Nothing,
        // The end of an empty file is all of it, and cannot be written as a part.
        Some((Position::Open, Position::At(_))) if size == 0 => Wanted::Whole,
        Some((Position::Open, Position::At(length))) => Wanted::Part(size.saturating_sub(length)..size),
        _ => Wanted::Whole,
    }
}

enum Position {
    Open,
    At(u64),
    Malformed,
}

fn position(digits: &str) -> Position {
    if digits.is_empty() {
        return Position::Open;
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Position::Malformed;
    }
    // Only the size can make so many digits fail, and then any position is behind the end.
    Position::At(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part_and_everything_odd_is_the_whole() {
        use Wanted::{Nothing, Part, Whole};
        let many = format!("bytes={}", vec!["0-0"; 900].join(","));
        for (header, size, expected) in [
            (None, 10, Whole),
            (Some("bytes=0-0"), 10, Part(0..1)),
            (Some("bytes=0-"), 10, Part(0..10)),
            (Some("bytes=3-"), 10, Part(3..10)),
            (Some("bytes=3-5"), 10, Part(3..6)),
            (Some("bytes=9-9"), 10, Part(9..10)),
            (Some("bytes=9-"), 10, Part(9..10)),
            (Some("bytes=5-100"), 10, Part(5..10)),
            (Some("bytes=0-99999999999999999999999"), 10, Part(0..10)),
            (Some("bytes=0-18446744073709551615"), 10, Part(0..10)),
            (Some("bytes=-1"), 10, Part(9..10)),
            (Some("bytes=-10"), 10, Part(0..10)),
            (Some("bytes=-11"), 10, Part(0..10)),
            (Some("bytes=-99999999999999999999999"), 10, Part(0..10)),
            (Some("BYTES=0-1"), 10, Part(0..2)),
            (Some("bytes= 0-1 "), 10, Part(0..2)),
            (Some("bytes=,0-1,"), 10, Part(0..2)),
            (Some("bytes=10-"), 10, Nothing),
            (Some("bytes=10-12"), 10, Nothing),
            (Some("bytes=99999999999999999999999-"), 10, Nothing),
            (Some("bytes=-0"), 10, Nothing),
            (Some("bytes=0-"), 0, Nothing),
            (Some("bytes=0-0"), 0, Nothing),
            (Some("bytes=-1"), 0, Whole),
            (Some("bytes=5-2"), 10, Whole),
            (Some("bytes="), 10, Whole),
            (Some("bytes=-"), 10, Whole),
            (Some("bytes"), 10, Whole),
            (Some(""), 10, Whole),
            (Some("bytes=a-b"), 10, Whole),
            (Some("bytes=+1-2"), 10, Whole),
            (Some("bytes=1 - 2"), 10, Whole),
            (Some("bytes =1-2"), 10, Whole),
            (Some("bytes=--1"), 10, Whole),
            (Some("bytes=1-2-3"), 10, Whole),
            (Some("bytes=0x1-0x2"), 10, Whole),
            (Some("items=0-1"), 10, Whole),
            (Some("seconds=1-2"), 10, Whole),
            (Some("bytes=0-0,2-2"), 10, Whole),
            (Some("bytes=0-0, -1"), 10, Whole),
            (Some(many.as_str()), 10, Whole),
        ] {
            assert_eq!(wanted(header, size), expected, "{header:?} of {size}");
        }
    }
}
