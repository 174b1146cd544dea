//! Storing an object under a key that nothing has yet.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::item::is_relative;
use super::super::{DeliveryError, Item, ItemProblem, Receipt};
use super::client::{Bucket, Upload};
use super::fault::Fault;
use super::headers::{Sums, algorithm, encryption, storage_class};
use super::leftovers;
use super::settings::Checksum;
use super::sums::{Piece, Plan};
use super::verify::{self, Expected};

/// Pieces on their way at once: three fill a long line without taking it from others.
const IN_FLIGHT: usize = 3;
/// The protocol's limit for keys, in bytes.
const KEY_MAX: usize = 1_024;
const STORE: &str = "store objects here (s3:PutObject)";

/// What the store said about the object it made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) etag: Option<String>,
    pub(super) version: Option<String>,
}

/// Whether the store is asked to refuse when the key is taken.
#[derive(Clone, Copy)]
enum Condition {
    OnlyIfNew,
    None,
}

/// Stores an item unless exactly it is there already.
pub(super) async fn run(bucket: &Bucket<'_>, item: &Item) -> Result<Receipt, DeliveryError> {
    let key = bucket.settings.key(&item.path);
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    if key.len() > KEY_MAX {
        return Err(Fault::name_too_long());
    }
    let plan = Plan::of(item).await?;
    let expected = Expected { etag: plan.etag(), sha256: plan.sha256(), written: None };

    // stores that ignore conditions without a word are why this is asked first
    let seen = verify::existing(bucket, &key, item, &expected).await?;
    if seen == Existing::Equal {
        return Ok(receipt(bucket, &key, &expected));
    }
    let written = match write(bucket, &key, item, &plan, Condition::OnlyIfNew).await {
        Err(Refused::Fault(fault)) if fault.is_taken() => {
            return taken(bucket, &key, item, &expected).await;
        }
        Err(Refused::Fault(fault)) if fault.knows_no_condition() => {
            if seen == Existing::Hidden {
                return Err(DeliveryError::endpoint(
                    "This store cannot be told to keep existing objects, and the account may not look for them. Grant reading (s3:GetObject, s3:ListBucket)",
                ));
            }
            write(bucket, &key, item, &plan, Condition::None).await
        }
        other => other,
    };
    let written = written.map_err(Refused::delivery)?;
    Ok(receipt(bucket, &key, &Expected { written: Some(written), ..expected }))
}

/// What lies under a key before we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing.
    Nothing,
    /// The very item.
    Equal,
    /// We may not look.
    Hidden,
}

/// Judges a key that turned out to be taken while we wrote.
async fn taken(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    expected: &Expected,
) -> Result<Receipt, DeliveryError> {
    match verify::existing(bucket, key, item, expected).await? {
        Existing::Equal => Ok(receipt(bucket, key, expected)),
        Existing::Nothing => {
            Err(DeliveryError::transient("The object under this key has just gone; it is tried again"))
        }
        Existing::Hidden => Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Something already has this key and the account may not look at it. Grant s3:GetObject so that equal objects are recognised",
        )),
    }
}

fn receipt(bucket: &Bucket<'_>, key: &str, expected: &Expected) -> Receipt {
    Receipt { location: json!({ "bucket": bucket.settings.bucket, "key": key }), proof: expected.to_json() }
}

/// Why writing did not succeed.
enum Refused {
    Fault(Fault),
    Ours(DeliveryError),
}

