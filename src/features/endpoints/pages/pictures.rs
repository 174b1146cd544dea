//! `/endpoints/{id}/test-picture`: a real picture, sent with the code that delivers, so that people can look at it.
//!
//! It is no delivery: it belongs to no conversation, waits for nothing and is not tried again. It stays at the
//! destination on purpose.

use std::sync::Arc;

use actix_web::web::{Bytes, Data};
use askama::Template;
use futures_util::FutureExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::draft;
use super::show::{self, Tab};
use super::views::StepView;
use crate::connectors::{
    self, About, Found, Ground, Item, Notes, Report, Step, StepName, StepState, VerifiedBy,
};
use crate::features::Services;
use crate::features::audit::{self, Act};
use crate::features::endpoints::{Destination, EndpointId, TestLimit};
use crate::platform::clock::Timestamp;
use crate::platform::web::{Reply, Segment, Visit};

/// A colour chart of 320 × 180 pixels, drawn for this purpose.
const PICTURE: &[u8] = include_bytes!("test_picture.jpg");

/// What became of a test picture.
#[derive(Template)]
#[template(path = "endpoints/picture.html")]
pub(super) struct PictureView {
    state: &'static str,
    steps: Vec<StepView>,
    file_name: String,
    location: String,
}

/// Sends the picture now and shows how far it came.
pub async fn create(
    visit: Visit,
    id: Segment<EndpointId>,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    let destination = draft::stored(&services, id.0).await?;
    limit.take(&visit.actor)?;
    let now = visit.now();
    let sent = send(&destination, &services.ground, item(now, &visit.person()?.email)).await;
    let (actor, act) = (visit.actor.clone(), sent.act(id.0));
    visit.write(move |tx| async move { audit::record(tx, &actor, now, act).await }.boxed()).await?;
    let picture = PictureView::from(sent);
    if visit.is_fragment() {
        return visit.page(picture);
    }
    visit.page(show::load(&visit, id.0, Tab::General).await?.with_picture(&picture)?)
}

/// The file name tells what it is and when it was sent.
///
/// Where an endpoint writes to the agent of a conversation, whoever presses the button gets it.
fn item(now: Timestamp, agent: &str) -> Item {
    let time: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let path = format!("mediaport-test-{time}.jpg");
    let about =
        About { file_name: path.clone(), agent: agent.to_owned(), taken_at: Some(now), ..About::sample() };
    Item {
        delivery: Uuid::now_v7(),
        path,
        mime_type: "image/jpeg".to_owned(),
        size: PICTURE.len() as u64,
        sha256: hex::encode(Sha256::digest(PICTURE)),
        source: Arc::new(Bytes::from_static(PICTURE)),
        reservation: None,
        about,
        notes: Notes::default(),
    }
}

struct Sent {
    file_name: String,
    location: Value,
    steps: Vec<Step>,
}

async fn send(destination: &Destination, ground: &Ground, mut item: Item) -> Sent {
    let (connector, configuration) = (destination.connector, &destination.configuration);
    let mut report = Report::new();
    let put = async {
        // nothing stores it: a picture that got lost is not sent again
        item.reservation = connector
            .reserve(configuration, ground, &item)
            .await
            .map_err(|error| error.message().to_owned())?;
        let receipt = connector.put(configuration, ground, &item).await;
        receipt.map(|receipt| Found::passed(receipt, "")).map_err(|error| error.message().to_owned())
    };
    let receipt = report.step(StepName::Write, put).await;
    let verify = async {
        let Some(receipt) = &receipt else { return Err(String::new()) };
        let verified = connector.verify(configuration, ground, &item, receipt).await;
        verified.map(|by| Found::passed((), words(by))).map_err(|error| error.message().to_owned())
    };
    report.step(StepName::Verify, verify).await;
    let location = receipt.map(|receipt| receipt.location).unwrap_or_default();
    Sent { file_name: item.path, location, steps: report.steps().to_vec() }
}

fn words(by: VerifiedBy) -> &'static str {
    match by {
        VerifiedBy::ReadBack => "The same bytes came back",
        VerifiedBy::Sha256 | VerifiedBy::Md5 => "The destination has the same checksum",
        VerifiedBy::Length => "The destination has the same length",
        VerifiedBy::Acknowledged => "The destination confirmed it; it lets nobody look",
    }
}

impl Sent {
    fn has_arrived(&self) -> bool {
        self.steps.iter().all(|step| step.state != StepState::Failed)
    }

    fn act(&self, id: EndpointId) -> Act {
        Act::on("endpoint.test_picture_sent", "endpoint", id)
            .with("file_name", self.file_name.as_str())
            .with("location", self.location.clone())
            .with("arrived", self.has_arrived())
    }
}

impl From<Sent> for PictureView {
    fn from(sent: Sent) -> Self {
        Self {
            state: if sent.has_arrived() { "passed" } else { "failed" },
            location: connectors::place(&sent.location),
            file_name: sent.file_name,
            steps: sent.steps.into_iter().map(StepView::from).map(renamed).collect(),
        }
    }
}

/// The steps of a test write a probe; here it is a picture.
fn renamed(step: StepView) -> StepView {
    let name = if step.name == StepName::Write.as_str() { "Write the picture" } else { step.name };
    StepView { name, ..step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_a_picture_and_says_when() {
        let item = item(Timestamp::from_millis(0), "ada@example.com");

        assert_eq!(item.path, "mediaport-test-19700101T000000000Z.jpg");
        assert_eq!(&PICTURE[..3], b"\xff\xd8\xff");
        assert_eq!(&PICTURE[PICTURE.len() - 2..], b"\xff\xd9");
    }
}
