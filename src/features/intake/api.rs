//! Files over the HTTP API: multipart, the file itself as the body, or JSON.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Data, Payload};
use futures_util::FutureExt;

use super::actions::{Handing, accept};
use super::body::Body;
use super::door::Door;
use super::json::{self, Handed};
use super::model::{Details, IntakeError, Upload};
use super::multipart::{self, OVERHEAD};
use super::orders::order;
use crate::features::Services;
use crate::features::conversations::{self, Conversation, ConversationId, Reach};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::{Call, Failure, Reply, Segment, problem};

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
    call.at_length(async |once| {
        let door = Door::new(&services);
        let handed = hand_in(&call.request, payload, &door).await?;
        let handing = Handing { actor: call.actor.clone(), conversation, once };
        match handed {
            Handed::File(upload) => accept(services.clone().into_inner(), handing, upload).await,
            Handed::Order(placed) => order(services.clone().into_inner(), handing, placed).await,
        }
    })
    .await
}

/// Reads the whole body, unless it can be refused before.
async fn hand_in(request: &HttpRequest, payload: Payload, door: &Door<'_>) -> Result<Handed, Failure> {
    let encoding = Encoding::of(request.headers())?;
    if !matches!(encoding, Encoding::Raw(_)) {
        nothing_is_said_beside(request).map_err(Failure::Invalid)?;
    }
    let limit = encoding.limit(door);
    admit(request.headers(), limit, door).await?;
    let mut body = Body::new(payload, limit);
    Ok(match encoding {
        Encoding::Multipart => Handed::File(multipart::read(request.headers(), body, door).await?),
        Encoding::Raw(declared) => Handed::File(raw(request, &mut body, declared, door).await?),
        Encoding::Json => {
            let handed = json::read(&mut body, door).await?;
            check_length(request.headers(), &body)?;
            handed
        }
    })
}

/// A form and JSON say everything in the body; what stood in the query would be lost in silence.
fn nothing_is_said_beside(request: &HttpRequest) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    for (name, _) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if json::MEMBERS.contains(&&*name) && errors.first(&name).is_none() {
            errors.add(&name, "Say this in the body; the query counts for a file that is sent as it is");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
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
    /// As base64 inside JSON.
    Json,
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
            "application/json" => Ok(Self::Json),
            "" => Ok(Self::Raw(None)),
            _ => Ok(Self::Raw(Some(declared))),
        }
    }

    /// Gives the longest body that could be right, in bytes.
    fn limit(&self, door: &Door<'_>) -> u64 {
        match self {
            Self::Multipart => door.most().saturating_add(OVERHEAD),
            Self::Raw(_) => door.most(),
            Self::Json => json::MOST,
        }
    }
}

/// Refuses what can be refused before a byte of the body is read.
async fn admit(headers: &HeaderMap, limit: u64, door: &Door<'_>) -> Result<(), Failure> {
    let length = declared_length(headers).unwrap_or(0);
    if length > limit {
        return Err(IntakeError::TooLarge.into());
    }
    Ok(door.admit(length).await?)
}

async fn raw(
    request: &HttpRequest,
    body: &mut Body<Payload>,
    declared: Option<String>,
    door: &Door<'_>,
) -> Result<Upload, Failure> {
    let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let details = Details::parse(&FormFields::new(pairs), "").map_err(Failure::Invalid)?;
    let mut incoming = door.open().await?;
    while let Some(piece) = body.piece().await? {
        door.pass(&mut incoming, piece).await?;
    }
    check_length(request.headers(), body)?;
    Ok(Upload { incoming, declared, details })
}

/// The server has noticed a short body by now; this holds whatever it does.
fn check_length(headers: &HeaderMap, body: &Body<Payload>) -> Result<(), Failure> {
    if declared_length(headers).is_some_and(|length| length != body.seen()) {
        return Err(Failure::refused(&problem::INCOMPLETE_BODY, "The body has another length than declared"));
    }
    Ok(())
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
