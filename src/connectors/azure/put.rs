//! Storing a blob under a name that nothing has yet.
//!
//! A file that fits one request is stored by it, and the service keeps the MD5 that it computed of what came. A larger
//! one goes up in blocks, each with its MD5 for the service to check, and appears when the list of them is committed.
//! Blocks that are never committed are discarded by the service after a week.

use azure_core::http::{Etag, NoFormat, RequestContent, XmlFormat};
use azure_storage_blob::clients::BlockBlobClient;
use azure_storage_blob::models::{
    AccessTier, BlockBlobClientCommitBlockListOptions, BlockBlobClientCommitBlockListResultHeaders,
    BlockBlobClientStageBlockOptions, BlockBlobClientUploadOptions, BlockLookupList,
};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, FuturesOrdered, StreamExt};
use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::item::is_relative;
use super::super::{DeliveryError, Item, ItemProblem, Receipt};
use super::client::Container;
use super::fault::Fault;
use super::settings::Tier;
use super::verify::{self, Existing, Expected};

/// What goes in one request. With those on their way it is all that a delivery holds in memory.
const BLOCK: usize = 4 * 1024 * 1024;
/// Blocks on their way at once: three fill a long line without taking it from others.
const IN_FLIGHT: usize = 3;
/// The service's limit for names, in characters.
const NAME_MAX: usize = 1_024;
/// The service's limit for one blob.
const BLOCKS: u64 = 50_000;
pub(super) const STORE: &str = "write blobs";

/// Stores an item unless exactly it is there already.
pub(super) async fn run(container: &Container<'_>, item: &Item) -> Result<Receipt, DeliveryError> {
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    let name = container.settings.name(&item.path);
    if name.chars().count() > NAME_MAX {
        return Err(Fault::name_too_long());
    }
    if item.size > BLOCKS * BLOCK as u64 {
        return Err(DeliveryError::item(
            ItemProblem::TooLarge,
            "The service does not take blobs of this size",
        ));
    }
    if verify::existing(container, &name, item).await? == Existing::Equal {
        return Ok(receipt(container, &name, &Expected::default()));
    }
    match write(container, &name, item).await {
        Ok(written) => Ok(receipt(container, &name, &written)),
        Err(Refused::Fault(fault)) if fault.is_taken() => taken(container, &name, item).await,
        Err(Refused::Fault(fault)) => Err(fault.delivery(STORE)),
        Err(Refused::Ours(error)) => Err(error),
    }
}

fn receipt(container: &Container<'_>, name: &str, expected: &Expected) -> Receipt {
    let settings = container.settings;
    let url = settings.url(name).map(String::from);
    Receipt {
        location: json!({ "account": settings.account, "container": settings.container, "name": name, "url": url }),
        proof: expected.to_json(),
    }
}

/// Judges a name that turned out to be taken while we wrote.
async fn taken(container: &Container<'_>, name: &str, item: &Item) -> Result<Receipt, DeliveryError> {
    match verify::existing(container, name, item).await? {
        Existing::Equal => Ok(receipt(container, name, &Expected::default())),
        Existing::Nothing => {
            Err(DeliveryError::transient("The blob of this name has just gone; it is tried again"))
        }
        Existing::Hidden => Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Something already has this name and the signature does not let it be looked at. Make one with Read, so that \
             equal blobs are recognised",
        )),
    }
}

/// Why writing did not succeed.
enum Refused {
    Fault(Fault),
    Ours(DeliveryError),
}

impl From<azure_core::Error> for Refused {
    fn from(error: azure_core::Error) -> Self {
        Self::Fault(Fault::of(&error))
    }
}

impl From<DeliveryError> for Refused {
    fn from(error: DeliveryError) -> Self {
        Self::Ours(error)
    }
}

async fn write(container: &Container<'_>, name: &str, item: &Item) -> Result<Expected, Refused> {
    let blob = container.blob(name)?.block_blob_client();
    let mut blocks = Blocks::of(item);
    if item.size <= BLOCK as u64 {
        let bytes = blocks.next().await?.unwrap_or_default();
        blocks.finish(item)?;
        return at_once(container, &blob, item, bytes).await;
    }
    let mut staged = FuturesOrdered::new();
    let mut ids = Vec::new();
    while let Some(bytes) = blocks.next().await? {
        if staged.len() >= IN_FLIGHT {
            staged.next().await.transpose()?;
        }
        // all of one length, as the service wants them
        let id = format!("{:08}", ids.len()).into_bytes();
        ids.push(id.clone());
        staged.push_back(stage(&blob, id, bytes));
        // a request leaves only when it is polled, and the source may take its time with the next block
        if let Some(done) = futures_util::FutureExt::now_or_never(staged.next()).flatten() {
            done?;
        }
    }
    let md5 = blocks.finish(item)?;
    while let Some(done) = staged.next().await {
        done?;
    }
    commit(container, &blob, item, ids, md5).await
}

