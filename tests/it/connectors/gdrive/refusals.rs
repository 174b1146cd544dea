//! What the test of an endpoint says, and what a refusal means for deliveries.

use std::time::Duration;

use mediaport::connectors::ItemProblem;

use super::*;

/// Runs the test, which must fail at a step, with a sentence that holds these words.
async fn fails(account: &Account, at: StepName, words: &str) {
    let (outcome, steps) = tested("gdrive", &account.ground, &account.configuration).await;
    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, at), "{words}: {steps:?}");
    let message = &failed(&steps).message;
    assert!(message.contains(words), "{words}: {message}");
    assert!(!message.contains("PRIVATE"), "{message}");
    assert_eq!(account.files().len(), 0);
}

#[tokio::test]
async fn a_folder_that_takes_nothing_is_refused_with_the_cure() {
    for (fields, at, words) in [
        (&[("folder_id", "nowhere")][..], StepName::SignIn, "not shared with"),
        (&[("folder_id", "a_file")], StepName::SignIn, "that of a file"),
        (&[("folder_id", "gone")], StepName::SignIn, "in the trash"),
        (&[("folder_id", "sd_ro")], StepName::SignIn, "Content manager"),
        (&[("folder_id", "my_ro")], StepName::SignIn, "may not add files"),
        (&[("folder_id", "sd_rw"), ("shared_drive_id", "SD2")], StepName::SignIn, "not in the shared drive"),
        (&[("folder_id", "my_rw"), ("shared_drive_id", "SD1")], StepName::SignIn, "not in the shared drive"),
        (&[("folder_id", "full")], StepName::Write, "Make room"),
        (
            &[("folder_id", "my_rw")],
            StepName::Write,
            "no storage of its own. Use a folder in a shared drive, or impersonate a person",
        ),
        (
            &[("folder_id", "sd_rw"), ("impersonate", "eve@example.com")],
            StepName::SignIn,
            "domain-wide delegation",
        ),
    ] {
        fails(&Account::with(fields), at, words).await;
    }
}

#[tokio::test]
async fn a_sign_in_that_is_refused_says_why() {
    for (status, error, description, words) in [
        (400, "invalid_grant", "Invalid JWT Signature.", "deleted or disabled. Make a new key"),
        (400, "invalid_grant", "Invalid grant: account not found", "or it is disabled"),
        (401, "disabled_client", "The OAuth client was disabled.", "or it is disabled"),
        (400, "invalid_grant", "Invalid email or User ID", "Check the person"),
        (401, "unauthorized_client", "Client is unauthorized …", "domain-wide delegation"),
        (400, "invalid_scope", "Invalid OAuth scope …", "Have an administrator"),
        (400, "unheard_of", "", "google.token_url"),
        (500, "internal_failure", "", "tried again"),
    ] {
        let account = Account::open();
        account.set(&json!({"token": {"status": status, "error": error, "error_description": description}}));
        fails(&account, StepName::SignIn, words).await;
    }
    // the clock of the other side is two hours ahead: the assertion has ended before it began
    let account = Account::open();
    account.set(&json!({"clock": 7200}));
    fails(&account, StepName::SignIn, "Set this server's clock right").await;
    let refused = account.refusal().await;
    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
}

