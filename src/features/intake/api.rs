//! `POST /api/v1/conversations/{id}/media`: one file, as multipart or as a raw body.

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use futures_util::FutureExt;

use super::accept::{Order, accept};
use super::body::{self, Body};
use super::model::NewMedia;
use super::multipart;
use crate::features::Services;
use crate::features::conversations::{self, Conversation, ConversationId, Reach};
use crate::features::media::MediaView;
use crate::platform::blobs::Incoming;
use crate::platform::form::FormFields;
use crate::platform::web::{Call, Failure, Reply, Segment};

/// Accepts one file. 201 means that it is durable.
pub async fn create(call: Call, id: Segment<ConversationId>, services: Data<Services>, body: Body) -> Reply {
    let conversation = find(&call, id.0).await?;
    let declared = body::admit(&call.request, &services).await?;
    let upload = match body_form(&call.request) {
        BodyForm::Multipart => from_multipart(&call.request, body, &services).await?,
        BodyForm::Raw => from_raw(&call.request, declared, body, &services).await?,
        BodyForm::Json => {
            let detail =
                "Send the file as multipart/form-data or as the raw body; JSON is not taken here yet";
            return Err(Failure::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                detail,
            ));
        }
    };
    let Upload { new, declared_type, incoming } = upload;
    let order = Order { actor: call.actor.clone(), conversation, new, declared_type, incoming };
    let accepted = accept(services, order).await?;
    call.json(StatusCode::CREATED, &MediaView::new(&accepted.media, &accepted.deliveries))
}

async fn find(call: &Call, id: ConversationId) -> Result<Conversation, Failure> {
    let reach = Reach::of(&call.actor)?;
    let found = call.read(move |tx| async move { conversations::find(tx, id, reach).await }.boxed()).await?;
    found.ok_or(Failure::NotFound)
}

enum BodyForm {
    Multipart,
    Raw,
    Json,
}

fn body_form(request: &HttpRequest) -> BodyForm {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence =
        content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "multipart/form-data" => BodyForm::Multipart,
        // With the kind in the query a JSON file is a raw body like any other.
        "application/json" if !request.query_string().contains("kind=") => BodyForm::Json,
        _ => BodyForm::Raw,
    }
}

/// What came in, before it is durable.
struct Upload {
    new: NewMedia,
    declared_type: Option<String>,
    incoming: Incoming,
}

async fn from_multipart(request: &HttpRequest, body: Body, services: &Services) -> Result<Upload, Failure> {
    let parts = multipart::read(request, body, services).await?;
    let new = NewMedia::parse(&parts.fields, parts.file_name.as_deref()).map_err(Failure::Invalid)?;
    Ok(Upload { new, declared_type: parts.declared_type, incoming: parts.incoming })
}

async fn from_raw(
    request: &HttpRequest,
    declared: Option<u64>,
    mut body: Body,
    services: &Services,
) -> Result<Upload, Failure> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let fields =
        FormFields::new(query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect());
    // The description comes before the body, so a wrong one is refused before anything is read.
    let new = NewMedia::parse(&fields, None).map_err(Failure::Invalid)?;
    let incoming = body::receive(&mut body, services).await?;
    body::check_length(declared, incoming.size())?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Upload { new, declared_type: content_type.map(str::to_owned), incoming })
}
