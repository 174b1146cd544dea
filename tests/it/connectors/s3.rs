//! S3 buckets, against Ceph's gateway.

use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use bytes::Bytes;
use mediaport::connectors::{
    Configuration, DeliveryError, Ground, ItemProblem, Outcome, StepName, StepState, VerifiedBy,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::stub::{Lie, Stub};
use super::{configured, connector, failed, form, ground, peer, step, tested};
use crate::support;

pub(super) struct Bucket {
    client: Client,
    name: String,
    ground: Ground,
    configuration: Configuration,
    _root: TempDir,
}

impl Bucket {
    fn fields(&self, changes: &[(&str, &str)]) -> Configuration {
        let (endpoint, key, secret) =
            (peer("TEST_S3_ENDPOINT"), peer("TEST_S3_ACCESS_KEY"), peer("TEST_S3_SECRET_KEY"));
        let mut fields = vec![
            ("bucket", self.name.as_str()),
            ("region", "us-east-1"),
            ("access_key_id", &key),
            ("secret_access_key", &secret),
            ("endpoint_url", &endpoint),
            ("path_style", "on"),
            ("prefix", "in box"),
        ];
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes);
        configured("s3", &fields)
    }

    async fn refusal(&self, changes: &[(&str, &str)]) -> DeliveryError {
        let configuration = self.fields(changes);
        let put = connector("s3").put(&configuration, &self.ground, &item("a.jpg", 10)).await;
        put.expect_err("refused")
    }
}

impl Place for Bucket {
    const KEY: &'static str = "s3";

    async fn fresh() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let ground = ground(root.path());
        let client = client(&ground);
        let name = format!("it-{}", Uuid::new_v4().simple());
        client.create_bucket().bucket(&name).send().await.expect("a bucket");
        let mut bucket = Self {
            client,
            name,
            ground,
            configuration: configured("folder", &[("directory", "x")]),
            _root: root,
        };
        bucket.configuration = bucket.fields(&[]);
        bucket
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        let objects = self.client.list_objects_v2().bucket(&self.name).send().await.expect("a list");
        let uploads = self.client.list_multipart_uploads().bucket(&self.name).send().await.expect("a list");
        let objects = objects.contents().iter().filter_map(|object| object.key());
        let uploads = uploads.uploads().iter().filter_map(|upload| upload.key());
        objects.chain(uploads).map(str::to_owned).collect()
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let request = self.client.get_object().bucket(&self.name).key(format!("in box/{path}"));
        let mut body = request.send().await.ok()?.body;
        let (mut length, mut sha256) = (0, Sha256::new());
        while let Some(bytes) = body.next().await {
            let bytes = bytes.expect("bytes");
            length += bytes.len() as u64;
            sha256.update(&bytes);
        }
        Some((length, hex::encode(sha256.finalize())))
    }

    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        let key = format!("in box/{path}");
        if bytes.is_empty() {
            self.client.delete_object().bucket(&self.name).key(key).send().await.expect("removed");
            return;
        }
        let body = Bytes::from_static(bytes).into();
        self.client.put_object().bucket(&self.name).key(key).body(body).send().await.expect("an object");
    }

    fn secret(&self) -> Option<String> {
        Some(peer("TEST_S3_SECRET_KEY"))
    }
}

fn client(ground: &Ground) -> Client {
    let (key, secret) = (peer("TEST_S3_ACCESS_KEY"), peer("TEST_S3_SECRET_KEY"));
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(ground.outbound.clone())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .endpoint_url(peer("TEST_S3_ENDPOINT"))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(true);
    Client::from_conf(config.build())
}

contract!(Bucket);

#[tokio::test]
async fn wrong_keys_stop_the_endpoint_with_a_sentence_for_every_store() {
    let bucket = Bucket::fresh().await;
    let (none_key, none_secret) = (peer("TEST_S3_NONE_KEY"), peer("TEST_S3_NONE_SECRET"));
    let wrong: [&[(&str, &str)]; 3] = [
        &[("secret_access_key", "not-the-secret")],
        &[("access_key_id", "NOSUCHKEY")],
        &[("access_key_id", &none_key), ("secret_access_key", &none_secret)],
    ];
    for changes in wrong {
        let refused = bucket.refusal(changes).await;
        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");

        let (outcome, steps) = tested("s3", &bucket.ground, &bucket.fields(changes)).await;
        assert_eq!(outcome, Outcome::Failed);
        assert!(matches!(failed(&steps).name, StepName::SignIn | StepName::Write), "{steps:?}");
    }
    assert_eq!(bucket.names().await, [""; 0]);
}

