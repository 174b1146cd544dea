//! Calls of the API: what goes out, and how much of an answer is believed.

use std::time::Duration;

use futures_util::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::BodyDataStream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::super::{DeliveryError, Ground, Item};
use super::fault::{Fault, Trouble};
use super::settings::is_id;
use super::{Secrets, Settings, token};

/// How much of an answer is read, in bytes, and for how long in all. A page of a list is far below that.
const MOST: usize = 1024 * 1024;
const READING: Duration = Duration::from_secs(30);
/// What is asked of a file, everywhere.
pub(super) const FILE: &str = "id,name,mimeType,size,md5Checksum,sha256Checksum,trashed,driveId,createdTime";
/// How the API names what is a folder.
pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";

/// One endpoint, ready to be asked.
#[derive(Clone, Copy)]
pub(super) struct Drive<'a> {
    pub(super) settings: &'a Settings,
    pub(super) secrets: &'a Secrets,
    pub(super) ground: &'a Ground,
}

/// What the API says of a file or a folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime_type: String,
    pub(super) size: Option<String>,
    pub(super) md5_checksum: Option<String>,
    pub(super) sha256_checksum: Option<String>,
    pub(super) trashed: bool,
    pub(super) drive_id: Option<String>,
    pub(super) created_time: String,
    pub(super) capabilities: Capabilities,
}

/// What the account may do with it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Capabilities {
    pub(super) can_add_children: Option<bool>,
}

/// What the API should say of a file that is the item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) size: u64,
    pub(super) sha256: String,
    /// Known once the item has been read.
    pub(super) md5: Option<String>,
}

impl Sums {
    /// What is known of an item without reading it.
    pub(super) fn of(item: &Item) -> Self {
        Self { size: item.size, sha256: item.sha256.clone(), md5: None }
    }
}

/// How a file compares with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Sha256,
    Md5,
    /// The length is right, and there are no sums.
    Length,
    Differs,
}

impl File {
    pub(super) fn likeness(&self, sums: &Sums) -> Likeness {
        let size: Option<u64> = self.size.as_deref().and_then(|size| size.parse().ok());
        if size != Some(sums.size) {
            return Likeness::Differs;
        }
        match (&self.sha256_checksum, &self.md5_checksum, &sums.md5) {
            (Some(said), _, _) if said.eq_ignore_ascii_case(&sums.sha256) => Likeness::Sha256,
            (None, Some(said), Some(md5)) if said.eq_ignore_ascii_case(md5) => Likeness::Md5,
            (Some(_), _, _) | (None, Some(_), Some(_)) => Likeness::Differs,
            _ => Likeness::Length,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Generated {
    ids: Vec<String>,
}

impl Drive<'_> {
    /// Makes the address of a call.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, DeliveryError> {
        let text = format!("{}{path}", self.ground.google.api.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&text).map_err(|_| malformed())?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    /// Sends a request in the name of the account, and gives the answer whatever it says.
    pub(super) async fn send(
        &self,
        request: Request<reqwest::Body>,
    ) -> Result<Response<reqwest::Body>, Unsent> {
        let token = token::get(self).await.map_err(Unsent::Delivery)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
            Unsent::Delivery(DeliveryError::endpoint("Google handed out a token that cannot be sent"))
        })?;
        bearer.set_sensitive(true);
        let (mut head, body) = request.into_parts();
        head.headers.insert(AUTHORIZATION, bearer);
        let answer =
            self.ground.outbound.send(Request::from_parts(head, body)).await.map_err(Unsent::Outbound)?;
        if answer.status() == http::StatusCode::UNAUTHORIZED {
            token::forget(self, &token).await;
        }
        Ok(answer)
    }

