//! File names made harmless: for folders and object stores, for headers, and for the screen.

use std::fmt::Write;

/// The longest name given to a destination, in bytes; well below the 255 of file systems, because some destinations put
/// an identifier before it or a suffix behind it.
const MOST_BYTES: usize = 150;
/// The longest name for people, in characters, as the API promises.
const MOST_SHOWN: usize = 255;
/// The longest fallback for clients that do not read the extended form of a header.
const MOST_FALLBACK: usize = 100;
/// What follows the last dot is an extension only when it is this short.
const MOST_EXTENSION: usize = 10;

/// What a browser does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It may show it in place.
    Inline,
    /// It offers to save it.
    Attachment,
}

impl Disposition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }
}

/// Gives a name that is a plain file name on every common file system and object store.
///
/// A name that cannot be saved becomes `<fallback_stem>.<extension>`. The name keeps its own extension, and gets
/// `extension` when it has none. The result is never empty, never longer than 150 bytes, and begins with neither dot,
/// space nor dash.
#[must_use]
pub fn safe(name: &str, fallback_stem: &str, extension: &str) -> String {
    let name = clean(name);
    let (stem, own) = split(&name);
    let extension: String = own.unwrap_or(extension).chars().filter(char::is_ascii_alphanumeric).collect();
    let extension =
        if extension.is_empty() { "bin" } else { &extension[..extension.len().min(MOST_EXTENSION)] };
    let stem = if stem.is_empty() || is_reserved(stem) { fallback_stem } else { stem };
    let stem = trim_end(&stem[..stem.floor_char_boundary(MOST_BYTES - extension.len() - 1)]);
    format!("{stem}.{extension}")
}

/// Gives the value of a `Content-Disposition` header with a name in ASCII and one in full. Any name gives a valid header.
#[must_use]
pub fn content_disposition(disposition: Disposition, name: &str) -> String {
    let name = clean(name);
    let name = if name.is_empty() { "file" } else { &name };
    let (stem, extension) = split(name);
    let stem = &stem[..stem.floor_char_boundary(MOST_BYTES)];
    let suffix = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    let plain: String = stem.chars().map(plain).take(MOST_FALLBACK - suffix.len()).collect();

    let mut header = format!("{}; filename=\"{plain}{suffix}\"; filename*=UTF-8''", disposition.as_str());
    for byte in stem.bytes().chain(suffix.bytes()) {
        // The characters that RFC 8187 lets stand for themselves.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            header.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _infallible = write!(header, "%{byte:02X}");
        }
    }
    header
}

/// Gives the name that people see: as it came, without control and direction characters, at most 255 characters.
#[must_use]
pub fn display(name: &str) -> String {
    name.chars().filter(|character| !is_invisible(*character)).take(MOST_SHOWN).collect()
}

/// Removes what no file name may hold. Separators become dashes, so that a path does not turn into one long word.
fn clean(name: &str) -> String {
    let kept = name.chars().filter(|character| !is_invisible(*character));
    let kept: String = kept.map(|character| if is_separator(character) { '-' } else { character }).collect();
    let begin =
        kept.trim_start_matches(|character: char| character.is_whitespace() || ".-".contains(character));
    trim_end(begin).to_owned()
}

/// Windows drops dots and spaces at the end, so two names would become one.
fn trim_end(name: &str) -> &str {
    name.trim_end_matches(|character: char| character.is_whitespace() || character == '.')
}

/// Splits off the extension, when there is something before it.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !trim_end(stem).is_empty()
                && (1..=MOST_EXTENSION).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            (trim_end(stem), Some(extension))
        }
        _ => (name, None),
    }
}

fn plain(character: char) -> char {
    if character.is_ascii_alphanumeric() || " ._-".contains(character) { character } else { '_' }
}

/// Controls, line separators, direction marks and invisible marks: they make a name look like another one.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Separators of paths, and what Windows and web servers take for something else than a part of a name.
fn is_separator(character: char) -> bool {
    matches!(
        character,
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{2044}' | '\u{2215}' | '\u{29f8}'
    )
}

