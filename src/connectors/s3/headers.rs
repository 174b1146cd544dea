//! What the endpoint's settings add to a request that writes.

use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption, StorageClass};

use super::client::Bucket;
use super::settings::{Checksum, Encryption};
use super::sums::Piece;

/// The checksums that go along with one request, in base64.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) md5: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) crc32: Option<String>,
}

impl Sums {
    pub(super) fn single(chosen: Checksum, piece: &Piece) -> Self {
        let any = |of: &[Checksum]| of.contains(&chosen);
        Self {
            md5: any(&[Checksum::Auto, Checksum::Md5]).then(|| piece.md5_base64()),
            sha256: any(&[Checksum::Auto, Checksum::Sha256]).then(|| piece.sha256_base64()),
            crc32: any(&[Checksum::Crc32]).then(|| piece.crc32_base64()),
        }
    }

    /// Pieces carry a newer checksum only when the upload was begun with one; see [`algorithm`].
    pub(super) fn of_many(bucket: &Bucket<'_>, piece: &Piece) -> Self {
        let sums = Self::single(bucket.settings.checksum, piece);
        if algorithm(bucket).is_some() { sums } else { Self { md5: sums.md5, ..Self::default() } }
    }
}

/// Other stores than Amazon's get MD5 sums alone for pieces unless the admin says otherwise: all of them know those.
pub(super) fn algorithm(bucket: &Bucket<'_>) -> Option<ChecksumAlgorithm> {
    match bucket.settings.checksum {
        Checksum::Auto if bucket.settings.is_amazon() => Some(ChecksumAlgorithm::Sha256),
        Checksum::Sha256 => Some(ChecksumAlgorithm::Sha256),
        Checksum::Crc32 => Some(ChecksumAlgorithm::Crc32),
        Checksum::Auto | Checksum::Md5 | Checksum::None => None,
    }
}

pub(super) fn storage_class(bucket: &Bucket<'_>) -> Option<StorageClass> {
    bucket.settings.storage_class.as_deref().map(StorageClass::from)
}

pub(super) fn encryption(bucket: &Bucket<'_>) -> Option<ServerSideEncryption> {
    match bucket.settings.server_side_encryption {
        Encryption::None => None,
        chosen => Some(ServerSideEncryption::from(chosen.as_str())),
    }
}
