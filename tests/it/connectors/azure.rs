//! Containers of Azure Storage, against Microsoft's own emulator.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request};
use http_body_util::BodyExt;
use mediaport::connectors::{
    Configuration, DeliveryError, Ground, ItemProblem, Outcome, StepName, StepState, VerifiedBy,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::{configured, connector, failed, form, ground, peer, step, tested};

const MIB: u64 = 1024 * 1024;

pub(super) struct Container {
    name: String,
    ground: Ground,
    configuration: Configuration,
    _root: TempDir,
}

impl Container {
    fn fields(&self, changes: &[(&str, &str)]) -> Configuration {
        let (endpoint, account, key) =
            (peer("TEST_AZURE_ENDPOINT"), peer("TEST_AZURE_ACCOUNT"), peer("TEST_AZURE_KEY"));
        let mut fields = vec![
            ("account", account.as_str()),
            ("container", self.name.as_str()),
            ("access_key", &key),
            ("endpoint_url", &endpoint),
            ("prefix", "in box"),
        ];
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        configured("azure", &fields)
    }

    async fn refusal(&self, changes: &[(&str, &str)]) -> DeliveryError {
        let put = connector("azure").put(&self.fields(changes), &self.ground, &item("a.jpg", 10)).await;
        put.expect_err("refused")
    }

    /// Calls the emulator with a signature for everything, as no code of ours does; gives status and body.
    async fn call(&self, method: Method, path: &str, query: &str, body: &'static [u8]) -> (u16, Bytes) {
        let signature = sas("rwdlac", "2099-01-01");
        let address = format!("{}/{}{path}?{query}&{signature}", peer("TEST_AZURE_ENDPOINT"), self.name);
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-version", "2021-12-02")
            .body(Bytes::from_static(body).into())
            .expect("a request");
        let answer = self.ground.outbound.send(request).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.expect("a body").to_bytes())
    }
}

/// Makes a signature for the account, as the service's documentation describes it.
fn sas(permissions: &str, end: &str) -> String {
    let account = peer("TEST_AZURE_ACCOUNT");
    let text = format!("{account}\n{permissions}\nb\nsco\n\n{end}\n\nhttps,http\n2019-12-12\n");
    let key = BASE64_STANDARD.decode(peer("TEST_AZURE_KEY")).expect("a key");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(text.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    format!("sv=2019-12-12&ss=b&srt=sco&sp={permissions}&se={end}&spr=https,http&sig={signature}")
}

fn path_of(path: &str) -> String {
    let encode = |part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string();
    format!("/in%20box/{}", path.split('/').map(encode).collect::<Vec<_>>().join("/"))
}

impl Place for Container {
    const KEY: &'static str = "azure";

    async fn fresh() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let mut container = Self {
            name: format!("it-{}", Uuid::new_v4().simple()),
            ground: ground(root.path()),
            configuration: configured("folder", &[("directory", "x")]),
            _root: root,
        };
        container.configuration = container.fields(&[]);
        let made = container.call(Method::PUT, "", "restype=container", b"").await;
        assert_eq!(made.0, 201, "{made:?}");
        container
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Blocks that were never committed are no blobs: nobody sees them, and the service discards them.
    async fn names(&self) -> Vec<String> {
        let (status, list) = self.call(Method::GET, "", "restype=container&comp=list", b"").await;
        assert_eq!(status, 200);
        let list = String::from_utf8(list.to_vec()).expect("text");
        list.split("<Name>")
            .skip(1)
            .map(|rest| rest.split("</Name>").next().expect("a name").to_owned())
            .collect()
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let (status, bytes) = self.call(Method::GET, &path_of(path), "", b"").await;
        (status == 200).then(|| (bytes.len() as u64, hex::encode(Sha256::digest(&bytes))))
    }

    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        let (method, wanted) = if bytes.is_empty() { (Method::DELETE, 202) } else { (Method::PUT, 201) };
        let (status, said) = self.call(method, &path_of(path), "", bytes).await;
        assert_eq!(status, wanted, "{said:?}");
    }

    fn secret(&self) -> Option<String> {
        Some(peer("TEST_AZURE_KEY"))
    }
}

contract!(Container);

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_does_what_a_key_does_and_says_what_it_allows() {
    let container = Container::fresh().await;
    let token = sas("rwdc", "2099-01-01T00:00:00Z");
    let fields = container.fields(&[("access_key", ""), ("sas_token", &format!("?{token}"))]);

    let (outcome, steps) = tested("azure", &container.ground, &fields).await;
    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    let said = &step(&steps, StepName::SignIn).message;
    assert!(said.contains("allows rwdc and ends at 2099-01-01T00:00:00.000Z"), "{said}");
    for size in [10, 9 * MIB] {
        let item = item(&format!("sas/{size}.jpg"), size);
        let receipt = connector("azure").put(&fields, &container.ground, &item).await.expect("stored");
        let verified = connector("azure").verify(&fields, &container.ground, &item, &receipt).await;
        assert_eq!(verified.expect("verified"), VerifiedBy::ReadBack);
        assert_eq!(container.look(&item.path).await, Some((item.size, item.sha256)));
    }
    let shown = format!("{fields:?} {steps:?} {}", fields.settings);
    assert!(!shown.contains(token.rsplit('=').next().expect("a signature")));
}

