//! Rows in bulk, as years of use leave them: two apps of unequal size, few rows of some kinds and states, digests that
//! both apps have, instants that many share and that are not in the order of the identifiers.

use futures_util::FutureExt;
use mediaport::features::apps::Scope;
use mediaport::on;
use mediaport::platform::db::{DbError, Tx};
use mediaport::platform::web::Role;
use serde_json::Value;

use crate::support::{ApiClient, TestApp};

/// Media that [`Rows::add`] adds; enough that no engine prefers to look at all of them.
pub(super) const MEDIA: usize = 6_000;
/// The first instant of a media: 2023-11-14T22:13:20Z.
pub(super) const FIRST: i64 = 1_700_000_000_000;

const NUMBERS: &str = "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $1) ";

/// Twelve digits that look drawn by lot, different for each number up to 999,983, which is a prime.
macro_rules! shuffled {
    ($n:literal) => {
        concat!("SUBSTR(CAST(1000000000000 + (", $n, ") * 7919 % 999983 AS TEXT), 2, 12)")
    };
}

macro_rules! id {
    ($prefix:literal $n:literal) => {
        concat!("'", $prefix, "0000-0000-7000-8000-' || ", shuffled!($n))
    };
}

const USE_CASES: &str = concat!(
    "INSERT INTO use_cases (id, name, created_at, updated_at)
     SELECT ",
    id!("0190" "n"),
    ", 'Subject ' || ",
    shuffled!("n"),
    ", 0, 0 FROM numbers"
);
const ENDPOINTS: &str = concat!(
    "INSERT INTO endpoints (id, name, type, settings, sealed_secrets, archive, state, checked_at, created_at, updated_at)
     SELECT ", id!("0191" "n"), ", 'Shelf ' || ", shuffled!("n"), ", 'folder', '{}', sealed_secrets, 'none', 'active', 0, 0, 0
     FROM numbers JOIN endpoints ON endpoints.name = 'Shelf'"
);
const LINKS: &str = concat!(
    "INSERT INTO use_case_endpoints (use_case_id, endpoint_id, endpoint_type, purpose)
     SELECT ",
    id!("0190" "n"),
    ", ",
    id!("0191" "1 + n % 7"),
    ", 'folder', 'pictures' FROM numbers"
);
/// One in ten belongs to the small app, one in fifty goes on; each agent has some of both.
const CONVERSATIONS: &str = concat!(
    "INSERT INTO conversations (id, app_id, external_id, use_case_id, agent, attributes, state, created_at, updated_at)
     SELECT ", id!("0192" "n"), ", CASE WHEN n % 10 = 0 THEN $3 ELSE $2 END,
            CASE WHEN n % 3 = 0 THEN 'call ' || CAST(n / 20 AS TEXT) || ' ' || CAST(n % 20 AS TEXT) END,
            ", id!("0190" "1 + n % 5"), ", CASE WHEN n % 4 > 0 THEN 'agent' || CAST(n % 9 AS TEXT) || '@example.com' END,
            '{}', CASE WHEN n % 50 = 7 THEN 'open' ELSE 'ended' END, n, n
     FROM numbers"
);
/// A media belongs to the app of its conversation. Nothing is fetched from an address in this test, and yet is here.
const MEDIA_ROWS: &str = concat!(
    "INSERT INTO media (id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
                        is_damaged, created_at, deleted_at)
     SELECT ", id!("0193" "n"), ", CASE WHEN n % 10 = 0 THEN $3 ELSE $2 END, ", id!("0192" "1 + (n - 1) % 1000"), ",
            CASE WHEN n % 997 = 0 THEN 'fax' WHEN n % 6 = 0 THEN 'recording' ELSE 'picture' END,
            'a.jpg', 'image/jpeg', 'jpg', 7, '", "000000000000000000000000000000000000000000000000000",
            "' || 'a' || ", shuffled!("1 + n % 700"), ",
            CASE WHEN n % 503 = 1 THEN 'failed' WHEN n % 911 = 1 THEN 'fetching' WHEN n % 11 = 1 THEN 'deleted'
                 ELSE 'stored' END,
            FALSE, 1700000000000 + n / 3 * 1000, CASE WHEN n % 503 <> 1 AND n % 911 <> 1 AND n % 11 = 1 THEN 1 END
     FROM numbers"
);
const DELIVERIES: &str =
    concat!(
    "INSERT INTO deliveries (id, media_id, endpoint_id, state, held_reason, attempts, created_at, updated_at)
     SELECT ", id!("0194" "n"), ", ", id!("0193" "1 + (n - 1) % 6000"), ", ", id!("0191" "1 + n / 6001"), ",
            CASE WHEN n % 401 = 0 THEN 'held' ELSE 'delivered' END,
            CASE WHEN n % 401 = 0 THEN 'rejected' END, 1, n, n
     FROM numbers"
);

