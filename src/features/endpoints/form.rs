//! What is submitted about an endpoint.

use std::fmt;

use super::model::{Archive, Destination};
use crate::connectors::{self, AnyConnector, Configuration, Takes};
use crate::platform::form::{FieldErrors, FormFields};

/// As the screen shows it in one line.
pub(super) const NAME_LENGTH: usize = 100;

/// What was submitted about an endpoint, new or changed, with nothing wrong in it.
#[derive(Clone)]
pub struct EndpointForm {
    /// How people call it.
    pub name: String,
    /// Its type.
    pub connector: &'static dyn AnyConnector,
    /// Its settings and secrets.
    pub configuration: Configuration,
    /// Whether files are packed.
    pub archive: Archive,
}

impl EndpointForm {
    /// Checks what was typed: the fields of every endpoint, and those of its type. A secret that is left empty is that of
    /// `stored`, as far as its type lets it be used with what was typed.
    pub fn parse(form: &FormFields, stored: Option<&Destination>) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let name = check.required("name", "a name", NAME_LENGTH);
        let archive = check.parsed("archive", UNKNOWN_ARCHIVE).unwrap_or(Archive::None);
        if archive != Archive::None {
            check.refuse("archive", "Archives are not yet available");
        }
        let connector = connectors::find(form.value("type"));
        if connector.is_none() {
            check.refuse("type", "Choose a type");
        }
        let configuration = connector.map(|connector| {
            let stored = stored.filter(|stored| stored.connector.key() == connector.key());
            connector.parse(form, stored.map(|stored| &stored.configuration))
        });
        match (check.finish((name, archive)), connector, configuration.transpose()) {
            (Ok((name, archive)), Some(connector), Ok(Some(configuration))) => {
                Ok(Self { name, connector, configuration, archive })
            }
            (common, _, own) => {
                let mut errors = common.err().unwrap_or_default();
                errors.extend(own.err().unwrap_or_default());
                Err(errors)
            }
        }
    }

    /// Tells whether its type takes pictures only.
    #[must_use]
    pub fn takes_pictures_only(&self) -> bool {
        self.connector.takes() == Takes::PicturesOnly
    }
}

impl fmt::Debug for EndpointForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("EndpointForm")
            .field("name", &self.name)
            .field("type", &self.connector.key())
            .finish_non_exhaustive()
    }
}

const UNKNOWN_ARCHIVE: &str = "Choose none, tar, tar.gz or tar.zst";

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> FormFields {
        FormFields::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn problems_of_all_fields_are_told_together() {
        let form = typed(&[("type", "folder"), ("archive", "tar.gz")]);
        let errors = EndpointForm::parse(&form, None).unwrap_err();

        assert_eq!(errors.first("name"), Some("Enter a name"));
        assert_eq!(errors.first("archive"), Some("Archives are not yet available"));
        assert!(errors.first("directory").is_some());
    }

    #[test]
    fn a_type_must_be_known() {
        for fields in [&[("name", "a")][..], &[("name", "a"), ("type", "floppy")]] {
            let errors = EndpointForm::parse(&typed(fields), None).unwrap_err();
            assert_eq!(errors.iter().collect::<Vec<_>>(), [("type", "Choose a type")]);
        }
    }

    #[test]
    fn a_described_endpoint_has_name_and_type() {
        let fields =
            [("name", " Archive "), ("type", "folder"), ("directory", "claims"), ("archive", "none")];
        let form = EndpointForm::parse(&typed(&fields), None).expect("nothing is wrong");

        assert_eq!((form.name.as_str(), form.connector.key()), ("Archive", "folder"));
        assert_eq!(form.archive, Archive::None);
    }
}