#[tokio::test]
async fn a_missing_bucket_fails_at_sign_in() {
    let bucket = Bucket::fresh().await;
    let changes = [("bucket", "it-nobody-made-this")];

    let refused = bucket.refusal(&changes).await;
    let (_, steps) = tested("s3", &bucket.ground, &bucket.fields(&changes)).await;

    assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
    assert_eq!(failed(&steps).name, StepName::SignIn);
    assert!(failed(&steps).message.contains("no bucket"), "{steps:?}");
}

#[tokio::test]
async fn a_refused_connection_is_waited_out_and_told_in_one_word() {
    let bucket = Bucket::fresh().await;
    let closed = [("endpoint_url", "http://127.0.0.1:9")];

    let refused = bucket.refusal(&closed).await;
    let (outcome, steps) = tested("s3", &bucket.ground, &bucket.fields(&closed)).await;

    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Connect));
    assert!(failed(&steps).message.starts_with("unreachable"), "{steps:?}");
    assert_eq!(steps.iter().filter(|step| step.state == StepState::Skipped).count(), 5);
}

#[tokio::test]
async fn addresses_that_nobody_allowed_are_refused_in_one_word() {
    let bucket = Bucket::fresh().await;
    let forbidden = [
        "http://169.254.169.254",
        "https://169.254.169.254",
        "http://10.0.0.1:9000",
        "https://[::ffff:a9fe:a9fe]",
        "https://[64:ff9b::a00:1]",
        "https://0x0a000001",
        "https://167772161",
        "https://127.0.0.2",
        "http://1.1.1.1",
    ];
    for endpoint in forbidden {
        let configuration = bucket.fields(&[("endpoint_url", endpoint)]);
        let (outcome, steps) = tested("s3", &bucket.ground, &configuration).await;
        let refused = bucket.refusal(&[("endpoint_url", endpoint)]).await;

        assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Resolve), "{endpoint}");
        assert!(failed(&steps).message.starts_with("refused_by_policy"), "{endpoint} {steps:?}");
        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{endpoint} {refused:?}");
    }
}

#[tokio::test]
async fn every_checksum_setting_is_taken_by_a_real_store() {
    let bucket = Bucket::fresh().await;
    for checksum in ["auto", "crc32", "sha256", "md5", "none"] {
        for size in [4000, (16 << 20) + 1] {
            let item = item(&format!("{checksum}/{size}.jpg"), size);
            let configuration = bucket.fields(&[("checksum", checksum)]);
            let put = connector("s3").put(&configuration, &bucket.ground, &item).await;
            let receipt = put.unwrap_or_else(|error| panic!("{checksum} {size}: {error}"));
            connector("s3").verify(&configuration, &bucket.ground, &item, &receipt).await.expect("verified");
        }
    }
}

#[tokio::test]
async fn a_large_object_is_verified_by_its_pieces_and_keeps_its_type() {
    let bucket = Bucket::fresh().await;
    let item = item("a.jpg", 20 << 20);

    let (receipt, verified) = deliver(&bucket, &item).await.expect("delivered");

    let key = receipt.location["key"].as_str().expect("a key");
    let head = bucket.client.head_object().bucket(&bucket.name).key(key).send().await.expect("there");
    assert_eq!((verified, key), (VerifiedBy::Md5, "in box/a.jpg"));
    assert_eq!(head.content_type(), Some("image/jpeg"));
}

#[tokio::test]
async fn a_writer_who_may_not_read_rests_on_the_acknowledgement() {
    let bucket = Bucket::fresh().await;
    let (key, secret) = (peer("TEST_S3_NONE_KEY"), peer("TEST_S3_NONE_SECRET"));
    // whoever stores an object owns it here, so that reading has to be forbidden in words
    let who = serde_json::json!({"AWS": ["arn:aws:iam:::user/norights"]});
    let objects = format!("arn:aws:s3:::{}/*", bucket.name);
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": who, "Action": ["s3:PutObject"], "Resource": [objects]},
        {"Effect": "Deny", "Principal": who, "Action": ["s3:GetObject", "s3:DeleteObject"], "Resource": [objects]}
    ]});
    let request = bucket.client.put_bucket_policy().bucket(&bucket.name).policy(policy.to_string());
    request.send().await.expect("a policy");
    let writer = bucket.fields(&[("access_key_id", &key), ("secret_access_key", &secret)]);

    let (outcome, steps) = tested("s3", &bucket.ground, &writer).await;
    let item = item("a.jpg", 4000);
    let receipt = connector("s3").put(&writer, &bucket.ground, &item).await.expect("stored");
    let verified = connector("s3").verify(&writer, &bucket.ground, &item, &receipt).await;

    assert_eq!(outcome, Outcome::Warnings, "{steps:?}");
    assert_eq!(step(&steps, StepName::Verify).state, StepState::Warning);
    assert!(step(&steps, StepName::Delete).message.contains("mediaport-test-"), "{steps:?}");
    assert_eq!(verified, Ok(VerifiedBy::Acknowledged));
}

