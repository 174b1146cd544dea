//! The first three steps of the test of every destination that speaks HTTP: name, connection, certificate.

use url::Url;

use super::report::{Found, Lasting, Report, StepName};
use super::{DeliveryError, Ground};
use crate::platform::outbound::{OutboundError, Refused, Verdict, certificate_end};

/// Goes as far as a server proves who it is, without sending it a request. Nothing when a step failed; `malformed` says
/// what to do about settings that make no address.
pub(super) async fn run(
    url: Option<&Url>,
    malformed: &str,
    ground: &Ground,
    report: &mut Report,
) -> Option<()> {
    let address = report.step(StepName::Resolve, resolve(url, malformed, ground)).await?;
    let connect = async {
        let stream = ground.outbound.connect(&address.host, address.port).await;
        stream.map(|stream| Found::passed(stream, "")).map_err(unreached)
    };
    let stream = report.step(StepName::Connect, connect).await?;
    let identity = async {
        if !address.secure {
            return Ok(Found::skipped((), "Plain http: nothing proves who the server is"));
        }
        let proven = ground.outbound.tls(&address.host, stream).await.map_err(unreached)?;
        Ok(Found::passed((), "").until(Lasting::Certificate, certificate_end(&proven)))
    };
    report.step(StepName::Identity, identity).await
}

struct Address {
    host: String,
    port: u16,
    secure: bool,
}

async fn resolve(url: Option<&Url>, malformed: &str, ground: &Ground) -> Result<Found<Address>, String> {
    let address = url.and_then(address).ok_or(malformed)?;
    let places = ground.outbound.resolve(&address.host, address.port).await.map_err(unreached)?;
    // said here, since connecting alone would succeed and only the first request be refused
    if !address.secure {
        for place in places {
            if ground.outbound.judge(place.ip()).map_err(|refused| unreached(refused.into()))?
                != Verdict::Allowed
            {
                return Err(unreached(Refused::Unencrypted(place.ip()).into()));
            }
        }
    }
    let message = format!("{}:{}", address.host, address.port);
    Ok(Found::passed(address, message))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreached(error: OutboundError) -> String {
    DeliveryError::unreached(&error).message().to_owned()
}

fn address(url: &Url) -> Option<Address> {
    Some(Address {
        host: url.host_str()?.to_owned(),
        port: url.port_or_known_default()?,
        secure: url.scheme() == "https",
    })
}
