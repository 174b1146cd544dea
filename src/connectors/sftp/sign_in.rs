//! Signing in to a server that has proven who it is.

use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Asked};
use russh::keys::ssh_key::Fingerprint;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use tokio::time::timeout;

use super::super::DeliveryError;
use super::session::Ssh;
use super::{Secrets, Settings, fault, key};

/// How long one answer may take: servers delay refusals, and ask directories that are slow themselves.
const ANSWER: Duration = Duration::from_secs(30);
/// How many questions are answered: the password, and remarks that want no answer.
const QUESTIONS: usize = 4;

const PARTLY: &str = "The server wants a second proof besides this one, such as a code. Deliveries cannot give it; have the \
    operator make an account that needs one proof";

/// Signs in with the endpoint's password or key.
pub(super) async fn run(ssh: &mut Ssh, settings: &Settings, secrets: &Secrets) -> Result<(), DeliveryError> {
    match secrets {
        Secrets::Password(password) => with_password(ssh, &settings.username, password.expose()).await,
        Secrets::PrivateKey { text, passphrase } => {
            let passphrase = passphrase.as_ref().map(|phrase| phrase.expose().as_str());
            let key = key::read(text.expose(), passphrase).map_err(|problem| {
                DeliveryError::endpoint(format!("The stored private key is of no use. {problem}"))
            })?;
            with_key(ssh, &settings.username, key).await
        }
    }
}

async fn with_password(ssh: &mut Ssh, user: &str, password: &str) -> Result<(), DeliveryError> {
    let tried = ssh.handle.authenticate_password(user, password);
    let AuthResult::Failure { remaining_methods, partial_success } =
        answer(timeout(ANSWER, tried).await, ssh)?
    else {
        return Ok(());
    };
    if partial_success {
        return Err(DeliveryError::endpoint(PARTLY));
    }
    not_gone(&remaining_methods, ssh)?;
    // a server that takes passwords has refused this one: asking it the other way only brings a lock nearer
    let asks = remaining_methods.contains(&MethodKind::KeyboardInteractive);
    if asks && !remaining_methods.contains(&MethodKind::Password) {
        return with_answers(ssh, user, password).await;
    }
    Err(DeliveryError::endpoint(password_refused(&remaining_methods)))
}

fn password_refused(remaining: &MethodSet) -> &'static str {
    if remaining.contains(&MethodKind::Password) || !remaining.contains(&MethodKind::PublicKey) {
        "The server refuses this user name and password. Check both, and whether the account is locked"
    } else {
        "The server takes no passwords for this account, only keys. Enter a private key instead"
    }
}

/// Some servers take the password only as the answer to a question.
async fn with_answers(ssh: &mut Ssh, user: &str, password: &str) -> Result<(), DeliveryError> {
    let begun = ssh.handle.authenticate_keyboard_interactive_start(user, None);
    let mut asked = answer(timeout(ANSWER, begun).await, ssh)?;
    let mut is_told = false;
    for _ in 0..QUESTIONS {
        let prompts = match asked {
            Asked::Success => return Ok(()),
            Asked::Failure { partial_success: true, .. } => return Err(DeliveryError::endpoint(PARTLY)),
            Asked::Failure { remaining_methods, .. } => {
                not_gone(&remaining_methods, ssh)?;
                break;
            }
            Asked::InfoRequest { prompts, .. } => prompts,
        };
        let wants_more = prompts.len() > 1 || prompts.iter().any(|prompt| prompt.echo);
        if wants_more || (is_told && !prompts.is_empty()) {
            return Err(DeliveryError::endpoint(if is_told { PARTLY } else { OTHER_QUESTIONS }));
        }
        is_told |= !prompts.is_empty();
        let answers = prompts.iter().map(|_| password.to_owned()).collect();
        let told = ssh.handle.authenticate_keyboard_interactive_respond(answers);
        asked = answer(timeout(ANSWER, told).await, ssh)?;
    }
    Err(DeliveryError::endpoint(
        "The server refuses this user name and password. Check both, and whether the account is locked",
    ))
}

const OTHER_QUESTIONS: &str = "The server asks for something else than a password. Deliveries cannot answer; have the \
    operator make an account that needs a password or a key only";

async fn with_key(ssh: &mut Ssh, user: &str, key: PrivateKey) -> Result<(), DeliveryError> {
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let hash = if key.algorithm().is_rsa() { Some(rsa_hash(ssh).await?) } else { None };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let tried = ssh.handle.authenticate_publickey(user, key);
    match answer(timeout(ANSWER, tried).await, ssh)? {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { partial_success: true, .. } => Err(DeliveryError::endpoint(PARTLY)),
        AuthResult::Failure { remaining_methods, .. } => {
            not_gone(&remaining_methods, ssh)?;
            Err(DeliveryError::endpoint(key_refused(&remaining_methods, &fingerprint)))
        }
    }
}

fn key_refused(remaining: &MethodSet, fingerprint: &Fingerprint) -> String {
    if remaining.contains(&MethodKind::PublicKey) {
        format!(
            "The server refuses the key {fingerprint} for this user name. Check the name, and have the operator add the \
             key's public half to the account"
        )
    } else {
        "The server takes no keys for this account. Enter a password, or have the operator allow keys"
            .to_owned()
    }
}

/// Chooses the hash for signatures of an RSA key. Servers that say nothing are tried with the strongest.
async fn rsa_hash(ssh: &mut Ssh) -> Result<HashAlg, DeliveryError> {
    let known = timeout(ANSWER, ssh.handle.best_supported_rsa_hash()).await;
    match answer(known, ssh)? {
        Some(Some(hash)) => Ok(hash),
        None => Ok(HashAlg::Sha512),
        Some(None) => Err(DeliveryError::endpoint(
            "The server takes RSA keys only with SHA-1, which is no longer safe. Enter an ed25519 key, or have the operator \
             update the server",
        )),
    }
}

/// Says what went wrong when there was no answer.
fn answer<T>(
    result: Result<Result<T, russh::Error>, tokio::time::error::Elapsed>,
    ssh: &Ssh,
) -> Result<T, DeliveryError> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Err(_) => Err(fault::stood_still()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the sign-in broke off");
            Err(parted(ssh))
        }
    }
}

/// Fails when a refusal is none: the library tells of a connection that ended as of a refusal that leaves no other way.
fn not_gone(remaining: &MethodSet, ssh: &Ssh) -> Result<(), DeliveryError> {
    if remaining.is_empty() && ssh.handle.is_closed() { Err(parted(ssh)) } else { Ok(()) }
}

/// Says what it means that the connection ended while signing in.
fn parted(ssh: &Ssh) -> DeliveryError {
    if ssh.farewell.words().is_none() {
        return fault::broke_off();
    }
    DeliveryError::endpoint(
        "The server ended the connection while signing in. Usually there were too many failed attempts: check user name \
         and secret, and have the operator look whether the account or this address is locked",
    )
}