#[tokio::test]
async fn a_store_that_spoils_what_it_keeps_is_found_out() {
    for lie in [Lie::FlipsABit, Lie::CutsTheEnd, Lie::FlipsABitAndSwears] {
        for size in [5000, 17 << 20] {
            let stub = Stub::start(lie);
            let root = tempfile::tempdir().expect("a folder");
            let ground = ground(root.path());
            let configuration = stub.configuration();
            let item = item("a.jpg", size);

            let receipt = connector("s3").put(&configuration, &ground, &item).await.expect("it says OK");
            let verified = connector("s3").verify(&configuration, &ground, &item, &receipt).await;

            // a store that swears to a large object with the right sums is believed; see docs/endpoints.md
            if matches!(lie, Lie::FlipsABitAndSwears) && size > 16 << 20 {
                continue;
            }
            let error = verified.expect_err("must not pass");
            assert!(matches!(error, DeliveryError::Transient { .. }), "{lie:?} {size}: {error:?}");
            assert!(error.message().contains("differs"), "{error}");
            assert_eq!(stub.objects(), 0, "the spoiled object is removed so that a retry can succeed");
        }
    }
}

#[tokio::test]
async fn a_store_that_knows_no_new_checksums_gets_the_old_one() {
    let stub = Stub::start(Lie::KnowsNoNewSums);
    let root = tempfile::tempdir().expect("a folder");
    let ground = ground(root.path());
    let item = item("a.jpg", 5000);

    let receipt = connector("s3").put(&stub.configuration(), &ground, &item).await.expect("stored");
    let verified = connector("s3").verify(&stub.configuration(), &ground, &item, &receipt).await;

    assert_eq!(verified.expect("verified"), VerifiedBy::ReadBack);
    let puts: Vec<_> = stub.requests().into_iter().filter(|request| request.starts_with("PUT")).collect();
    let sums =
        |request: &String| (request.contains("content-md5"), request.contains("x-amz-checksum-sha256"));
    assert_eq!(puts.iter().map(sums).collect::<Vec<_>>(), [(true, true), (true, false)]);
}

fn in_its_own_process(test: &str, prepare: impl FnOnce(&mut Command)) {
    support::in_its_own_process(&format!("connectors::s3::{test}"), prepare);
}

