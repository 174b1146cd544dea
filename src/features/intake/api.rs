//! Files over the HTTP API: multipart, or the file itself as the body.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Data, Payload};
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt};

use super::actions::accept;
use super::body::{Body, too_large};
use super::model::{Details, Upload, no_room, of_store};
use super::multipart::{self, OVERHEAD};
use crate::features::Services;
use crate::features::conversations::{self, Conversation, ConversationId, Reach};
use crate::features::media::MediaView;
use crate::platform::blobs::{Incoming, Watermark};
use crate::platform::form::FormFields;
use crate::platform::web::{Call, Failure, Reply, Segment, problem};

/// How often the room on the volume is looked at while bytes of unknown number come in.
const ROOM_EVERY: u64 = 64 * 1024 * 1024;

/// `POST /api/v1/conversations/{id}/media`.
///
/// A refusal before the end of the body closes the connection: the server does that by itself and says so.
pub async fn create(
    call: Call,
    id: Segment<ConversationId>,
    services: Data<Services>,
    payload: Payload,
) -> Reply {
    let conversation = find(&call, id.0).await?;
    let (door, request) = (Door { services: &services }, &call.request);
    let encoding = Encoding::of(request.headers())?;
    let limit = door.admit(request.headers(), &encoding).await?;
    let body = Body::new(payload, limit);
    let upload = match encoding {
        Encoding::Multipart => multipart::read(request.headers(), body, &door).await?,
        Encoding::Raw(declared) => raw(request, body, declared, &door).await?,
    };
    let accepted = accept(services.into_inner(), call.actor.clone(), conversation, upload).await?;
    call.json(StatusCode::CREATED, &MediaView::new(&accepted.media, &accepted.deliveries))
}

async fn find(call: &Call, id: ConversationId) -> Result<Conversation, Failure> {
    let reach = Reach::of(&call.actor)?;
    let found = call.read(move |tx| async move { conversations::find(tx, id, reach).await }.boxed());
    found.await?.ok_or(Failure::NotFound)
}

/// How the file is wrapped.
enum Encoding {
    Multipart,
    /// Not at all; with the type that the client declared.
    Raw(Option<String>),
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
        if !matches!(text(header::CONTENT_ENCODING).to_ascii_lowercase().as_str(), "" | "identity") {
            return Err(Failure::refused(
                &problem::UNSUPPORTED_ENCODING,
                "Send the file without Content-Encoding",
            ));
        }
        let declared = text(header::CONTENT_TYPE).to_ascii_lowercase();
        match declared.split(';').next().unwrap_or_default().trim() {
            "multipart/form-data" => Ok(Self::Multipart),
            "application/json" => Err(Failure::refused(
                &problem::UNSUPPORTED_MEDIA_TYPE,
                "Files inside JSON are not taken yet: send multipart/form-data, or the file itself as the body",
            )),
            "" => Ok(Self::Raw(None)),
            _ => Ok(Self::Raw(Some(declared))),
        }
    }
}

async fn raw(
    request: &HttpRequest,
    mut body: Body<Payload>,
    declared: Option<String>,
    door: &Door<'_>,
) -> Result<Upload, Failure> {
    let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let details = Details::parse(&FormFields::new(pairs), "").map_err(Failure::Invalid)?;
    let mut incoming = door.open().await?;
    loop {
        match body.try_next().await {
            Ok(Some(piece)) => door.pass(&mut incoming, piece).await?,
            Ok(None) => break,
            Err(error) => {
                return Err(
                    body.failure_or(|| Failure::malformed(format!("The body could not be read: {error}")))
                );
            }
        }
    }
    // The server has noticed a short body by now; this holds whatever it does.
    if declared_length(request.headers()).is_some_and(|length| length != incoming.size()) {
        return Err(Failure::refused(&problem::INCOMPLETE_BODY, "The body has another length than declared"));
    }
    Ok(Upload { incoming, declared, details })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Lets bytes in while there is room for them.
pub(super) struct Door<'a> {
    services: &'a Services,
}

impl Door<'_> {
    /// Refuses what can be refused before a byte of the body is read, and gives the most bytes that may come.
    async fn admit(&self, headers: &HeaderMap, encoding: &Encoding) -> Result<u64, Failure> {
        let limit = match encoding {
            Encoding::Multipart => self.services.max_upload.saturating_add(OVERHEAD),
            Encoding::Raw(_) => self.services.max_upload,
        };
        let length = declared_length(headers).unwrap_or(0);
        if length > limit {
            return Err(too_large());
        }
        self.check_room(length).await?;
        if !self.services.blobs.healthy() {
            return Err(Failure::Unavailable);
        }
        Ok(limit)
    }

    async fn check_room(&self, bytes: u64) -> Result<(), Failure> {
        let watermark = watermark(self.services.keep_free_percent);
        let has_room = self.services.blobs.has_room_for(bytes, watermark).await.map_err(of_store)?;
        if has_room { Ok(()) } else { Err(no_room()) }
    }

    /// Makes a place for the bytes of one file.
    pub(super) async fn open(&self) -> Result<Incoming, Failure> {
        self.services.blobs.receive().await.map_err(of_store)
    }

    /// Takes the next bytes of a file.
    pub(super) async fn pass(&self, incoming: &mut Incoming, piece: Bytes) -> Result<(), Failure> {
        let before = incoming.size();
        incoming.write(piece).await.map_err(of_store)?;
        if incoming.size() > self.services.max_upload {
            return Err(too_large());
        }
        // Others fill the same volume, and a chunked body does not say how long it is.
        if before / ROOM_EVERY != incoming.size() / ROOM_EVERY {
            self.check_room(0).await?;
        }
        Ok(())
    }
}

/// The operator sets one figure; what a single file must leave free follows it down.
fn watermark(keep_free_percent: u8) -> Watermark {
    let usual = Watermark::default();
    let stop_percent = keep_free_percent;
    Watermark { stop_percent, reserve_percent: usual.reserve_percent.min(stop_percent), ..usual }
}