impl Refused {
    fn delivery(self) -> DeliveryError {
        match self {
            Self::Fault(fault) => fault.delivery(STORE),
            Self::Ours(error) => error,
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn write(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    plan: &Plan,
    condition: Condition,
) -> Result<Written, Refused> {
    match plan.pieces.as_slice() {
        [piece] => at_once(bucket, key, item, piece, condition).await,
        _ => in_pieces(bucket, key, item, plan, condition).await,
    }
}

/// Stores an item by one request. Where the admin leaves the checksums to us, a store that does not know the newer one gets
/// MD5 alone, which all of them know.
async fn at_once(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    piece: &Piece,
    condition: Condition,
) -> Result<Written, Refused> {
    let chosen = bucket.settings.checksum;
    match one_request(bucket, key, item, (piece, chosen), condition).await {
        Err(Refused::Fault(fault)) if chosen == Checksum::Auto && fault.may_mean_checksums() => {
            one_request(bucket, key, item, (piece, Checksum::Md5), condition).await
        }
        done => done,
    }
}

async fn one_request(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    (piece, checksum): (&Piece, Checksum),
    condition: Condition,
) -> Result<Written, Refused> {
    let (upload, body) = Upload::new(item.read());
    let sums = Sums::single(checksum, piece);
    let sent = bucket
        .client
        .put_object()
        .bucket(&bucket.settings.bucket)
        .key(key)
        .set_if_none_match(condition.header())
        .content_type(&item.mime_type)
        .content_length(length(piece)?)
        .set_content_md5(sums.md5)
        .set_checksum_sha256(sums.sha256)
        .set_checksum_crc32(sums.crc32)
        .set_storage_class(storage_class(bucket))
        .set_server_side_encryption(encryption(bucket))
        .set_ssekms_key_id(bucket.settings.kms_key_id.clone())
        .body(body)
        .send()
        .await;
    match sent {
        Ok(stored) => Ok(Written { etag: stored.e_tag, version: stored.version_id }),
        Err(_) if upload.failed() => Err(Refused::Ours(DeliveryError::unreadable())),
        Err(error) => Err(Fault::of(&error).into()),
    }
}

async fn in_pieces(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    plan: &Plan,
    condition: Condition,
) -> Result<Written, Refused> {
    leftovers::sweep(bucket).await;
    let created = bucket
        .client
        .create_multipart_upload()
        .bucket(&bucket.settings.bucket)
        .key(key)
        .content_type(&item.mime_type)
        .set_checksum_algorithm(algorithm(bucket))
        .set_storage_class(storage_class(bucket))
        .set_server_side_encryption(encryption(bucket))
        .set_ssekms_key_id(bucket.settings.kms_key_id.clone())
        .send()
        .await
        .map_err(|error| Fault::of(&error))?;
    let id = created.upload_id.unwrap_or_default();
    let completed = async {
        let parts = pieces(bucket, key, &id, item, plan).await?;
        complete(bucket, key, &id, parts, condition).await
    };
    let completed = completed.await;
    if completed.is_err() {
        abort(bucket, key, &id).await;
    }
    completed
}

async fn pieces(
    bucket: &Bucket<'_>,
    key: &str,
    id: &str,
    item: &Item,
    plan: &Plan,
) -> Result<Vec<CompletedPart>, Refused> {
    let uploads = (0..plan.pieces.len()).map(|at| one_piece(bucket, (key, id), item, plan, at));
    stream::iter(uploads).buffered(IN_FLIGHT).try_collect().await
}

async fn one_piece(
    bucket: &Bucket<'_>,
    (key, id): (&str, &str),
    item: &Item,
    plan: &Plan,
    at: usize,
) -> Result<CompletedPart, Refused> {
    let piece = &plan.pieces[at];
    let number = i32::try_from(at + 1).map_err(|_| Refused::Ours(DeliveryError::damaged()))?;
    let (upload, body) = Upload::new(item.source.read(piece.start..piece.start + piece.length));
    let sums = Sums::of_many(bucket, piece);
    let sent = bucket
        .client
        .upload_part()
        .bucket(&bucket.settings.bucket)
        .key(key)
        .upload_id(id)
        .part_number(number)
        .content_length(length(piece)?)
        .set_content_md5(sums.md5)
        .set_checksum_sha256(sums.sha256.clone())
        .set_checksum_crc32(sums.crc32.clone())
        .body(body)
        .send()
        .await;
    match sent {
        Ok(stored) => Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(stored.e_tag)
            .set_checksum_sha256(sums.sha256)
            .set_checksum_crc32(sums.crc32)
            .build()),
        Err(_) if upload.failed() => Err(Refused::Ours(DeliveryError::unreadable())),
        Err(error) => Err(Fault::of(&error).into()),
    }
}

async fn complete(
    bucket: &Bucket<'_>,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
    condition: Condition,
) -> Result<Written, Refused> {
    let stored = bucket
        .client
        .complete_multipart_upload()
        .bucket(&bucket.settings.bucket)
        .key(key)
        .upload_id(id)
        .set_if_none_match(condition.header())
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
        .send()
        .await
        .map_err(|error| Fault::of(&error))?;
    Ok(Written { etag: stored.e_tag, version: stored.version_id })
}

/// Frees what the store keeps of an upload that will not be completed. When this fails, a later delivery or the bucket's
/// life-cycle rule does it.
pub(super) async fn abort(bucket: &Bucket<'_>, key: &str, id: &str) {
    let aborted = bucket
        .client
        .abort_multipart_upload()
        .bucket(&bucket.settings.bucket)
        .key(key)
        .upload_id(id)
        .send()
        .await;
    if let Err(error) = aborted {
        Fault::of(&error);
    }
}

impl Condition {
    fn header(self) -> Option<String> {
        match self {
            Self::OnlyIfNew => Some("*".to_owned()),
            Self::None => None,
        }
    }
}

fn length(piece: &Piece) -> Result<i64, Refused> {
    i64::try_from(piece.length).map_err(|_| Refused::Ours(DeliveryError::damaged()))
}