#[tokio::test]
async fn refusals_say_whose_turn_it_is() {
    for (status, reason, class, words) in [
        (403, "accessNotConfigured", "endpoint", "Google Drive API is not enabled"),
        (403, "SERVICE_DISABLED", "endpoint", "Google Drive API is not enabled"),
        (403, "insufficientPermissions", "endpoint", "scope"),
        (403, "insufficientFilePermissions", "endpoint", "Content manager"),
        (403, "domainPolicy", "endpoint", "rule of the organisation"),
        (403, "storageQuotaExceeded", "endpoint", "shared drive, or impersonate"),
        (403, "userRateLimitExceeded", "transient", "for the moment"),
        (403, "rateLimitExceeded", "transient", "for the moment"),
        (429, "rateLimitExceeded", "transient", "for the moment"),
        (403, "dailyLimitExceeded", "transient", "today"),
        (403, "numChildrenInNonRootLimitExceeded", "transient", "Make room"),
        (403, "teamDriveHierarchyTooDeep", "endpoint", "too deep"),
        (403, "parentNotAFolder", "endpoint", "that of a file"),
        (401, "authError", "transient", "a new one"),
        (400, "invalid", "item", "refuses this file"),
        (404, "notFound", "endpoint", "not shared with"),
        (302, "moved", "endpoint", "not followed"),
        (500, "internalError", "transient", "tried again"),
        (503, "backendError", "transient", "tried again"),
    ] {
        let account = Account::open();
        account.fault(&json!([{"match": "POST /upload", "times": 9, "status": status, "reason": reason}]));
        let refused = account.refusal().await;
        assert_eq!(refused.class(), class, "{status} {reason}: {refused}");
        assert!(refused.message().contains(words), "{status} {reason}: {refused}");
    }
    let account = Account::open();
    account.fault(&json!([{"match": "POST /upload", "status": 413, "reason": "uploadTooLarge"}]));
    let large = account.refusal().await;
    assert!(matches!(large, DeliveryError::Item { reason: ItemProblem::TooLarge, .. }), "{large:?}");
}

#[tokio::test]
async fn storage_that_is_full_is_waited_for() {
    for fields in [
        &[("folder_id", "sd_rw"), ("shared_drive_id", "SD1")][..],
        &[("folder_id", "my_rw"), ("impersonate", "ada@example.com")],
    ] {
        let account = Account::with(fields);
        account.set(&json!({"delegates": ["ada@example.com"]}));
        account.fault(&json!([{"match": "POST /upload", "status": 403, "reason": "storageQuotaExceeded"}]));
        let full = account.refusal().await;
        assert!(matches!(full, DeliveryError::Transient { .. }), "{full:?}");
        assert!(full.message().contains("full. Make room"), "{full}");
    }
}

#[tokio::test]
async fn the_service_may_ask_for_time() {
    for (at, status) in [("POST /upload", 429), ("PUT /upload", 503), ("GET /drive", 403)] {
        let account = Account::open();
        let headers = json!({"Retry_After": 90});
        account.fault(&json!([
            {"match": at, "status": status, "reason": "userRateLimitExceeded", "headers": headers},
        ]));
        match account.refusal().await {
            DeliveryError::Transient { retry_after, .. } => {
                assert_eq!(
                    retry_after.or(Some(Duration::ZERO)),
                    Some(Duration::from_secs(90)),
                    "{at} {status}"
                );
            }
            other => panic!("{at} {status}: {other:?}"),
        }
    }
    let account = Account::open();
    account.set(&json!({"token": {"status": 429, "error": "rate_limit", "headers": {"Retry_After": 7}}}));
    let asked = account.refusal().await;
    let DeliveryError::Transient { retry_after, .. } = asked else { panic!("{asked:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn addresses_that_nobody_allowed_are_refused_in_one_word() {
    let mut account = Account::open();
    for (api, token, at) in [
        ("http://169.254.169.254/", "http://127.0.0.1:9/", StepName::Resolve),
        ("http://10.0.0.1/", "http://127.0.0.1:9/", StepName::Resolve),
        (peer("TEST_GDRIVE_HTTP").as_str(), "http://10.0.0.1/token", StepName::SignIn),
    ] {
        let read = |text: &str| text.parse::<Url>().expect("an address");
        account.ground.google = Google { api: read(api), token: read(token) };
        fails(&account, at, "refused_by_policy").await;
    }
}

#[tokio::test]
async fn a_receipt_from_elsewhere_proves_nothing() {
    let account = Account::open();
    for location in [Value::Null, json!({"file_id": "../../about"}), json!({"file_id": "a?b"})] {
        let receipt = Receipt {
            location,
            proof: json!({"sums": {"size": 10, "sha256": "", "md5": null}, "is_ours": true}),
        };
        let verified = account.verify(&item("a.jpg", 10), &receipt).await;
        assert!(matches!(verified, Err(DeliveryError::Endpoint { .. })), "{verified:?}");
    }
    assert_eq!(account.calls("GET /drive").len(), 0);
}