/// For the only person that there is with a token.
const TOKENS: &str = concat!(
    "INSERT INTO personal_tokens (id, user_id, secret_hash, created_at)
     SELECT 't' || SUBSTR(",
    shuffled!("n"),
    ", 2), user_id, '', n / 3 FROM numbers JOIN personal_tokens ON secret_hash <> ''"
);
/// What an app did with its media, and rarely something else. They have a place in the chain, so that nothing gives
/// them one.
const AUDIT: &str = concat!(
    "INSERT INTO audit_entries (id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, detail,
                                number, previous_hash, hash)
     SELECT ", id!("0196" "n"), ", 1700000000000 + n / 3 * 1000, 'app', CASE WHEN n % 10 = 0 THEN $3 ELSE $2 END, 'Claims',
            CASE WHEN n % 499 = 0 THEN 'conversation.ended' ELSE 'media.received' END, 'media', ", id!("0193" "1 + n / 2"), ",
            '{}', n, '', ''
     FROM numbers"
);

/// The bulk, and who may look at it.
pub(super) struct Rows {
    /// A person who sees everything.
    pub(super) admin: ApiClient,
    /// A key of the app that has nine of ten rows.
    pub(super) large: ApiClient,
    /// A key of the app that has the others.
    pub(super) small: ApiClient,
    apps: [String; 2],
}

impl Rows {
    /// Adds the bulk to a fresh installation.
    pub(super) async fn add(app: &TestApp) -> Self {
        let admin = app.add_token(Role::Admin).await;
        let tokens = [NUMBERS, TOKENS].concat();
        app.act(move |tx| async move { insert(tx, &tokens, 250, None).await }.boxed()).await;
        let (large, small) = (app.add_key("Large", Scope::ALL).await, app.add_key("Small", Scope::ALL).await);
        let shelf = serde_json::json!({"name": "Shelf", "type": "folder", "directory": "shelf"});
        admin.post("/api/v1/endpoints", &shelf).await.expect(201);
        let use_case = app.add_use_case("Claims").await;
        let mut apps = Vec::new();
        for key in [&large, &small] {
            let opened = key.post("/api/v1/conversations", &serde_json::json!({"use_case": use_case})).await;
            apps.push(opened.expect(201).json()["app_id"].as_str().unwrap().to_owned());
        }
        let rows = Self { admin, large, small, apps: [apps[0].clone(), apps[1].clone()] };
        rows.fill(app).await;
        rows
    }

    async fn fill(&self, app: &TestApp) {
        let [large, small] = self.apps.clone();
        app.act(move |tx| {
            async move {
                insert(tx, &[NUMBERS, USE_CASES].concat(), 250, None).await?;
                insert(tx, &[NUMBERS, ENDPOINTS].concat(), 250, None).await?;
                insert(tx, &[NUMBERS, LINKS].concat(), 250, None).await?;
                insert(tx, &[NUMBERS, AUDIT].concat(), MEDIA, Some((&large, &small))).await?;
                insert(tx, &[NUMBERS, CONVERSATIONS].concat(), 1_000, Some((&large, &small))).await?;
                insert(tx, &[NUMBERS, MEDIA_ROWS].concat(), MEDIA, Some((&large, &small))).await?;
                insert(tx, &[NUMBERS, DELIVERIES].concat(), MEDIA * 3 / 2, None).await
            }
            .boxed()
        })
        .await;
    }

    /// Gives the identifier of the large app and of the small one.
    pub(super) fn apps(&self) -> [&str; 2] {
        self.apps.each_ref().map(String::as_str)
    }
}

async fn insert(tx: &mut Tx, sql: &str, count: usize, apps: Option<(&str, &str)>) -> Result<(), DbError> {
    let (sql, count) = (sqlx::AssertSqlSafe(sql.to_owned()), i64::try_from(count).unwrap());
    on!(tx, conn => {
        let query = sqlx::query(sql).bind(count);
        let query = match apps {
            Some((large, small)) => query.bind(large.to_owned()).bind(small.to_owned()),
            None => query,
        };
        query.execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// Reads every page of a list and gives the items, calling `between` before each page but the first.
pub(super) async fn walk(client: &ApiClient, address: &str, between: impl AsyncFn()) -> Vec<Value> {
    let (mut items, mut place) = (Vec::new(), String::new());
    loop {
        let mark = if address.contains('?') { '&' } else { '?' };
        let page = client.get(&format!("{address}{mark}after={place}")).await.expect(200).json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut place),
            None => return items,
        }
        between().await;
    }
}
