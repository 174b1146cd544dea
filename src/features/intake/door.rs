//! Lets bytes in while there is room for them, from whichever side they come.

use bytes::Bytes;

use super::address::Address;
use super::model::IntakeError;
use crate::features::Services;
use crate::platform::blobs::{Incoming, Watermark};

/// How often the room on the volume is looked at while bytes of unknown number come in.
const ROOM_EVERY: u64 = 64 * 1024 * 1024;

/// The way into the media store.
pub(super) struct Door<'a> {
    services: &'a Services,
}

impl<'a> Door<'a> {
    pub(super) fn new(services: &'a Services) -> Self {
        Self { services }
    }

    /// Gives the size of the largest file that is taken, in bytes.
    pub(super) fn most(&self) -> u64 {
        self.services.max_upload
    }

    /// Reads the address of a file that lies elsewhere; the error stands beside the field.
    pub(super) fn address(&self, text: &str) -> Result<Address, String> {
        Address::parse(&self.services.ground.outbound, text)
    }

    /// Refuses what can be refused before the first byte: `length` is what will come, as far as that is known.
    pub(super) async fn admit(&self, length: u64) -> Result<(), IntakeError> {
        self.check_room(length).await?;
        if self.services.blobs.healthy() { Ok(()) } else { Err(IntakeError::Unhealthy) }
    }

    async fn check_room(&self, bytes: u64) -> Result<(), IntakeError> {
        let watermark = watermark(self.services.keep_free_percent);
        let has_room = self.services.blobs.has_room_for(bytes, watermark).await?;
        if has_room { Ok(()) } else { Err(IntakeError::NoRoom) }
    }

    /// Makes a place for the bytes of one file.
    pub(super) async fn open(&self) -> Result<Incoming, IntakeError> {
        Ok(self.services.blobs.receive().await?)
    }

    /// Takes the next bytes of a file.
    pub(super) async fn pass(&self, incoming: &mut Incoming, piece: Bytes) -> Result<(), IntakeError> {
        let before = incoming.size();
        incoming.write(piece).await?;
        if incoming.size() > self.services.max_upload {
            return Err(IntakeError::TooLarge);
        }
        // Others fill the same volume, and nobody may have said how much will come.
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
