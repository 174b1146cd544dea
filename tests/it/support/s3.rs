//! A bucket of a test's own in the object store beside us.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use mediaport::platform::outbound::Outbound;
use uuid::Uuid;

use super::peer;

/// Makes an empty bucket and gives the fields of an endpoint that delivers there.
pub(crate) async fn fresh_bucket() -> Vec<(&'static str, String)> {
    let [key, secret, address] = ["TEST_S3_ACCESS_KEY", "TEST_S3_SECRET_KEY", "TEST_S3_ENDPOINT"].map(peer);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Outbound::new(vec!["127.0.0.1/32".parse().unwrap()]).unwrap())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(&key, &secret, None, None, "test"))
        .endpoint_url(&address)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(true);
    let name = format!("it-{}", Uuid::new_v4().simple());
    Client::from_conf(config.build()).create_bucket().bucket(&name).send().await.unwrap();
    vec![
        ("type", "s3".to_owned()),
        ("bucket", name),
        ("region", "us-east-1".to_owned()),
        ("access_key_id", key),
        ("secret_access_key", secret),
        ("endpoint_url", address),
        ("path_style", "on".to_owned()),
    ]
}
