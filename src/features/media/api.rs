//! Media over the HTTP API.

use std::ops::Range;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::FutureExt;
use serde::Deserialize;

use super::content::{Dress, Plan, plan, refuse_use};
use super::downloads::Downloads;
use super::model::{Media, MediaFilter, MediaId, MediaState, MediaView};
use super::store;
use crate::features::conversations::{self, Reach};
use crate::features::{Services, audit, deliveries};
use crate::platform::blobs::{BlobError, Reader};
use crate::platform::web::pagination::{Items, List, Moment};
use crate::platform::web::{Asker, Call, Code, Failure, Params, Reply, Segment};

/// `GET /api/v1/media?kind=&conversation=&sha256=&state=&from=&to=&app=&after=&limit=`, the newest first, each with its
/// deliveries.
pub async fn index(call: Call, list: List<MediaFilter, Moment>) -> Reply {
    let actor = call.actor.clone();
    let (page, deliveries) = call
        .read(move |tx| {
            async move {
                let reach = conversations::reach(tx, &actor, &list.filter.app).await?;
                let rows = store::list(tx, reach, &list.filter, list.after, list.wanted()).await?;
                let page = list.cut(rows, Media::moment);
                let ids: Vec<MediaId> = page.rows.iter().map(|media| media.id).collect();
                Ok::<_, Failure>((page, deliveries::briefs_of(tx, &ids).await?))
            }
            .boxed()
        })
        .await?;
    let briefs = |media: &Media| deliveries.get(&media.id).map_or(&[][..], Vec::as_slice);
    let items = page.rows.iter().map(|media| MediaView::new(media, briefs(media))).collect();
    call.json(StatusCode::OK, &Items { items, next: page.next })
}

/// `GET /api/v1/media/{id}`.
pub async fn show(call: Call, id: Segment<MediaId>) -> Reply {
    let reach = Reach::of(&call.actor)?;
    let (media, deliveries) = call
        .read(move |tx| {
            async move {
                let media = store::find(tx, id.0, reach).await?.ok_or(Failure::NotFound)?;
                let deliveries = deliveries::briefs(tx, media.id).await?;
                Ok::<_, Failure>((media, deliveries))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &MediaView::new(&media, &deliveries))
}

/// How the bytes are wanted.
#[derive(Debug, Deserialize)]
pub struct ContentParams {
    disposition: Option<String>,
}

impl ContentParams {
    /// `inline` is the default where the type allows it, and changes nothing where it does not.
    fn attach(&self) -> Result<bool, Failure> {
        match self.disposition.as_deref() {
            None | Some("" | "inline") => Ok(false),
            Some("attachment") => Ok(true),
            Some(_) => Err(Failure::malformed("disposition is inline or attachment")),
        }
    }
}

/// `GET` and `HEAD /api/v1/media/{id}/content`.
pub async fn content(
    call: Call,
    id: Segment<MediaId>,
    params: Params<ContentParams>,
    services: Data<Services>,
    downloads: Data<Downloads>,
) -> Reply {
    refuse_use(&call.request)?;
    let (reach, attach) = (Reach::of(&call.actor)?, params.0.attach()?);
    let media = call
        .read(move |tx| async move { store::find(tx, id.0, reach).await?.ok_or(Failure::NotFound) }.boxed())
        .await?;
    check_bytes(&media)?;
    let plan = plan(&call.request, &media);
    let dress = Dress::new(media.clone(), attach, call.site.public.origin());
    let Plan::Send(part) = plan else { return Ok(dress.empty(&plan)) };
    let reader = open(&call, &services, &media, part.clone()).await?;
    put_on_record(&call, &downloads, media.id).await?;
    Ok(dress.with_bytes(part, reader))
}

/// Bytes that are not here, or not what was accepted, do not leave.
pub(super) fn check_bytes(media: &Media) -> Result<(), Failure> {
    match media.state {
        MediaState::Stored if media.is_damaged => Err(damaged()),
        MediaState::Stored => Ok(()),
        MediaState::Fetching => Err(Failure::refused(
            &NOT_HERE_YET,
            "The file is still being fetched from its address. Ask again when the media is stored",
        )),
        MediaState::Failed | MediaState::Deleted => Err(Failure::NotFound),
    }
}

/// The bytes are on their way.
pub(super) const NOT_HERE_YET: Code =
    Code::new(StatusCode::CONFLICT, "not_here_yet", "the file is still being fetched from its address");

/// The bytes are not those that were accepted.
pub(super) const DAMAGED: Code = Code::new(
    StatusCode::INTERNAL_SERVER_ERROR,
    "damaged",
    "the stored bytes are not those that were accepted; they are not served",
);

fn damaged() -> Failure {
    Failure::refused(
        &DAMAGED,
        "The stored file is damaged and is not served. It has to be restored from a backup",
    )
}

pub(super) async fn open(
    call: &Asker,
    services: &Services,
    media: &Media,
    part: Option<Range<u64>>,
) -> Result<Reader, Failure> {
    let id = media.id;
    let reader = match services.blobs.read(id.uuid(), part).await {
        Ok(reader) => reader,
        // Not marked: a volume that is not mounted looks like this too.
        Err(BlobError::NotFound) => {
            return Err(Failure::Bug(anyhow::anyhow!("the bytes of media {id} are missing")));
        }
        Err(error) => return Err(Failure::Bug(error.into())),
    };
    if reader.size() == media.bytes() {
        return Ok(reader);
    }
    tracing::error!(%id, size = reader.size(), "a stored file has the wrong size");
    call.write(move |tx| async move { store::mark_damaged(tx, id).await }.boxed()).await?;
    Err(damaged())
}

/// A person's view is durable before the first byte; a machine's download is counted.
pub(super) async fn put_on_record(call: &Asker, downloads: &Downloads, id: MediaId) -> Result<(), Failure> {
    if let Some(machine) = call.actor.machine() {
        downloads.count(machine, &call.actor, id);
        return Ok(());
    }
    let (actor, now) = (call.actor.clone(), call.now());
    call.write(move |tx| async move { audit::record_view(tx, &actor, now, &id.to_string()).await }.boxed())
        .await
}