#[tokio::test]
async fn a_signature_that_may_only_create_delivers_on_the_services_word() {
    let container = Container::fresh().await;
    let fields = container.fields(&[("access_key", ""), ("sas_token", &sas("c", "2099-01-01"))]);

    let (outcome, steps) = tested("azure", &container.ground, &fields).await;
    assert_eq!(outcome, Outcome::Warnings, "{steps:?}");
    assert_eq!(step(&steps, StepName::Verify).state, StepState::Warning);
    let delete = step(&steps, StepName::Delete);
    assert!(delete.message.contains("may not delete"), "{delete:?}");
    assert_eq!(container.names().await.len(), 1, "the probe that the message speaks of");

    let item = item("a.jpg", 10);
    let receipt = connector("azure").put(&fields, &container.ground, &item).await.expect("stored");
    let verified = connector("azure").verify(&fields, &container.ground, &item, &receipt).await;
    assert_eq!(verified.expect("verified"), VerifiedBy::Acknowledged);
    let again = connector("azure").put(&fields, &container.ground, &item).await;
    again.expect_err("it may neither look nor replace"); // the emulator has one word for both, the service has two
    assert_eq!(container.look("a.jpg").await, Some((item.size, item.sha256)));
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_said_with_its_cure() {
    let container = Container::fresh().await;
    let other = peer("TEST_AZURE_OTHER_KEY");
    let (ended, reading) = (sas("rwdc", "2020-01-01"), sas("rc", "2099-01-01"));
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("access_key", other.as_str())], "The service refuses this key"),
        (&[("access_key", ""), ("sas_token", &ended)], "ended at 2020-01-01"),
        (&[("access_key", ""), ("sas_token", &reading.replace("sp=rc", "sp=rwc"))], "refuses this key"),
        (&[("container", "nothing-here")], "no container of this name"),
        (&[("account", "nobodysfiles")], "The service refuses this key"),
    ];
    for (changes, word) in cases {
        let fields = container.fields(changes);
        let (outcome, steps) = tested("azure", &container.ground, &fields).await;
        assert_eq!(
            (outcome, failed(&steps).name),
            (Outcome::Failed, StepName::SignIn),
            "{changes:?} {steps:?}"
        );
        assert!(failed(&steps).message.contains(word), "{word}: {steps:?}");
        let refused = container.refusal(changes).await;
        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{changes:?}: {refused:?}");
    }
    let closed = container.refusal(&[("endpoint_url", "http://127.0.0.1:1/clinicfiles")]).await;
    assert!(closed.message().starts_with("unreachable: "), "{closed}");
    let private = container.refusal(&[("endpoint_url", "https://10.0.0.1/clinicfiles")]).await;
    assert!(private.message().starts_with("refused_by_policy: "), "{private}");
    assert_eq!(container.names().await, [""; 0]);
}

#[tokio::test]
async fn a_blob_gets_the_tier_and_the_type_that_were_asked_for() {
    let container = Container::fresh().await;
    let fields = container.fields(&[("access_tier", "Cool")]);
    for (name, size) in [("small.jpg", 10), ("large.jpg", 9 * MIB)] {
        let item = item(name, size);
        connector("azure").put(&fields, &container.ground, &item).await.expect("stored");
        let list = container.call(Method::GET, "", "restype=container&comp=list&prefix=in%20box", b"").await;
        let list = String::from_utf8(list.1.to_vec()).expect("text");
        let blob = list.split("<Blob>").find(|blob| blob.contains(name)).expect("the blob");
        assert!(blob.contains("<AccessTier>Cool</AccessTier>"), "{blob}");
        assert!(blob.contains(&format!("<Content-Type>{}</Content-Type>", item.mime_type)), "{blob}");
    }
}

#[tokio::test]
async fn a_blob_that_changed_after_it_was_written_is_not_delivered_and_not_touched() {
    let container = Container::fresh().await;
    let item = item("a.jpg", 1000);
    let receipt =
        connector("azure").put(&container.configuration, &container.ground, &item).await.expect("stored");
    container.plant(&item.path, b"somebody else's").await;

    let refused =
        connector("azure").verify(&container.configuration, &container.ground, &item, &receipt).await;

    let refused = refused.expect_err("it differs");
    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    assert_eq!(container.look("a.jpg").await.map(|(length, _)| length), Some(15), "not ours to remove");
    let conflict = deliver(&container, &item).await.expect_err("a conflict");
    assert!(matches!(conflict, DeliveryError::Item { reason: ItemProblem::Conflict, .. }), "{conflict:?}");
}

#[test]
fn a_kept_key_does_not_follow_to_another_account() {
    let key = BASE64_STANDARD.encode([7; 64]);
    let fields = [("account", "clinicfiles"), ("container", "pictures"), ("access_key", key.as_str())];
    let stored = connector("azure").parse(&form(&fields), None).expect("parsed");
    let moved = form(&[("account", "otherfiles"), ("container", "pictures")]);
    let errors = connector("azure").parse(&moved, Some(&stored)).expect_err("void");
    assert!(errors.first("access_key").is_some_and(|text| text.contains("again")), "{errors:?}");
}
