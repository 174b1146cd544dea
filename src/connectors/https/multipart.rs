//! A file as browsers send it in a form (RFC 7578).

use std::borrow::Cow;

use bytes::Bytes;

use super::super::Item;

/// What is said about the file beside it; RFC 7578 allows no other headers in a part, so each has a part of its own.
pub(super) const PARTS: &[&str] = &["delivery", "path", "size", "sha256"];

/// What stands before and behind a file in a body, and what the body is then called.
pub(super) struct Frame {
    pub(super) content_type: String,
    pub(super) before: Bytes,
    pub(super) behind: Bytes,
}

impl Frame {
    /// Frames an item. The same item makes the same bytes at every attempt, so that its digest stays the same too.
    pub(super) fn of(item: &Item, field_name: &str) -> Self {
        // a file is older than its delivery, so that it cannot hold this line
        let boundary = format!("mediaport-{}", item.delivery);
        let said = [item.delivery.to_string(), item.path.clone(), item.size.to_string(), item.sha256.clone()];
        let part = |(name, value): (&&str, String)| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let about: String = PARTS.iter().zip(said).map(part).collect();
        let file_name = escaped(item.path.rsplit('/').next().unwrap_or_default());
        let file = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field_name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            item.mime_type
        );
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            before: (about + &file).into(),
            behind: format!("\r\n--{boundary}--\r\n").into(),
        }
    }
}

/// Writes a file name as browsers do: UTF-8, and the three signs that would end it in percent signs.
fn escaped(name: &str) -> Cow<'_, str> {
    if name.contains(['"', '\r', '\n']) {
        name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A").into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_name_does_not_end_its_line() {
        let item = Item {
            path: "a/x\"; name=\"y\r\nContent-Type: x\r\n\r\n.jpg".to_owned(),
            mime_type: "image/jpeg".to_owned(),
            ..Item::probe()
        };
        let frame = Frame::of(&item, "file");

        let before = String::from_utf8(frame.before.to_vec()).unwrap();
        let file = before.rsplit(&format!("--mediaport-{}\r\n", item.delivery)).next().unwrap();
        assert_eq!(
            file,
            "Content-Disposition: form-data; name=\"file\"; \
             filename=\"x%22; name=%22y%0D%0AContent-Type: x%0D%0A%0D%0A.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
    }

    #[test]
    fn attempts_make_the_same_bytes() {
        let item = Item { source: Arc::new(Bytes::new()), ..Item::probe() };
        let (one, other) = (Frame::of(&item, "file"), Frame::of(&item, "file"));

        assert_eq!(
            (one.content_type, one.before, one.behind),
            (other.content_type, other.before, other.behind)
        );
    }
}
