//! Base64 that arrives in pieces of any length.

use base64::prelude::BASE64_STANDARD;
use base64::{DecodeError, Engine};

/// Where base64 is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadBase64 {
    /// The character, counted from 1.
    pub(super) at: u64,
    /// A word or two for people.
    pub(super) what: &'static str,
}

/// Decodes the standard alphabet with padding, strictly: a file has one spelling only, so what differs is damaged.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Characters that are no group of four yet; at most three between two calls.
    open: Vec<u8>,
    /// How many characters have been decoded.
    done: u64,
    /// Padding has come, so nothing may follow.
    is_over: bool,
}

impl Decoder {
    /// Gives the number of characters so far.
    pub(super) fn length(&self) -> u64 {
        self.done + self.open.len() as u64
    }

    /// Takes the next characters and appends the bytes that are complete to `out`.
    pub(super) fn push(&mut self, characters: &[u8], out: &mut Vec<u8>) -> Result<(), BadBase64> {
        if self.is_over && !characters.is_empty() {
            return Err(BadBase64 { at: self.done, what: "padding before the end" });
        }
        self.open.extend_from_slice(characters);
        let whole = self.open.len() / 4 * 4;
        BASE64_STANDARD.decode_vec(&self.open[..whole], out).map_err(|error| self.explain(&error))?;
        self.is_over = whole > 0 && self.open[whole - 1] == b'=';
        self.done += whole as u64;
        self.open.drain(..whole);
        Ok(())
    }

    /// Ends the text, which must not stop within a group of four.
    pub(super) fn finish(&self) -> Result<(), BadBase64> {
        // Wrong letters in an unfinished group are the better explanation.
        if let Some(at) = self.open.iter().position(|letter| wrong(*letter) != UNKNOWN_FAULT) {
            return Err(self.bad(at, wrong(self.open[at])));
        }
        if self.open.is_empty() { Ok(()) } else { Err(self.bad(self.open.len() - 1, "missing padding")) }
    }

    fn explain(&self, error: &DecodeError) -> BadBase64 {
        match *error {
            DecodeError::InvalidByte(at, letter) => self.bad(at, wrong(letter)),
            DecodeError::InvalidLastSymbol(at, _) => self.bad(at, "bits that stand for nothing"),
            DecodeError::InvalidLength(at) => self.bad(at, "missing padding"),
            // Only whole groups are decoded, so the fault is in the last one.
            DecodeError::InvalidPadding => self.bad(self.open.len() / 4 * 4 - 1, "wrong padding"),
        }
    }

    fn bad(&self, index: usize, what: &'static str) -> BadBase64 {
        BadBase64 { at: self.done + index as u64 + 1, what }
    }
}

const UNKNOWN_FAULT: &str = "a fault";

fn wrong(letter: u8) -> &'static str {
    match letter {
        b'\n' | b'\r' => "a line break",
        b' ' | b'\t' => "a blank",
        b'-' | b'_' => "a letter of the alphabet for addresses",
        b'=' => "padding before the end",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => UNKNOWN_FAULT,
        _ => "a character that is no letter of base64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a text cut in two.
    fn decode(text: &str, cut: usize) -> Result<Vec<u8>, BadBase64> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.push(&text.as_bytes()[..cut], &mut out)?;
        decoder.push(&text.as_bytes()[cut..], &mut out)?;
        decoder.finish().map(|()| out)
    }

    #[test]
    fn every_cut_decodes_the_same() {
        for length in 0..20_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(97)).collect();
            let text = BASE64_STANDARD.encode(&bytes);
            for cut in 0..=text.len() {
                assert_eq!(decode(&text, cut).as_deref(), Ok(&bytes[..]), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn only_one_spelling_is_taken_and_the_fault_is_named() {
        for (text, at, what) in [
            ("AAAA\nAAAA", 5, "a line break"),
            ("AAAA AAAA", 5, "a blank"),
            ("AAAA-AAA", 5, "a letter of the alphabet for addresses"),
            ("AA_", 3, "a letter of the alphabet for addresses"),
            ("AA=AAAAA", 3, "padding before the end"),
            ("AA==AAAA", 3, "padding before the end"),
            ("AAA", 3, "missing padding"),
            ("AAAAAA", 6, "missing padding"),
            ("AAAAA", 5, "missing padding"),
            ("AB==", 2, "bits that stand for nothing"),
            ("AAB=", 3, "bits that stand for nothing"),
            ("AAA\u{7f}", 4, "a character that is no letter of base64"),
            ("AA\u{e9}", 3, "a character that is no letter of base64"),
        ] {
            // Where it was cut may change which of two faults is seen first, never whether there is one.
            for cut in 0..=text.len() {
                assert!(decode(text, cut).is_err(), "{text} cut at {cut}");
            }
            assert_eq!(decode(text, text.len()), Err(BadBase64 { at, what }), "{text}");
        }
        for text in ["=", "==", "===", "====", "A===", "AAAA=", "AAAA====", "AA=="] {
            assert_eq!(decode(text, 0).is_ok(), text == "AA==", "{text}");
            assert_eq!(decode(text, text.len().min(4)).is_ok(), text == "AA==", "{text}");
        }
    }
}
