//! Why an attempt to fetch a file did not bring it, and when the next one comes.

use std::time::Duration;

use super::model::IntakeError;
use crate::features::media::FailedReason;
use crate::platform::blobs::BlobError;
use crate::platform::jobs::spread;
use crate::platform::outbound::OutboundError;

/// The waits between attempts: a restart, a deployment, an outage, a night. After the last one the file is given up,
/// nearly nine hours after it was ordered; addresses with a signature seldom live longer.
const WAITS: [Duration; 6] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
];

/// Why an attempt did not bring the file.
#[derive(Debug)]
pub(super) enum Setback {
    /// No other attempt could.
    Final(FailedReason),
    /// Another attempt may, but not before the server wants it.
    Passing { reason: FailedReason, asked: Option<Duration> },
    /// The fault is here; it costs the file none of its attempts.
    Ours(&'static str),
    /// Something broke here that the queue should see.
    Broken(anyhow::Error),
}

impl Setback {
    /// Another attempt may bring it.
    pub(super) fn passing(reason: FailedReason) -> Self {
        Self::Passing { reason, asked: None }
    }
}

impl From<OutboundError> for Setback {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Refused(_) => Self::Final(FailedReason::RefusedByPolicy),
            OutboundError::Unreachable(_) | OutboundError::TimedOut => {
                Self::passing(FailedReason::Unreachable)
            }
            // Certificates are renewed, sometimes a few hours late.
            OutboundError::Tls(_) | OutboundError::Other(_) => Self::passing(FailedReason::Rejected),
        }
    }
}

impl From<IntakeError> for Setback {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge => Self::Final(FailedReason::TooLarge),
            IntakeError::NotAPicture => Self::Final(FailedReason::NotAPicture),
            IntakeError::Mismatch(_) => Self::Final(FailedReason::Mismatch),
            IntakeError::NoRoom => Self::Ours("the media store has no room"),
            IntakeError::Unhealthy => Self::Ours("the media store cannot be trusted at the moment"),
            // An earlier run that was given up came to its end after all; the next one sets its bytes aside.
            IntakeError::Store(BlobError::Exists) => Self::Ours("an earlier run left its bytes"),
            IntakeError::Broken(error) => Self::Broken(error),
            IntakeError::Store(_) | IntakeError::Db(_) => Self::Broken(error.into()),
        }
    }
}

/// Tells how long to wait after so many failed attempts, at least as long as the server asked for within reason; nothing
/// when it was the last one. `roll` spreads the wait.
pub(super) fn wait_after(failed: i64, asked: Option<Duration>, roll: u32) -> Option<Duration> {
    let longest = WAITS[WAITS.len() - 1];
    let wait = *WAITS.get(usize::try_from(failed - 1).ok()?)?;
    Some(spread(wait, roll).max(asked.unwrap_or_default().min(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_end_and_respect_the_server_within_reason() {
        let waits: Vec<_> = (1..=8).map(|failed| wait_after(failed, None, 500)).collect();
        assert_eq!(waits[..6], WAITS.map(Some));
        assert_eq!(waits[6..], [None, None]);
        let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
        assert_eq!(wait_after(1, Some(minute), 500), Some(minute));
        assert_eq!(wait_after(1, Some(day), 500), Some(WAITS[5]));
        assert_eq!(wait_after(4, Some(minute), 500), Some(WAITS[3]), "asking for less changes nothing");
        assert_eq!(wait_after(7, Some(minute), 500), None);
    }
}
