//! Signing in: a signed assertion is exchanged for a token that lasts an hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::Request;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::super::DeliveryError;
use super::api::{self, Drive};
use super::key;
use crate::platform::clock::Clock;
use crate::platform::outbound::retry_after;
use crate::platform::secret::Secret;

/// For whom assertions are meant, wherever the operator says that tokens are handed out.
pub(super) const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
/// What a token is for. Narrower ones do not see folders that a person has shared.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/drive";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// As long as Google lets an assertion be valid, in seconds.
const ASSERTION: i64 = 3600;
/// A token is not used in its last two minutes, so that it does not end under a request.
const SPARE: Duration = Duration::from_mins(2);
/// No token lasts longer, whatever is answered.
const LONGEST: u64 = 3600;
/// How many accounts are remembered before those whose tokens have ended are forgotten.
const ACCOUNTS: usize = 64;

/// The token of one account. Whoever needs a new one holds it, so that the others wait instead of asking too.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

static TOKENS: Mutex<Option<HashMap<[u8; 32], Slot>>> = Mutex::new(None);

struct Token {
    text: Secret<String>,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret<String>,
    expires_in: u64,
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Gives a token that lasts a while, a new one if need be.
pub(super) async fn get(drive: &Drive<'_>) -> Result<Secret<String>, DeliveryError> {
    let slot = slot(drive);
    let mut token = slot.lock().await;
    if let Some(known) = token.as_ref().filter(|known| Instant::now() < known.until) {
        return Ok(known.text.clone());
    }
    let granted = exchange(drive).await?;
    let lasts = Duration::from_secs(granted.expires_in.min(LONGEST)).saturating_sub(SPARE);
    *token = Some(Token { text: granted.access_token.clone(), until: Instant::now() + lasts });
    Ok(granted.access_token)
}

/// Forgets a token that Google no longer takes, unless there is a newer one.
pub(super) async fn forget(drive: &Drive<'_>, refused: &Secret<String>) {
    let slot = slot(drive);
    let mut token = slot.lock().await;
    if token.as_ref().is_some_and(|known| known.text == *refused) {
        *token = None;
    }
}

fn slot(drive: &Drive<'_>) -> Slot {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    let tokens = tokens.get_or_insert_default();
    if tokens.len() >= ACCOUNTS {
        let now = Instant::now();
        let is_used = |slot: &Slot| match slot.try_lock() {
            Ok(token) => token.as_ref().is_some_and(|token| now < token.until),
            Err(_) => true,
        };
        tokens.retain(|_, slot| is_used(slot));
    }
    tokens.entry(account(drive)).or_default().clone()
}

/// Whatever decides who signs in where. The key is part of it: knowing an account's name opens nothing.
pub(super) fn account(drive: &Drive<'_>) -> [u8; 32] {
    let parts = [
        drive.ground.google.token.as_str(),
        drive.ground.google.api.as_str(),
        &drive.settings.client_email,
        drive.settings.account(),
        drive.secrets.private_key_id.expose(),
        drive.secrets.private_key.expose(),
    ];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part).chain_update([0]));
    digest.finalize().into()
}

async fn exchange(drive: &Drive<'_>) -> Result<Granted, DeliveryError> {
    let assertion = assertion(drive)?;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT)
        .append_pair("assertion", assertion.expose())
        .finish();
    let request = Request::post(drive.ground.google.token.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(reqwest::Body::from(body))
        .map_err(|_| {
            DeliveryError::endpoint("The operator's address for signing in to Google is not valid")
        })?;
    let answer =
        drive.ground.outbound.send(request).await.map_err(|cause| DeliveryError::unreached(&cause))?;
    let (head, body) = answer.into_parts();
    let said = api::read(body).await?;
    if head.status.is_success() {
        return serde_json::from_slice(&said).map_err(|_| unexpected());
    }
    let wait = retry_after(&head.headers, Clock::system().now());
    // an answer that is no JSON is judged by its status alone
    let refused: Refused = serde_json::from_slice(&said).unwrap_or_default();
    tracing::debug!(
        status = head.status.as_u16(),
        error = refused.error,
        "Google refused to sign an account in"
    );
    Err(refusal(drive, head.status.as_u16(), &refused, wait))
}

/// Makes what the account says about itself, signed.
fn assertion(drive: &Drive<'_>) -> Result<Secret<String>, DeliveryError> {
    let now = Clock::system().now().millis() / 1000;
    let mut claims = json!({
        "iss": drive.settings.client_email, "scope": SCOPE, "aud": AUDIENCE, "iat": now, "exp": now + ASSERTION,
    });
    if let Some(person) = &drive.settings.impersonate {
        claims["sub"] = json!(person);
    }
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if !drive.secrets.private_key_id.expose().is_empty() {
        header["kid"] = json!(drive.secrets.private_key_id.expose());
    }
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let unusable =
        || DeliveryError::endpoint("The stored key cannot sign. Enter the service account's key again");
    let signer = key::signer(drive.secrets.private_key.expose()).map_err(|_| unusable())?;
    let signature = signer.sign(message.as_bytes()).map_err(|_| unusable())?;
    Ok(Secret::new(format!("{message}.{}", BASE64.encode(signature))))
}

fn unexpected() -> DeliveryError {
    DeliveryError::transient("Google answered the sign-in with something that is no token; it is tried again")
}

/// Says why Google hands out no token. One word stands for many causes, and the description tells them apart.
fn refusal(drive: &Drive<'_>, status: u16, refused: &Refused, wait: Option<Duration>) -> DeliveryError {
    let said = refused.error_description.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (service, person) = (&drive.settings.client_email, drive.settings.account());
    match refused.error.as_str() {
        _ if status == 429 || status >= 500 => DeliveryError::Transient {
            retry_after: wait,
            message: "Google cannot sign anybody in now; it is tried again".to_owned(),
        },
        "unauthorized_client" | "access_denied" => DeliveryError::endpoint(format!(
            "Google does not let {service} act for {person}. Have an administrator of the organisation allow it: \
             domain-wide delegation for this service account with the scope {SCOPE}"
        )),
        "invalid_grant" if about(&["short-lived", "timeframe", "iat and exp"]) => DeliveryError::transient(
            "The clocks of Google and of this server differ by minutes. Set this server's clock right",
        ),
        "invalid_grant" if about(&["signature", "no valid key", "key id"]) => {
            DeliveryError::endpoint(format!(
                "Google does not accept the key of {service}: it was deleted or disabled. Make a new key and enter it"
            ))
        }
        "invalid_grant" if about(&["email or user id", "invalid user"]) => DeliveryError::endpoint(format!(
            "There is no {person} in the organisation. Check the person to impersonate"
        )),
        "invalid_grant" | "disabled_client" | "deleted_client" | "invalid_client" => {
            DeliveryError::endpoint(format!(
                "Google does not know {service}, or it is disabled. Look for it in the Google Cloud console, or make \
                 another service account"
            ))
        }
        "invalid_scope" => DeliveryError::endpoint(format!(
            "Google does not grant {service} the scope {SCOPE}. Have an administrator of the organisation allow it"
        )),
        _ => DeliveryError::endpoint(
            "What answers at Google's address for signing in is not Google. Have the operator check google.token_url",
        ),
    }
}
