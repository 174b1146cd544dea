//! The same trait without types, so that one registry can hold every destination.

use askama::Template;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;

/// An endpoint's settings and secrets as they are stored, whatever their type.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// What may be shown, as JSON.
    pub settings: serde_json::Value,
    /// What is sealed at rest, as JSON text.
    pub secrets: Secret<String>,
}

/// A [`Connector`] whose settings are JSON. Every connector is one.
pub trait AnyConnector: Send + Sync {
    /// Gives [`Connector::KEY`].
    fn key(&self) -> &'static str;

    /// Gives [`Connector::LABEL`].
    fn label(&self) -> &'static str;

    /// Gives [`Connector::TAKES`].
    fn takes(&self) -> Takes;

    /// Gives [`Connector::TRACE`].
    fn trace(&self) -> &'static str;

    /// Gives [`Connector::FIELDS`].
    fn described(&self) -> &'static [Field];

    /// Renders the form fields.
    fn fields(&self, form: &FormFields, stored: bool) -> Result<String, askama::Error>;

    /// Turns stored settings into the fields of a form.
    fn filled(&self, settings: &serde_json::Value) -> FormFields;

    /// Checks what was typed; a stored configuration that cannot be read counts as none.
    fn parse(&self, form: &FormFields, stored: Option<&Configuration>) -> Result<Configuration, FieldErrors>;

    /// Fills in what only the destination can tell; see [`Connector::assist`].
    fn assist<'a>(&'a self, form: FormFields, ground: &'a Ground) -> BoxFuture<'a, FormFields>;

    /// Says in one line where files go; the label when the settings cannot be read.
    fn address(&self, settings: &serde_json::Value) -> String;

    /// Runs the endpoint test; afterwards the report holds every step.
    fn check<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        report: &'a mut Report,
    ) -> BoxFuture<'a, ()>;

    /// Gives what has to be stored before an item is; see [`Connector::reserve`].
    fn reserve<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Option<serde_json::Value>, DeliveryError>>;

    /// Stores an item; see [`Connector::put`].
    fn put<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>>;

    /// Verifies a stored item; see [`Connector::verify`].
    fn verify<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
        receipt: &'a Receipt,
    ) -> BoxFuture<'a, Result<VerifiedBy, DeliveryError>>;
}

impl<C: Connector> AnyConnector for C {
    fn key(&self) -> &'static str {
        C::KEY
    }

    fn label(&self) -> &'static str {
        C::LABEL
    }

    fn takes(&self) -> Takes {
        C::TAKES
    }

    fn trace(&self) -> &'static str {
        C::TRACE
    }

    fn described(&self) -> &'static [Field] {
        C::FIELDS
    }

    fn fields(&self, form: &FormFields, stored: bool) -> Result<String, askama::Error> {
        <C as Connector>::fields(form, stored).render()
    }

    fn filled(&self, settings: &serde_json::Value) -> FormFields {
        let object = settings.as_object().cloned().unwrap_or_default();
        FormFields::from_json(&object).unwrap_or_default()
    }

    fn parse(&self, form: &FormFields, stored: Option<&Configuration>) -> Result<Configuration, FieldErrors> {
        let stored = stored.and_then(|stored| typed::<C>(stored).ok());
        let stored = stored.as_ref().map(|(settings, secrets)| (settings, secrets));
        let (settings, secrets) = <C as Connector>::parse(form, stored)?;
        let unstorable = |_| FieldErrors::one("type", "These settings cannot be stored");
        Ok(Configuration {
            settings: serde_json::to_value(settings).map_err(unstorable)?,
            secrets: Secret::new(serde_json::to_string(&secrets).map_err(unstorable)?),
        })
    }

    fn assist<'a>(&'a self, form: FormFields, ground: &'a Ground) -> BoxFuture<'a, FormFields> {
        <C as Connector>::assist(form, ground).boxed()
    }

    fn address(&self, settings: &serde_json::Value) -> String {
        serde_json::from_value(settings.clone())
            .map_or_else(|_| C::LABEL.to_owned(), |settings| <C as Connector>::address(&settings))
    }

    fn check<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        report: &'a mut Report,
    ) -> BoxFuture<'a, ()> {
        async move {
            if let Ok((settings, secrets)) = typed::<C>(configuration) {
                <C as Connector>::check(&settings, &secrets, ground, report).await;
            } else {
                report.step::<()>(super::StepName::Resolve, async { Err(UNREADABLE.to_owned()) }).await;
            }
            report.close();
        }
        .boxed()
    }

    fn reserve<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Option<serde_json::Value>, DeliveryError>> {
        async move {
            let (settings, secrets) = typed::<C>(configuration)?;
            <C as Connector>::reserve(&settings, &secrets, ground, item).await
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        async move {
            let (settings, secrets) = typed::<C>(configuration)?;
            <C as Connector>::put(&settings, &secrets, ground, item).await
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        configuration: &'a Configuration,
        ground: &'a Ground,
        item: &'a Item,
        receipt: &'a Receipt,
    ) -> BoxFuture<'a, Result<VerifiedBy, DeliveryError>> {
        async move {
            let (settings, secrets) = typed::<C>(configuration)?;
            <C as Connector>::verify(&settings, &secrets, ground, item, receipt).await
        }
        .boxed()
    }
}

const UNREADABLE: &str = "The stored settings of this endpoint cannot be read. Open it and save it again";

/// Reads stored JSON back into a connector's own types. The cause is left out: it may quote a secret.
fn typed<C: Connector>(stored: &Configuration) -> Result<(C::Settings, C::Secrets), DeliveryError> {
    let settings = serde_json::from_value(stored.settings.clone());
    let secrets = serde_json::from_str(stored.secrets.expose());
    match (settings, secrets) {
        (Ok(settings), Ok(secrets)) => Ok((settings, secrets)),
        _ => Err(DeliveryError::endpoint(UNREADABLE)),
    }
}