    /// Makes a call and reads what it gives.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<T, Trouble> {
        let said = self.call_for_bytes(method, url, body).await?;
        serde_json::from_slice(&said).map_err(|_| Trouble::Delivery(unreadable()))
    }

    async fn call_for_bytes(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Vec<u8>, Trouble> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json; charset=UTF-8");
        }
        let body = body.map_or_else(reqwest::Body::default, |body| body.to_string().into());
        let request = request.body(body).map_err(|_| malformed())?;
        let answer = self.send(request).await.map_err(|unsent| Trouble::Delivery(unsent.delivery()))?;
        let (head, body) = answer.into_parts();
        let said = read(body).await?;
        if head.status.is_success() { Ok(said) } else { Err(Trouble::Answer(Fault::of(&head, &said))) }
    }

    /// Looks at one file or folder.
    pub(super) async fn file(&self, id: &str, fields: &str) -> Result<File, Trouble> {
        let url = self.of_file(id, &[("supportsAllDrives", "true"), ("fields", fields)])?;
        self.call(Method::GET, url, None).await
    }

    /// Lists what has a name in a folder, the oldest first; what lies in the trash does not count.
    pub(super) async fn named(
        &self,
        (parent, drive_id): (&str, Option<&str>),
        name: &str,
        only_folders: bool,
    ) -> Result<Vec<File>, Trouble> {
        let folders = if only_folders { format!(" and mimeType = '{FOLDER}'") } else { String::new() };
        let asked =
            format!("'{parent}' in parents and name = '{}' and trashed = false{folders}", quoted(name));
        let fields = format!("files({FILE})");
        let mut query = vec![
            ("q", asked.as_str()),
            ("fields", fields.as_str()),
            ("pageSize", "100"),
            ("spaces", "drive"),
            ("supportsAllDrives", "true"),
            ("includeItemsFromAllDrives", "true"),
        ];
        if let Some(drive_id) = drive_id {
            query.extend([("corpora", "drive"), ("driveId", drive_id)]);
        }
        let url = self.url("/drive/v3/files", &query)?;
        let page: Page = self.call(Method::GET, url, None).await?;
        // the service compares names more loosely than people do
        let mut found: Vec<_> = page
            .files
            .into_iter()
            .filter(|file| file.name == name && is_id(&file.id) && !file.trashed)
            .collect();
        found.sort_by(|one, other| (&one.created_time, &one.id).cmp(&(&other.created_time, &other.id)));
        Ok(found)
    }

    /// Makes a folder and gives its identifier.
    pub(super) async fn make_folder(&self, parent: &str, name: &str) -> Result<String, Trouble> {
        let url = self.url("/drive/v3/files", &[("supportsAllDrives", "true"), ("fields", "id")])?;
        let body = json!({"name": name, "parents": [parent], "mimeType": FOLDER});
        let made: File = self.call(Method::POST, url, Some(body)).await?;
        if is_id(&made.id) { Ok(made.id) } else { Err(Trouble::Delivery(unreadable())) }
    }

    /// Has an identifier made that a file may be stored under later.
    pub(super) async fn generate_id(&self) -> Result<String, Trouble> {
        let query = [("count", "1"), ("space", "drive"), ("type", "files"), ("fields", "ids")];
        let url = self.url("/drive/v3/files/generateIds", &query)?;
        let generated: Generated = self.call(Method::GET, url, None).await?;
        let id = generated.ids.into_iter().next().filter(|id| is_id(id));
        id.ok_or_else(|| Trouble::Delivery(unreadable()))
    }

    /// Deletes a file for good.
    pub(super) async fn delete(&self, id: &str) -> Result<(), Trouble> {
        let url = self.of_file(id, &[("supportsAllDrives", "true")])?;
        self.call_for_bytes(Method::DELETE, url, None).await.map(drop)
    }

    /// Puts a file into the trash, which more accounts may do than delete.
    pub(super) async fn trash(&self, id: &str) -> Result<(), Trouble> {
        let url = self.of_file(id, &[("supportsAllDrives", "true"), ("fields", "id")])?;
        self.call_for_bytes(Method::PATCH, url, Some(json!({"trashed": true}))).await.map(drop)
    }

    fn of_file(&self, id: &str, query: &[(&str, &str)]) -> Result<Url, DeliveryError> {
        // identifiers come from forms, receipts and answers; none may become another path
        if is_id(id) { self.url(&format!("/drive/v3/files/{id}"), query) } else { Err(malformed()) }
    }
}

/// Why a request got no answer.
pub(super) enum Unsent {
    Delivery(DeliveryError),
    Outbound(crate::platform::outbound::OutboundError),
}

impl Unsent {
    pub(super) fn delivery(self) -> DeliveryError {
        match self {
            Self::Delivery(error) => error,
            Self::Outbound(cause) => DeliveryError::unreached(&cause),
        }
    }
}

/// Reads an answer to its end.
pub(super) async fn read(body: reqwest::Body) -> Result<Vec<u8>, DeliveryError> {
    let broken = || DeliveryError::transient("unreachable: Google's answer broke off; it is tried again");
    let mut said = Vec::new();
    let mut pieces = BodyDataStream::new(body);
    let reading = async {
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|cause| {
                tracing::debug!(%cause, "an answer of Google's broke off");
                broken()
            })?;
            if said.len() + piece.len() > MOST {
                return Err(unreadable());
            }
            said.extend_from_slice(&piece);
        }
        Ok(())
    };
    tokio::time::timeout(READING, reading).await.map_err(|_| broken())??;
    Ok(said)
}

pub(super) fn unreadable() -> DeliveryError {
    DeliveryError::transient(
        "Google gave an answer that cannot be read; it is tried again. If this goes on, have the operator check \
         google.api_url",
    )
}

fn malformed() -> DeliveryError {
    DeliveryError::endpoint("These settings do not make a valid request. Open the endpoint and save it again")
}

/// Writes a text as the language of searches has it between quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_decide_and_a_length_alone_is_the_last_resort() {
        let sums = Sums { size: 3, sha256: "aa".into(), md5: Some("bb".into()) };
        let file = |size: &str, sha256: Option<&str>, md5: Option<&str>| File {
            size: Some(size.to_owned()),
            sha256_checksum: sha256.map(str::to_owned),
            md5_checksum: md5.map(str::to_owned),
            ..File::default()
        };
        for (found, likeness) in [
            (file("3", Some("AA"), Some("xx")), Likeness::Sha256),
            (file("3", Some("ab"), Some("bb")), Likeness::Differs),
            (file("3", None, Some("bb")), Likeness::Md5),
            (file("3", None, Some("bc")), Likeness::Differs),
            (file("3", None, None), Likeness::Length),
            (file("4", Some("aa"), Some("bb")), Likeness::Differs),
            (File::default(), Likeness::Differs),
        ] {
            assert_eq!(found.likeness(&sums), likeness, "{found:?}");
        }
    }

    #[test]
    fn names_do_not_leave_their_quotes() {
        assert_eq!(quoted(r"a'b\' or c"), r"a\'b\\\' or c");
    }
}