#[tokio::test]
async fn https_proves_the_store_and_carries_deliveries() {
    in_its_own_process("delivers_over_https", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "run by https_proves_the_store_and_carries_deliveries, in a process of its own"]
async fn delivers_over_https() {
    let bucket = Bucket::fresh().await;
    let endpoint = peer("TEST_S3_ENDPOINT_TLS");
    let https = bucket.fields(&[("endpoint_url", &endpoint)]);

    let (outcome, steps) = tested("s3", &bucket.ground, &https).await;

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert_eq!(step(&steps, StepName::Identity).state, StepState::Passed);
    for size in [0, 5000, 40 << 20] {
        let item = item(&format!("{size}.jpg"), size);
        let receipt = connector("s3").put(&https, &bucket.ground, &item).await.expect("stored");
        connector("s3").verify(&https, &bucket.ground, &item, &receipt).await.expect("verified");
    }
}

#[tokio::test]
async fn a_refused_wish_holds_the_item_and_names_the_fields() {
    let bucket = Bucket::fresh().await;

    // this store encrypts over https alone
    let refused = bucket.refusal(&[("server_side_encryption", "AES256")]).await;

    assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::Rejected, .. }), "{refused:?}");
    assert!(refused.message().contains("encryption"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_fails_at_identity() {
    in_its_own_process("refuses_a_strange_certificate", |child| {
        child.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    });
}

#[tokio::test]
#[ignore = "run by a_certificate_of_a_stranger_fails_at_identity, in a process of its own"]
async fn refuses_a_strange_certificate() {
    let bucket = Bucket::fresh().await;
    let endpoint = peer("TEST_S3_ENDPOINT_TLS");
    let strange = [("endpoint_url", endpoint.as_str())];

    let (_, steps) = tested("s3", &bucket.ground, &bucket.fields(&strange)).await;
    let refused = bucket.refusal(&strange).await;

    assert_eq!(failed(&steps).name, StepName::Identity);
    assert!(failed(&steps).message.starts_with("rejected"), "{steps:?}");
    assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_line_that_breaks_leaves_nothing_and_heals() {
    let bucket = Bucket::fresh().await;
    let endpoint = peer("TEST_S3_FAULT_ENDPOINT");
    let through = bucket.fields(&[("endpoint_url", &endpoint)]);
    let item = item("a.mp4", 40 << 20);
    let faults = async |settings: &'static str| {
        let request = http::Request::put(peer("TEST_FAULT_CTL")).body(settings.into()).expect("a request");
        bucket.ground.outbound.send(request).await.expect("the proxy's control");
    };

    faults(r#"{"cut_up_after": 10000000}"#).await;
    let broken = connector("s3").put(&through, &bucket.ground, &item).await;
    faults("{}").await;

    assert!(matches!(broken, Err(DeliveryError::Transient { .. })), "{broken:?}");
    assert_eq!(bucket.names().await, [""; 0]);
    // connections opened while the line was broken stay so
    let fresh = ground(&bucket.ground.folder_root);
    connector("s3").put(&through, &fresh, &item).await.expect("stored on a whole line");
    assert_eq!(bucket.look("a.mp4").await, Some((item.size, item.sha256)));
}

#[tokio::test]
async fn credentials_of_the_machine_are_never_used() {
    let blank = [("bucket", "b"), ("region", "us-east-1"), ("access_key_id", ""), ("secret_access_key", "")];
    let errors = connector("s3").parse(&form(&blank), None).expect_err("blank keys");
    assert!(errors.first("access_key_id").is_some() && errors.first("secret_access_key").is_some());

    // the child process has planted credentials and a metadata service in its environment
    let stub = Stub::start(Lie::None);
    let metadata = Stub::start(Lie::None);
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join(".aws")).expect("a folder");
    let planted = "[default]\naws_access_key_id = AKIAPLANTEDINFILE\naws_secret_access_key = planted\nregion = eu-planted-1\n";
    std::fs::write(home.path().join(".aws/credentials"), planted).expect("a file");
    std::fs::write(home.path().join(".aws/config"), planted).expect("a file");
    let metadata_credentials = format!("{}/creds", metadata.endpoint());
    in_its_own_process("delivers_with_a_poisoned_environment", |child| {
        child
            .env("STUB_ENDPOINT", stub.endpoint())
            .env("HOME", home.path())
            .env("AWS_ACCESS_KEY_ID", "AKIAPLANTEDINENV")
            .env("AWS_SECRET_ACCESS_KEY", "planted")
            .env("AWS_SESSION_TOKEN", "planted")
            .env("AWS_REGION", "eu-planted-1")
            .env("AWS_ENDPOINT_URL", metadata.endpoint())
            .env("AWS_ENDPOINT_URL_S3", metadata.endpoint())
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.endpoint())
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &metadata_credentials)
            .env("HTTP_PROXY", metadata.endpoint())
            .env("http_proxy", metadata.endpoint());
    });

    assert_eq!(metadata.requests(), [""; 0]);
    let seen = stub.requests();
    assert!(!seen.is_empty());
    assert!(
        seen.iter().all(|request| request.contains("Credential=AKIDSTUB/") && !request.contains("PLANTED"))
    );
    assert!(
        seen.iter().all(|request| request.contains("/us-east-1/s3/") && !request.contains("security-token"))
    );
}

#[tokio::test]
#[ignore = "run by credentials_of_the_machine_are_never_used, in a process of its own"]
async fn delivers_with_a_poisoned_environment() {
    let root = tempfile::tempdir().expect("a folder");
    let configuration = super::stub::configuration(&peer("STUB_ENDPOINT"));
    let item = item("a.jpg", 17 << 20);
    let ground = ground(root.path());

    let receipt = connector("s3").put(&configuration, &ground, &item).await.expect("stored");
    connector("s3").verify(&configuration, &ground, &item, &receipt).await.expect("verified");
}
