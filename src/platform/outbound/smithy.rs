//! Our way out as the HTTP client of the AWS SDK, which would otherwise bring its own: give an [`Outbound`] to
//! `aws_sdk_s3::config::Builder::http_client`.
//!
//! An error's source is the [`OutboundError`]. The SDK's settings for connecting and reading are not used: the limits of
//! [`Outbound`] hold, and the SDK's limits for attempts and operations work on top of them.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use super::{Outbound, OutboundError};

impl HttpClient for Outbound {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Outbound {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let outbound = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let answer = outbound.send(request.map(reqwest::Body::wrap)).await.map_err(connector_error)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Tells the SDK what is worth another attempt: a refusal and a wrong certificate stay what they are.
fn connector_error(error: OutboundError) -> ConnectorError {
    match error {
        OutboundError::TimedOut => ConnectorError::timeout(error.into()),
        OutboundError::Unreachable(_) => ConnectorError::io(error.into()).never_connected(),
        OutboundError::Other(_) => ConnectorError::io(error.into()),
        OutboundError::Refused(_) => ConnectorError::user(error.into()),
        OutboundError::Tls(_) => ConnectorError::other(error.into(), None),
    }
}
