//! The type of a file by its first bytes, and what it may be served as.

use file_format::FileFormat;

use super::names::Disposition;

const UNKNOWN: (&str, &str) = ("application/octet-stream", "bin");

const DOCX: (&str, &str) =
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx");
const XLSX: (&str, &str) = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx");
const PPTX: (&str, &str) =
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx");
const ODT: (&str, &str) = ("application/vnd.oasis.opendocument.text", "odt");
const ODS: (&str, &str) = ("application/vnd.oasis.opendocument.spreadsheet", "ods");
const ODP: (&str, &str) = ("application/vnd.oasis.opendocument.presentation", "odp");

/// What a browser may show in place; everything else is a download.
const INLINE: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "audio/aac",
    "audio/wav",
    "video/mp4",
];

/// What keeps its type although it is a download, so that the right program opens it.
const NAMED: &[&str] = &[
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    DOCX.0,
    XLSX.0,
    PPTX.0,
    ODT.0,
    ODS.0,
    ODP.0,
];

/// Types that are pictures to people. Drawings that can carry scripts or links to other files are not among them.
const PICTURES: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/tiff",
    "image/heic",
    "image/heic-sequence",
    "image/heif",
    "image/heif-sequence",
    "image/avif",
    "image/avif-sequence",
    "image/jp2",
    "image/jxl",
];

/// The type of a file by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// The MIME type under which the format is generally known.
    pub mime: &'static str,
    /// The file extension without the dot.
    pub extension: &'static str,
}

impl Sniffed {
    /// Tells whether the file is a picture; HEIC and AVIF are, SVG is not.
    #[must_use]
    pub fn is_image(&self) -> bool {
        PICTURES.contains(&self.mime)
    }
}

/// Tells the type of a file from its first bytes; 8 KiB are enough. What is unknown is `application/octet-stream`.
#[must_use]
pub fn sniff(head: &[u8]) -> Sniffed {
    let head = without_cut_character(head);
    let (mime, extension) = match FileFormat::from_bytes(head) {
        FileFormat::Empty => UNKNOWN,
        FileFormat::ArbitraryBinaryData | FileFormat::CompoundFileBinary | FileFormat::Zip => cut_short(head),
        FileFormat::WaveformAudio => ("audio/wav", "wav"),
        FileFormat::AppleItunesAudio | FileFormat::Mpeg4Part14Audio => ("audio/mp4", "m4a"),
        // The tracks may be described at the end of the file.
        FileFormat::Mpeg4Part14 | FileFormat::AppleItunesVideo => ("video/mp4", "mp4"),
        FileFormat::OggOpus => ("audio/ogg", "opus"),
        FileFormat::AudioInterchangeFileFormat => ("audio/aiff", "aiff"),
        // The tag of an MP3 may be longer than the head; hardly anything else begins with one.
        FileFormat::Id3v2 => ("audio/mpeg", "mp3"),
        FileFormat::AnimatedPortableNetworkGraphics => ("image/png", "png"),
        FileFormat::ExtensibleMarkupLanguage => ("application/xml", "xml"),
        FileFormat::ExtensibleBinaryMetaLanguage if holds(head, b"webm") => ("video/webm", "webm"),
        FileFormat::ExtensibleBinaryMetaLanguage if holds(head, b"matroska") => ("video/matroska", "mkv"),
        other => listed(other),
    };
    Sniffed { mime, extension }
}

/// Gives what the sniffer's own list says; only that list lives as long as the program.
fn listed(format: FileFormat) -> (&'static str, &'static str) {
    let formats = FileFormat::from_kind(format.kind());
    let known = formats.iter().find(|known| **known == format);
    known.map_or(UNKNOWN, |known| (known.media_type(), known.extension()))
}

/// Cuts a character that the end of the head split in two, so that long texts are still recognised as texts.
fn without_cut_character(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()],
        _ => head,
    }
}

/// Recognises containers of which the head is only a part. Some keep their directory at the end, and the sniffer, not
/// finding it, takes them for arbitrary data.
fn cut_short(head: &[u8]) -> (&'static str, &'static str) {
    if head.starts_with(b"PK\x03\x04") {
        return inside_zip(head).unwrap_or(("application/zip", "zip"));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return inside_compound(head);
    }
    if head.get(4..8) == Some(b"ftyp") { ("video/mp4", "mp4") } else { UNKNOWN }
}

