//! Takes one member out of a JSON object while the object streams past.
//!
//! The characters of the text `data_base64` go to the decoder, everything else into a small buffer, where the text
//! leaves two quotes. Whoever holds the buffer parses it strictly, so this scanner needs to understand no more of JSON
//! than where texts begin and end: a document that it misreads is one that the parser refuses.

use super::decoder::{BadBase64, Decoder};

/// The member that is taken out.
const NAME: &[u8] = b"data_base64";
/// The longest value, as characters of base64: 5.25 MiB as a file.
pub(super) const MOST_ENCODED: u64 = 7 * 1024 * 1024;
/// What all other members may take.
pub(super) const MOST_REST: usize = 64 * 1024;
/// The longest body that could still be in order: some clients write letters of base64 as `\u002b`.
pub(super) const MOST_BODY: u64 = 6 * MOST_ENCODED + MOST_REST as u64;

/// Why a document is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It does not begin with a brace, or goes on behind the last one.
    NotAnObject,
    /// A member's name is written with escapes, so it could be any name.
    EscapedName,
    /// The member is there twice.
    Twice,
    /// An escape that JSON does not have stands in the value.
    Escape,
    /// The document ends within the value.
    EndsEarly,
    /// The value is no base64.
    Base64(BadBase64),
    /// The value is too long.
    TooLong,
    /// Everything else is too long.
    RestTooLong,
}

impl From<BadBase64> for Wrong {
    fn from(bad: BadBase64) -> Self {
        Self::Base64(bad)
    }
}

/// Where in the document the scanner is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Between,
    /// In a text that is collected; a name begins at this place of the buffer.
    Text {
        name: Option<usize>,
        is_escaped: bool,
    },
    /// In the value that is taken out.
    Value(Escape),
    After,
}

/// What comes next in the outermost object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Expects {
    #[default]
    Anything,
    Name,
    /// A name has come; whether it is the one.
    Colon {
        is_ours: bool,
    },
    Value {
        is_ours: bool,
    },
}

/// How far an escape in the value has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Begun,
    Code { digits: u8, code: u32 },
}

/// Scans a document that comes in pieces of any length.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    place: Place,
    depth: usize,
    expects: Expects,
    has_name: bool,
    has_value: bool,
    decoder: Decoder,
    rest: Vec<u8>,
}

impl Scanner {
    /// Tells whether the value has begun.
    pub(super) fn has_value(&self) -> bool {
        self.has_value
    }

