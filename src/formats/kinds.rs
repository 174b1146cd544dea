//! What a media is to the people who work with it, and which endpoints it therefore goes to.

use crate::text_enum;

text_enum! {
    /// What a media is.
    Kind {
        /// A picture that a customer or agent took.
        Picture = "picture",
        /// A recording of a call.
        Recording = "recording",
        /// The text of a call or chat.
        Transcript = "transcript",
        /// A message left on a mailbox.
        Voicemail = "voicemail",
        /// A received or sent fax.
        Fax = "fax",
        /// Any other file that came with a message.
        Attachment = "attachment",
        /// An announcement that callers hear.
        Greeting = "greeting",
    }
}

text_enum! {
    /// Which list of endpoints of a use case a media goes to.
    Purpose {
        /// The endpoints for pictures.
        Pictures = "pictures",
        /// The endpoints for recordings, voicemails and transcripts.
        Recordings = "recordings",
        /// The endpoints for everything else.
        Other = "other",
    }
}

impl Kind {
    /// Gives the list of a use case that media of this kind go to.
    #[must_use]
    pub fn list(self) -> Purpose {
        match self {
            Self::Picture => Purpose::Pictures,
            Self::Recording | Self::Voicemail | Self::Transcript => Purpose::Recordings,
            Self::Attachment | Self::Fax | Self::Greeting => Purpose::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_list() {
        let lists: Vec<_> = Kind::ALL.iter().map(|kind| (kind.as_str(), kind.list().as_str())).collect();
        assert_eq!(
            lists,
            [
                ("picture", "pictures"),
                ("recording", "recordings"),
                ("transcript", "recordings"),
                ("voicemail", "recordings"),
                ("fax", "other"),
                ("attachment", "other"),
                ("greeting", "other"),
            ]
        );
        assert_eq!("greeting".parse(), Ok(Kind::Greeting));
    }
}