/// Tells old office documents apart by the beginning of their main stream, which lies in the first sector.
fn inside_compound(head: &[u8]) -> (&'static str, &'static str) {
    let main = head.get(512..).unwrap_or_default();
    let begins = |with: &[&[u8]]| with.iter().any(|magic| main.starts_with(magic));
    if begins(&[b"\xec\xa5"]) {
        ("application/msword", "doc")
    } else if begins(&[b"\x09\x08\x10\0\0\x06\x05\0"]) {
        ("application/vnd.ms-excel", "xls")
    } else if begins(&[b"\x0f\0\xe8\x03", b"\xa0\x46\x1d\xf0", b"\0\x6e\x1e\xf0"]) {
        ("application/vnd.ms-powerpoint", "ppt")
    } else {
        ("application/x-ole-storage", "bin")
    }
}

/// Tells office documents from other archives by the names of their first entries.
fn inside_zip(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let mut packaged = false;
    let mut found = None;
    for at in memory_find(head, b"PK\x03\x04") {
        let entry = &head[at..];
        let Some(length) = entry.get(26..28) else { break };
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let Some(name) = entry.get(30..30 + length) else { break };
        packaged |= name == b"[Content_Types].xml" || name.starts_with(b"_rels/");
        match name {
            b"mimetype" => return open_document(&entry[30 + length..]),
            _ if name.starts_with(b"word/") => found = found.or(Some(DOCX)),
            _ if name.starts_with(b"xl/") => found = found.or(Some(XLSX)),
            _ if name.starts_with(b"ppt/") => found = found.or(Some(PPTX)),
            _ => {}
        }
    }
    found.filter(|_| packaged)
}

fn open_document(content: &[u8]) -> Option<(&'static str, &'static str)> {
    [ODT, ODS, ODP].into_iter().find(|(mime, _)| content.starts_with(mime.as_bytes()))
}

fn memory_find<'a>(head: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> {
    head.windows(wanted.len()).enumerate().filter(move |(_, window)| *window == wanted).map(|(at, _)| at)
}

fn holds(head: &[u8], wanted: &[u8]) -> bool {
    memory_find(&head[..head.len().min(64)], wanted).next().is_some()
}

/// How the bytes of a media may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// The `Content-Type`; always to be sent with `nosniff`.
    pub content_type: &'static str,
    /// Whether the browser may show it in place.
    pub disposition: Disposition,
}

