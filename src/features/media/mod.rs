//! The stored file.
use crate::typed_id;
typed_id! {
    /// Names a media.
    MediaId
}

/// Marks.
pub async fn mark_damaged(
    _tx: &mut crate::platform::db::Tx,
    _id: MediaId,
) -> crate::platform::db::DbResult<()> {
    Ok(())
}