    /// Takes the next bytes, and appends those that the value stands for to `out`.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
        while let [first, others @ ..] = bytes {
            if self.place == Place::Value(Escape::No) {
                bytes = self.take_run(bytes, out)?;
                continue;
            }
            match self.place {
                Place::Value(escape) => self.unescape(*first, escape, out)?,
                Place::Text { name, is_escaped } => self.text(*first, name, is_escaped)?,
                Place::Before | Place::Between | Place::After => self.structure(*first)?,
            }
            bytes = others;
        }
        Ok(())
    }

    /// Ends the document, and gives what else it says.
    pub(super) fn finish(self) -> Result<Vec<u8>, Wrong> {
        match self.place {
            Place::Value(_) => Err(Wrong::EndsEarly),
            _ => Ok(self.rest),
        }
    }

    fn structure(&mut self, byte: u8) -> Result<(), Wrong> {
        if byte.is_ascii_whitespace() {
            return self.collect(byte);
        }
        match (self.place, byte) {
            (Place::Before, b'{') => self.place = Place::Between,
            (Place::Before | Place::After, _) => return Err(Wrong::NotAnObject),
            _ => {}
        }
        let expected = std::mem::take(&mut self.expects);
        match (byte, expected) {
            (b'{' | b'[', _) => self.depth += 1,
            (b'}' | b']', _) => self.depth -= 1,
            (b'"', Expects::Value { is_ours: true }) => {
                (self.place, self.has_value) = (Place::Value(Escape::No), true);
            }
            (b'"', _) => {
                let name = (expected == Expects::Name).then_some(self.rest.len() + 1);
                self.place = Place::Text { name, is_escaped: false };
            }
            _ => {}
        }
        match (self.depth, byte, expected) {
            (0, ..) => self.place = Place::After,
            (1, b'{' | b',', _) => self.expects = Expects::Name,
            (1, b':', Expects::Colon { is_ours }) => self.expects = Expects::Value { is_ours },
            _ => {}
        }
        self.collect(byte)
    }

    fn text(&mut self, byte: u8, name: Option<usize>, is_escaped: bool) -> Result<(), Wrong> {
        let ends = byte == b'"' && !is_escaped;
        if byte == b'\\' && name.is_some() {
            return Err(Wrong::EscapedName);
        }
        if ends && let Some(start) = name {
            let is_ours = self.rest[start..] == *NAME;
            if is_ours && std::mem::replace(&mut self.has_name, true) {
                return Err(Wrong::Twice);
            }
            self.expects = Expects::Colon { is_ours };
        }
        self.place = if ends {
            Place::Between
        } else {
            Place::Text { name, is_escaped: byte == b'\\' && !is_escaped }
        };
        self.collect(byte)
    }

    fn collect(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.rest.len() == MOST_REST {
            return Err(Wrong::RestTooLong);
        }
        self.rest.push(byte);
        Ok(())
    }

    /// Takes the characters up to the next quote or escape, and gives what follows.
    fn take_run<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> Result<&'b [u8], Wrong> {
        let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(bytes.len());
        self.decode(&bytes[..end], out)?;
        match bytes.get(end) {
            None => return Ok(&[]),
            Some(b'"') => {
                self.decoder.finish()?;
                self.place = Place::Between;
                self.collect(b'"')?;
            }
            Some(_) => self.place = Place::Value(Escape::Begun),
        }
        Ok(&bytes[end + 1..])
    }

    fn unescape(&mut self, byte: u8, escape: Escape, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let character = match escape {
            Escape::Code { digits, code } => {
                let digit = char::from(byte).to_digit(16).ok_or(Wrong::Escape)?;
                let (digits, code) = (digits + 1, code * 16 + digit);
                if digits < 4 {
                    self.place = Place::Value(Escape::Code { digits, code });
                    return Ok(());
                }
                // Whatever is not ASCII is no letter of base64; this one stands for all of them.
                u8::try_from(code).unwrap_or(u8::MAX)
            }
            Escape::No | Escape::Begun => match byte {
                b'u' => {
                    self.place = Place::Value(Escape::Code { digits: 0, code: 0 });
                    return Ok(());
                }
                b'"' | b'\\' | b'/' => byte,
                b'n' | b'r' => b'\n',
                b't' | b'b' | b'f' => b'\t',
                _ => return Err(Wrong::Escape),
            },
        };
        self.place = Place::Value(Escape::No);
        self.decode(&[character], out)
    }

    fn decode(&mut self, characters: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
        if self.decoder.length() + characters.len() as u64 > MOST_ENCODED {
            return Err(Wrong::TooLong);
        }
        Ok(self.decoder.push(characters, out)?)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// Gives the bytes of the value, whether there was one, and the rest, of a document in these pieces.
    fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<u8>, bool, String), Wrong> {
        let (mut scanner, mut out) = (Scanner::default(), Vec::new());
        for piece in pieces {
            scanner.push(piece, &mut out)?;
        }
        let has_value = scanner.has_value();
        Ok((out, has_value, String::from_utf8_lossy(&scanner.finish()?).into_owned()))
    }

    /// Scans a document whole, byte by byte, and cut at every place; all must agree.
    fn scan_all_ways(document: &str) -> Result<(Vec<u8>, bool, String), Wrong> {
        let bytes = document.as_bytes();
        let whole = scan([bytes]);
        let agrees = |other: Result<(Vec<u8>, bool, String), Wrong>, how: &str| match (&whole, other) {
            // The cut may decide which of several faults in one group of four is seen first.
            (Err(Wrong::Base64(_)), Err(Wrong::Base64(_))) => {}
            (_, other) => assert_eq!(other, whole, "{document} {how}"),
        };
        agrees(scan(bytes.chunks(1)), "byte by byte");
        for cut in 0..=bytes.len() {
            agrees(scan([&bytes[..cut], &bytes[cut..]]), &format!("cut at {cut}"));
        }
        whole
    }

    #[test]
    fn the_value_is_taken_out_wherever_it_stands() {
        for (document, rest) in [
            (r#"{"data_base64":"aGVsbG8="}"#, r#"{"data_base64":""}"#),
            (
                r#" { "kind" : "fax" , "data_base64" : "aGVsbG8=" } "#,
                r#" { "kind" : "fax" , "data_base64" : "" } "#,
            ),
            (
                r#"{"data_base64":"aGVsbG8=","note":"a\"},{\\","size":5}"#,
                r#"{"data_base64":"","note":"a\"},{\\","size":5}"#,
            ),
            (
                r#"{"a":{"data_base64":"not this"},"b":["data_base64",":","x"],"data_base64":"aGVsbG8="}"#,
                r#"{"a":{"data_base64":"not this"},"b":["data_base64",":","x"],"data_base64":""}"#,
            ),
            (
                r#"{"a":"data_base64","b":"data_base64","data_base64":"aGVsbG8="}"#,
                r#"{"a":"data_base64","b":"data_base64","data_base64":""}"#,
            ),
        ] {
            let expected = (b"hello".to_vec(), true, rest.to_owned());
            assert_eq!(scan_all_ways(document), Ok(expected), "{document}");
        }
    }

    #[test]
    fn escapes_of_real_clients_are_understood() {
        let bytes = [0xfb, 0xff, 0xbf, 0xfb, 0xff]; // +/+/+/8=
        let text = BASE64_STANDARD.encode(bytes);
        assert_eq!(text, "+/+/+/8=");
        for escaped in [
            text.replace('/', "\\/"),
            text.replace('=', "\\u003d").replace('+', "\\u002b"),
            text.replace('=', "\\u003D").replace('+', "\\u002B").replace('/', "\\u002F"),
            text.bytes().map(|letter| ["\\u00", &hex::encode([letter])].concat()).collect(),
        ] {
            let document = format!(r#"{{"data_base64":"{escaped}","kind":"fax"}}"#);
            let expected = (bytes.to_vec(), true, r#"{"data_base64":"","kind":"fax"}"#.to_owned());
            assert_eq!(scan_all_ways(&document), Ok(expected), "{document}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (document, wrong) in [
            (r#"[{"data_base64":"aGVsbG8="}]"#, Wrong::NotAnObject),
            (r#"{"data_base64":"aGVsbG8="} {}"#, Wrong::NotAnObject),
            ("\u{feff}{}", Wrong::NotAnObject),
            (r#"{"data\u005fbase64":"aGVsbG8="}"#, Wrong::EscapedName),
            (r#"{"data_base64":"aGVsbG8=","data_base64":"aGVsbG8="}"#, Wrong::Twice),
            (r#"{"data_base64":1,"data_base64":"aGVsbG8="}"#, Wrong::Twice),
            (r#"{"data_base64":"aGVsbG8\x003d"}"#, Wrong::Escape),
            (r#"{"data_base64":"aGVsbG8\u00g3d"}"#, Wrong::Escape),
            (r#"{"data_base64":"aGVsbG8"#, Wrong::EndsEarly),
            (r#"{"data_base64":"aGVsbG8\u00"#, Wrong::EndsEarly),
        ] {
            assert_eq!(scan_all_ways(document), Err(wrong), "{document}");
        }
        for value in [
            "aGVs\\nbG8=",
            "aGVs\nbG8=",
            "aGVs\\tbG8=",
            "aGVs-_8=",
            "aG=sbG8=",
            "aGVsbG8",
            "aGVsbG9=",
            "aGVs\\\"G8=",
            "aGVs\\u00e9G8=",
            "aGVs\\u2603G8=",
            "aGVsbG8==",
            "aGVsé8=",
            "aGVsbG8= ",
        ] {
            let wrong = scan_all_ways(&format!(r#"{{"data_base64":"{value}"}}"#));
            assert!(matches!(wrong, Err(Wrong::Base64(_))), "{value}: {wrong:?}");
        }
    }

    #[test]
    fn a_value_that_is_no_text_stays_for_the_parser() {
        for document in [
            r#"{"data_base64":null,"url":"x"}"#,
            r#"{"data_base64":["aGVsbG8="]}"#,
            r#"{"data_base64":{"data_base64":"aGVsbG8="}}"#,
            r#"{"data_base64":7}"#,
            // no JSON at all
            r#"{"data_base64""aGVsbG8="}"#,
            r#"{"data_base64":,"aGVsbG8="}"#,
            r#"{"a","data_base64"}"#,
        ] {
            assert_eq!(scan_all_ways(document), Ok((Vec::new(), false, document.to_owned())), "{document}");
        }
        assert_eq!(
            scan_all_ways(r#"{"data_base64":"#),
            Ok((Vec::new(), false, r#"{"data_base64":"#.to_owned()))
        );
    }

    #[test]
    fn sizes_are_limited() {
        let most = usize::try_from(MOST_ENCODED).expect("small");
        let value = |length: usize| format!(r#"{{"data_base64":"{}"}}"#, "A".repeat(length));
        let decoded = scan([value(most).as_bytes()]).expect("as much as is allowed").0;
        assert_eq!(decoded.len(), most / 4 * 3);
        assert_eq!(scan([value(most + 4).as_bytes()]), Err(Wrong::TooLong));
        let rest = |length: usize| format!(r#"{{"note":"{}"}}"#, "A".repeat(length - 11));
        assert!(scan([rest(MOST_REST).as_bytes()]).is_ok());
        assert_eq!(scan([rest(MOST_REST + 1).as_bytes()]), Err(Wrong::RestTooLong));
    }
}
