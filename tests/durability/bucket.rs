//! A bucket of a test's own in the object store beside us, and an endpoint that delivers there through a [`Gate`].

use std::net::SocketAddr;

use aws_sdk_s3::Client as Store;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use mediaport::platform::outbound::Outbound;
use serde_json::json;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::gate::Gate;
use crate::ledger::{Arrived, sha256};
use crate::site::{Keys, peer};

/// What a process needs to be told so that it reaches a store on this machine.
pub(crate) const REACHES_STORE: (&str, &str) = ("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.1/32");

/// A bucket, and the gate before it.
pub(crate) struct Bucket {
    pub(crate) gate: Gate,
    name: String,
    store: Store,
    runtime: Runtime,
}

impl Bucket {
    /// Makes an empty bucket.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = peer("TEST_S3_ENDPOINT");
        let name = format!("durability-{}", Uuid::new_v4().simple());
        let store = runtime.block_on(async {
            let [key, secret] = keys();
            let config = aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(Outbound::new(vec!["127.0.0.1/32".parse().unwrap()]).unwrap())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new(key, secret, None, None, "test"))
                .endpoint_url(&address)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .force_path_style(true);
            let store = Store::from_conf(config.build());
            store.create_bucket().bucket(&name).send().await.unwrap();
            store
        });
        let upstream: SocketAddr = address.trim_start_matches("http://").parse().unwrap();
        Self { gate: Gate::before(upstream), name, store, runtime }
    }

    /// Adds a conversation whose attachments go here, and gives the conversation.
    pub(crate) fn add_route(&self, keys: &Keys, port: u16) -> String {
        let [key, secret] = self::keys();
        let endpoint = json!({
            "name": "Archive", "type": "s3", "bucket": self.name, "region": "us-east-1", "endpoint_url": self.gate.url(),
            "path_style": true, "access_key_id": key, "secret_access_key": secret,
        });
        crate::site::add_route_to(keys, port, &endpoint)
    }

    /// Lists what has arrived, each with the sum of its bytes.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let mut all = Vec::new();
        self.runtime.block_on(async {
            let mut pages = self.store.list_objects_v2().bucket(&self.name).into_paginator().send();
            while let Some(page) = pages.next().await {
                for object in page.unwrap().contents() {
                    let key = object.key().unwrap();
                    let given = self.store.get_object().bucket(&self.name).key(key).send().await.unwrap();
                    let bytes = given.body.collect().await.unwrap().into_bytes();
                    let name = key.rsplit('/').next().unwrap_or(key).to_owned();
                    all.push(Arrived { name, sha256: sha256(&bytes) });
                }
            }
        });
        all
    }
}

fn keys() -> [String; 2] {
    ["TEST_S3_ACCESS_KEY", "TEST_S3_SECRET_KEY"].map(peer)
}
