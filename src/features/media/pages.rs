//! `/library/{id}`: what a file is, and a way to have it, for people who were sent a link.
//!
//! Admins reach every file; an agent those of the conversations that name the agent's own address, and nothing tells
//! others from files that do not exist. The name of a file may say as much as the file, so looking at the page is on record
//! like looking at the bytes.

use actix_web::web::Data;
use askama::Template;
use futures_util::FutureExt;

use super::api::{check_bytes, open, put_on_record};
use super::content::{Dress, Plan, plan, refuse_use};
use super::downloads::Downloads;
use super::model::{Media, MediaId, MediaState};
use super::store;
use crate::features::Services;
use crate::features::conversations::{self, Conversation, Reach};
use crate::features::deliveries::pages::views;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Person, Reply, Role, Segment, Visit};

#[derive(Template)]
#[template(path = "media/show.html")]
struct Show {
    shell: Shell,
    id: String,
    file_name: String,
    kind: &'static str,
    mime_type: String,
    size: String,
    sha256: String,
    contact: String,
    agent: String,
    taken_at: Option<Timestamp>,
    created_at: Timestamp,
    is_here: bool,
}

/// Shows what a file is; not the file itself.
pub async fn show(visit: Visit, id: Segment<MediaId>, downloads: Data<Downloads>) -> Reply {
    let (media, conversation) = reached(&visit, id.0).await?;
    put_on_record(&visit, &downloads, media.id).await?;
    let shell = visit.shell(&media.file_name, vec![Crumb::here("File")]);
    visit.page(Show {
        shell,
        id: media.id.to_string(),
        kind: views::kind(media.kind),
        size: views::size(media.size),
        is_here: media.state == MediaState::Stored && !media.is_damaged,
        contact: conversation.external_id.unwrap_or_default(),
        agent: conversation.agent.unwrap_or_default(),
        taken_at: media.captured_at,
        created_at: media.created_at,
        file_name: media.file_name,
        mime_type: media.mime_type,
        sha256: media.sha256,
    })
}

/// Gives the file, to be kept and never to be shown in place.
pub async fn content(
    visit: Visit,
    id: Segment<MediaId>,
    services: Data<Services>,
    downloads: Data<Downloads>,
) -> Reply {
    refuse_use(&visit.request)?;
    let (media, _) = reached(&visit, id.0).await?;
    check_bytes(&media)?;
    let plan = plan(&visit.request, &media);
    let dress = Dress::new(media.clone(), true, visit.site.public.origin());
    let Plan::Send(part) = plan else { return Ok(dress.empty(&plan)) };
    let reader = open(&visit, &services, &media, part.clone()).await?;
    put_on_record(&visit, &downloads, media.id).await?;
    Ok(dress.with_bytes(part, reader))
}

/// Finds a file that the visitor may see.
async fn reached(visit: &Visit, id: MediaId) -> Result<(Media, Conversation), Failure> {
    let person = visit.person()?.clone();
    let found = visit.read(move |tx| async move { find(tx, id).await }.boxed()).await?;
    found.filter(|(_, conversation)| may_see(&person, conversation)).ok_or(Failure::NotFound)
}

async fn find(tx: &mut Tx, id: MediaId) -> DbResult<Option<(Media, Conversation)>> {
    let Some(media) = store::find(tx, id, Reach::All).await? else { return Ok(None) };
    let conversation = conversations::find(tx, media.conversation_id, Reach::All).await?;
    Ok(conversation.map(|conversation| (media, conversation)))
}

fn may_see(person: &Person, conversation: &Conversation) -> bool {
    let agent = conversation.agent.as_deref().unwrap_or_default().trim();
    match person.role {
        Role::Admin => true,
        Role::Agent => !agent.is_empty() && agent.eq_ignore_ascii_case(&person.email),
        Role::Builder | Role::Auditor => false,
    }
}