/// Decides how a file may be served, from its type by content and the type that its sender declared.
///
/// A type is served only when it is on a list and of the same family as the declared one; without a declaration, or
/// with a generic one, the content decides.
#[must_use]
pub fn served(sniffed: &str, declared: Option<&str>) -> Served {
    let listed = |list: &[&'static str]| list.iter().find(|mime| **mime == sniffed).copied();
    let agree = declared.is_none_or(|declared| agrees(sniffed, declared));
    match (listed(INLINE), listed(NAMED)) {
        (Some(content_type), _) if agree => Served { content_type, disposition: Disposition::Inline },
        (_, Some(content_type)) if agree => Served { content_type, disposition: Disposition::Attachment },
        _ => Served { content_type: UNKNOWN.0, disposition: Disposition::Attachment },
    }
}

fn agrees(sniffed: &str, declared: &str) -> bool {
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match declared.split_once('/') {
        _ if matches!(declared.as_str(), "" | "application/octet-stream" | "binary/octet-stream") => true,
        // Phones call the same container sound or film, with or without pictures in it.
        Some(("audio" | "video", _)) => sniffed.starts_with("audio/") || sniffed.starts_with("video/"),
        Some(("image", _)) => sniffed.starts_with("image/") && declared != "image/svg+xml",
        _ if declared == "application/ogg" => sniffed == "audio/ogg",
        _ if declared == "application/x-pdf" => sniffed == "application/pdf",
        _ => declared == sniffed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries {
            bytes.extend_from_slice(b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
            bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn mp4(brand: [u8; 4]) -> Vec<u8> {
        [b"\0\0\0\x18ftyp".as_slice(), &brand, b"\0\0\0\0isommp42", b"\0\0\xff\xffmdat", &[7; 500]].concat()
    }

    fn compound(main: &[u8]) -> Vec<u8> {
        let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        bytes.resize(512, 0xff);
        [&bytes, main, &[0; 4000]].concat()
    }

    #[test]
    fn files_are_known_by_their_content() {
        let long_text = "ä".repeat(4095) + "aä";
        let cases: &[(&[u8], &str, &str)] = &[
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg", "jpg"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", "png"),
            (b"GIF89a\x01\0\x01\0", "image/gif", "gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp", "webp"),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0", "image/bmp", "bmp"),
            (b"II*\0\x08\0\0\0", "image/tiff", "tiff"),
            (&mp4(*b"heic"), "image/heic", "heic"),
            (&mp4(*b"avif"), "image/avif", "avif"),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\">", "image/svg+xml", "svg"),
            (b"<?xml version=\"1.0\"?><svg></svg>", "image/svg+xml", "svg"),
            (b"<?xml version=\"1.0\"?><a></a>", "application/xml", "xml"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", "wav"),
            (b"ID3\x04\0\0\0\0\x7f\x7f", "audio/mpeg", "mp3"),
            (b"\xff\xfb\x90\x64\0\0", "audio/mpeg", "mp3"),
            (b"\xff\xf1\x50\x80\0\0", "audio/aac", "aac"),
            (b"#!AMR\n\x3c", "audio/amr", "amr"),
            (&mp4(*b"M4A "), "audio/mp4", "m4a"),
            (&mp4(*b"isom"), "video/mp4", "mp4"),
            (&mp4(*b"3gp4"), "video/3gpp", "3gp"),
            (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm", "webm"),
            (b"%PDF-1.7\n", "application/pdf", "pdf"),
            (b"{\\rtf1\\ansi}", "application/rtf", "rtf"),
            (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", "text/vcard", "vcf"),
            (b"<!DOCTYPE html><html></html>", "text/html", "html"),
            (b"Hello,\nworld", "text/plain", "txt"),
            (&long_text.as_bytes()[..8192], "text/plain", "txt"),
            (&zip(&[("a.txt", b"x")]), "application/zip", "zip"),
            (&zip(&[("word/a.txt", b"x")]), "application/zip", "zip"),
            (&zip(&[("[Content_Types].xml", b"x"), ("word/document.xml", b"x")]), DOCX.0, "docx"),
            (
                &zip(&[("[Content_Types].xml", b"x"), ("_rels/.rels", b"x"), ("xl/workbook.xml", b"")]),
                XLSX.0,
                "xlsx",
            ),
            (&zip(&[("_rels/.rels", b"x"), ("ppt/presentation.xml", b"")]), PPTX.0, "pptx"),
            (&zip(&[("mimetype", ODT.0.as_bytes())]), ODT.0, "odt"),
            (&compound(b"\xec\xa5\xc1\0"), "application/msword", "doc"),
            (&compound(b"\x09\x08\x10\0\0\x06\x05\0"), "application/vnd.ms-excel", "xls"),
            (&compound(b"\0\0"), "application/x-ole-storage", "bin"),
            (b"\x00\x01\x02\x03\xfe\xff", UNKNOWN.0, "bin"),
            (b"", UNKNOWN.0, "bin"),
        ];
        for (head, mime, extension) in cases {
            let expected = Sniffed { mime, extension };
            assert_eq!(sniff(head), expected, "{:?}", String::from_utf8_lossy(&head[..head.len().min(40)]));
        }
    }

    #[test]
    fn an_ogg_with_opus_is_sound() {
        let head = [b"OggS\0\x02", [0; 20].as_slice(), b"\x01\x13OpusHead\x01\x02"].concat();
        assert_eq!(sniff(&head), Sniffed { mime: "audio/ogg", extension: "opus" });
    }

    #[test]
    fn pictures_are_pictures_and_drawings_with_scripts_are_not() {
        assert!(sniff(&mp4(*b"heic")).is_image());
        assert!(sniff(&mp4(*b"avif")).is_image());
        assert!(sniff(b"\xff\xd8\xff").is_image());
        assert!(!sniff(b"<svg xmlns=\"http://www.w3.org/2000/svg\">").is_image());
        assert!(!sniff(b"%PDF-1.7").is_image());
    }

    #[test]
    fn only_listed_types_are_shown_in_place() {
        let inline = |mime, declared| {
            let served = served(mime, declared);
            (served.disposition == Disposition::Inline).then_some(served.content_type)
        };
        assert_eq!(inline("image/jpeg", None), Some("image/jpeg"));
        assert_eq!(inline("image/jpeg", Some("image/jpg")), Some("image/jpeg"));
        assert_eq!(inline("audio/wav", Some("Audio/X-WAV; codecs=1")), Some("audio/wav"));
        assert_eq!(inline("video/mp4", Some("application/octet-stream")), Some("video/mp4"));
        for (mime, declared) in [
            ("image/jpeg", Some("text/html")),
            ("image/gif", Some("image/svg+xml")),
            ("image/svg+xml", Some("image/svg+xml")),
            ("text/html", None),
            ("application/xml", None),
            ("image/heic", None),
            ("video/webm", None),
        ] {
            let expected = Served { content_type: UNKNOWN.0, disposition: Disposition::Attachment };
            assert_eq!(served(mime, declared), expected, "{mime} declared {declared:?}");
        }
        let pdf = Served { content_type: "application/pdf", disposition: Disposition::Attachment };
        assert_eq!(served("application/pdf", Some("application/pdf")), pdf);
        assert_eq!(served(DOCX.0, None).disposition, Disposition::Attachment);
        assert_eq!(served(DOCX.0, None).content_type, DOCX.0);
    }
}