async fn at_once(
    container: &Container<'_>,
    blob: &BlockBlobClient,
    item: &Item,
    bytes: Bytes,
) -> Result<Expected, Refused> {
    let options = BlockBlobClientUploadOptions {
        blob_content_type: Some(item.mime_type.clone()),
        if_none_match: Some(Etag::from("*")),
        tier: tier(container),
        partition_size: std::num::NonZero::new(BLOCK as u64),
        ..BlockBlobClientUploadOptions::default()
    };
    let written = blob.upload(RequestContent::from(bytes.to_vec()), Some(options)).await?;
    Ok(Expected { etag: written.etag.map(|etag| etag.to_string()) })
}

async fn stage(blob: &BlockBlobClient, id: Vec<u8>, bytes: Bytes) -> Result<(), Refused> {
    let options = BlockBlobClientStageBlockOptions {
        transactional_content_md5: Some(Md5::digest(&bytes).to_vec()),
        ..BlockBlobClientStageBlockOptions::default()
    };
    let length = bytes.len() as u64;
    let content: RequestContent<Bytes, NoFormat> = RequestContent::from(bytes.to_vec());
    blob.stage_block(&id, length, content, Some(options)).await?;
    Ok(())
}

async fn commit(
    container: &Container<'_>,
    blob: &BlockBlobClient,
    item: &Item,
    ids: Vec<Vec<u8>>,
    md5: Vec<u8>,
) -> Result<Expected, Refused> {
    let options = BlockBlobClientCommitBlockListOptions {
        blob_content_md5: Some(md5),
        blob_content_type: Some(item.mime_type.clone()),
        if_none_match: Some(Etag::from("*")),
        tier: tier(container),
        ..BlockBlobClientCommitBlockListOptions::default()
    };
    let list = BlockLookupList { latest: Some(ids), ..BlockLookupList::default() };
    let content: RequestContent<BlockLookupList, XmlFormat> = list.try_into()?;
    let committed = blob.commit_block_list(content, Some(options)).await?;
    Ok(Expected { etag: committed.etag()?.map(|etag| etag.to_string()) })
}

fn tier(container: &Container<'_>) -> Option<AccessTier> {
    container.settings.access_tier.map(|tier| match tier {
        Tier::Hot => AccessTier::Hot,
        Tier::Cool => AccessTier::Cool,
        Tier::Cold => AccessTier::Cold,
        Tier::Archive => AccessTier::Archive,
    })
}

/// An item in pieces of one request each, hashed as it is read.
struct Blocks {
    source: BoxStream<'static, std::io::Result<Bytes>>,
    rest: BytesMut,
    length: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Blocks {
    fn of(item: &Item) -> Self {
        Self { source: item.read(), rest: BytesMut::new(), length: 0, sha256: Sha256::new(), md5: Md5::new() }
    }

    /// Gives the next block; the last one may be shorter.
    async fn next(&mut self) -> Result<Option<Bytes>, DeliveryError> {
        while self.rest.len() < BLOCK {
            let Some(piece) = self.source.next().await else { break };
            let piece = piece.map_err(|cause| {
                tracing::debug!(%cause, "reading an item failed");
                DeliveryError::unreadable()
            })?;
            self.sha256.update(&piece);
            self.md5.update(&piece);
            self.length += piece.len() as u64;
            self.rest.extend_from_slice(&piece);
        }
        let block = self.rest.split_to(self.rest.len().min(BLOCK)).freeze();
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    /// Gives the MD5 of everything. Fails when the bytes are not those that were accepted.
    fn finish(&mut self, item: &Item) -> Result<Vec<u8>, DeliveryError> {
        let is_whole = self.length == item.size && hex::encode(self.sha256.finalize_reset()) == item.sha256;
        if is_whole { Ok(self.md5.finalize_reset().to_vec()) } else { Err(DeliveryError::damaged()) }
    }
}