/// Windows opens a device under these names, whatever the extension.
fn is_reserved(stem: &str) -> bool {
    let device = stem.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        device.strip_prefix(prefix).is_some_and(|rest| {
            let mut rest = rest.chars();
            matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as customers, phones and attackers send them.
    const HOSTILE: &[&str] = &[
        "photo.jpg",
        "Photo 1.JPG",
        "",
        " ",
        ".",
        "..",
        "...",
        "/",
        "\\",
        "-",
        "--",
        "-rf",
        "--help.txt",
        "~",
        "~root",
        ".htaccess",
        ".htaccess.",
        "..htpasswd",
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "C:\\a\\b.txt",
        "\\\\host\\share\\x.doc",
        "a/b/c.png",
        "CON",
        "con.txt",
        "Con .txt",
        "NUL.tar.gz",
        "COM1",
        "com1.jpg",
        "LPT9.pdf",
        "COM¹.txt",
        "AUX",
        "PRN.",
        "CONIN$",
        "a\".html",
        "a\"; filename=\"x.html",
        "a;b.txt",
        "a,b.txt",
        "100%.txt",
        "%2e%2e%2fx",
        "a\r\nSet-Cookie: x=1.txt",
        "a\nb",
        "a\tb",
        "a\0b.jpg",
        "\u{1b}[31mred",
        "a\u{85}b",
        "invoice\u{202e}fdp.exe",
        "\u{2066}x\u{2069}.pdf",
        "\u{200f}שלום.txt",
        "a\u{feff}b.png",
        "line\u{2028}break.txt",
        "trailing.",
        "trailing. . ",
        "trailing ",
        "  leading",
        "name.jpg. ",
        "Größe.jpg",
        "Gro\u{0308}ße.jpg",
        "写真.jpg",
        "📷.jpg",
        "👨\u{200d}👩\u{200d}👧.png",
        "фото от клиента.jpeg",
        "صورة.jpg",
        "a.b.c.d",
        "no_extension",
        "x.verylongextension",
        "x.ext!",
        "x.ä",
        "`id`.txt",
        "$(reboot).txt",
        "a|b>c<d?.txt",
        "a*b.txt",
        "file::$DATA",
        "Sun'><img src=x onerror=alert(1)>.jpg",
        "=1+1.csv",
        "a\u{e0041}b.txt",
        "a\u{2215}b.txt",
        ".jpg",
        "..jpg",
        "a..jpg",
        "a . jpg",
    ];

    fn hostile() -> Vec<String> {
        let mut names: Vec<String> = HOSTILE.iter().map(|name| (*name).to_owned()).collect();
        for length in [149, 150, 151, 255, 256, 1_000, 10_000] {
            names.push("n".repeat(length) + ".jpg");
            names.push("ü".repeat(length) + ".jpg");
            names.push("📷".repeat(length));
            names.push(".".repeat(length) + "x");
            names.push("a".repeat(length - 1) + " .jpg");
        }
        names
    }

    fn harmless(text: &str) -> bool {
        !text.chars().any(|character| {
            character.is_control() || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
    }

    #[test]
    fn every_name_becomes_a_plain_file_name() {
        let names = hostile();
        assert!(names.len() >= 60);
        for name in names {
            let safe = safe(&name, "media-1", "bin");
            assert!(harmless(&safe), "{name:?} → {safe:?}");
            assert!((3..=150).contains(&safe.len()), "{name:?} → {safe:?}");
            assert!(!safe.starts_with(['.', ' ', '-']) && !safe.ends_with(['.', ' ']), "{name:?} → {safe:?}");
            assert!(
                !safe.contains(['/', '\\', ':', '"', '<', '>', '|', '?', '*', '\0']),
                "{name:?} → {safe:?}"
            );
            assert!(!is_reserved(&safe), "{name:?} → {safe:?}");
            let (stem, extension) = safe.rsplit_once('.').expect("an extension");
            assert!(!stem.is_empty() && !stem.ends_with(['.', ' ']), "{name:?} → {safe:?}");
            assert!(extension.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name:?} → {safe:?}");
            assert_eq!(super::safe(&safe, "media-1", "bin"), safe, "making it safe twice changes nothing");
        }
    }

    #[test]
    fn names_stay_recognisable() {
        for (name, expected) in [
            ("photo.jpg", "photo.jpg"),
            ("Größe 3.JPG", "Größe 3.JPG"),
            ("写真", "写真.png"),
            ("../../etc/passwd", "etc-passwd.png"),
            ("C:\\a\\b.txt", "C--a-b.txt"),
            (".htaccess", "htaccess.png"),
            ("-rf", "rf.png"),
            ("con.txt", "media-1.txt"),
            ("", "media-1.png"),
            ("...", "media-1.png"),
            ("trailing. . ", "trailing.png"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("NUL.tar.gz", "media-1.gz"),
        ] {
            assert_eq!(safe(name, "media-1", "png"), expected);
        }
        let long = safe(&("ü".repeat(500) + ".jpeg"), "media-1", "png");
        assert_eq!(long, "ü".repeat(72) + ".jpeg");
    }

    #[test]
    fn every_name_makes_a_valid_header() {
        for name in hostile() {
            let header = content_disposition(Disposition::Attachment, &name);
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name:?} → {header:?}");
            let rest = header.strip_prefix("attachment; filename=\"").expect("the plain name");
            let (plain, full) = rest.split_once("\"; filename*=UTF-8''").expect("the full name");
            assert!(
                !plain.is_empty() && plain.len() <= 100 && !plain.contains(['"', '\\', ';', '%']),
                "{header:?}"
            );
            let full = percent_encoding::percent_decode_str(full).decode_utf8().expect("UTF-8");
            assert!(harmless(&full) && !full.is_empty(), "{name:?} → {full:?}");
            assert!(header.parse::<actix_web::http::header::HeaderValue>().is_ok());
        }
        assert_eq!(
            content_disposition(Disposition::Inline, "a\"; filename=\"x.html"),
            "inline; filename=\"a-_ filename_-x.html\"; filename*=UTF-8''a-%3B%20filename%3D-x.html"
        );
        assert_eq!(
            content_disposition(Disposition::Inline, "Größe.jpg"),
            "inline; filename=\"Gr__e.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.jpg"
        );
        assert_eq!(
            content_disposition(Disposition::Attachment, "\r\n"),
            "attachment; filename=\"file\"; filename*=UTF-8''file"
        );
    }

    #[test]
    fn people_see_the_name_as_it_came() {
        assert_eq!(display("../Gro\u{0308}ße \"1\".jpg"), "../Gro\u{0308}ße \"1\".jpg");
        assert_eq!(display("a\r\nb\0c\u{202e}d"), "abcd");
        assert_eq!(display(&"ü".repeat(1_000)).chars().count(), 255);
        assert!(hostile().iter().all(|name| harmless(&display(name))));
    }
}
