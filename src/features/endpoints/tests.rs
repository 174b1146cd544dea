//! Endpoints in a database: on the embedded engine always, on a server when `TEST_DATABASE_URL` names one.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::Connection;

use super::{EndpointError, EndpointForm, EndpointId, Health, actions};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbResult, Location, Tx};
use crate::platform::form::FormFields;
use crate::platform::secret::Secret;
use crate::platform::tasks::Tasks;
use crate::platform::vault::Vault;
use crate::platform::web::Actor;

/// Runs a test on each engine that is there.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::features::endpoints::tests::Ground::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(ground) = $crate::features::endpoints::tests::Ground::postgres().await {
                    super::$name(ground).await;
                }
            })+
        }
    };
}
pub(in crate::features) use on_both;

/// When everything happens that no test dates.
pub(in crate::features) fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

/// A fresh database with a vault.
pub(in crate::features) struct Ground {
    pub(in crate::features) db: Db,
    pub(in crate::features) vault: Arc<Vault>,
    _folder: tempfile::TempDir,
}

impl Ground {
    pub(in crate::features) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(&Location::File(folder.path().join("test.db")), folder).await
    }

    /// A schema of its own, so that tests do not meet.
    #[expect(clippy::disallowed_methods, reason = "only the tests' caller knows the server")]
    pub(in crate::features) async fn postgres() -> Option<Self> {
        let url = std::env::var("TEST_DATABASE_URL").ok()?;
        let schema = format!("endpoints_{}", uuid::Uuid::new_v4().simple());
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}options%5Bsearch_path%5D={schema}");
        Some(Self::open(&Location::Server(Secret::new(url)), tempfile::tempdir().unwrap()).await)
    }

    async fn open(location: &Location, folder: tempfile::TempDir) -> Self {
        let db = Db::open(location, &Tasks::default()).await.unwrap();
        let (vault, _) = Vault::open_or_create(&folder.path().join("keys")).unwrap();
        Self { db, vault: Arc::new(vault), _folder: folder }
    }

    pub(in crate::features) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<crate::platform::db::DbError> + Send + 'static,
    {
        self.db.write(work).await
    }

    /// Adds an endpoint, as if its test had just passed.
    pub(in crate::features) async fn endpoint(&self, name: &str) -> Result<EndpointId, EndpointError> {
        let (vault, new) = (Arc::clone(&self.vault), described(name));
        self.write(move |tx| {
            async move { actions::create(tx, &vault, &Actor::system("test"), now(), &new).await }.boxed()
        })
        .await
    }
}

pub(in crate::features) fn described(name: &str) -> EndpointForm {
    let form = FormFields::default().set("name", name).set("type", "folder").set("directory", "claims");
    EndpointForm::parse(&form, None).expect("nothing is wrong")
}

on_both!(a_name_is_used_once, only_its_own_place_opens_a_secret, a_failure_lasts_until_a_success);

async fn a_name_is_used_once(ground: Ground) {
    ground.endpoint("Archive").await.unwrap();

    let again = ground.endpoint("Archive").await;

    let Err(EndpointError::Invalid(errors)) = again else { panic!("{again:?}") };
    assert_eq!(errors.first("name"), Some(actions::NAME_TAKEN));
}

async fn only_its_own_place_opens_a_secret(ground: Ground) {
    let (one, other) = (ground.endpoint("One").await.unwrap(), ground.endpoint("Other").await.unwrap());
    let swap = "UPDATE endpoints SET sealed_secrets = (SELECT sealed_secrets FROM endpoints WHERE id = $2) WHERE id = $1";
    let swapped: DbResult<()> = ground
        .write(move |tx| {
            async move {
                on!(tx, conn => sqlx::query(swap).bind(one).bind(other).execute(conn).await.map(drop))?;
                Ok(())
            }
            .boxed()
        })
        .await;
    swapped.unwrap();

    let open = |id| {
        let vault = Arc::clone(&ground.vault);
        ground.write(move |tx| async move { super::destination(tx, &vault, id).await }.boxed())
    };

    let destination = open(other).await.unwrap().expect("it exists");
    assert_eq!((destination.name.as_str(), destination.connector.key()), ("Other", "folder"));
    assert!(matches!(open(one).await, Err(EndpointError::Vault(_))));
    assert!(open(EndpointId::fresh()).await.unwrap().is_none());
}

async fn a_failure_lasts_until_a_success(ground: Ground) {
    let id = ground.endpoint("Archive").await.unwrap();
    let note = async |at: i64, outcome: Result<i64, &'static str>| {
        let found: DbResult<_> = ground
            .write(move |tx| {
                async move {
                    super::note_outcome(tx, id, Timestamp::from_millis(at), outcome).await?;
                    super::find(tx, id).await
                }
                .boxed()
            })
            .await;
        found.unwrap().expect("it exists").summary
    };

    note(10, Err("The disk is full")).await;
    let failing = note(20, Err("The disk is away")).await;
    assert_eq!(failing.last_error.as_deref(), Some("The disk is away"));
    assert_eq!(failing.failing_since, Some(Timestamp::from_millis(10)));

    let healthy = note(30, Ok(7)).await;
    assert_eq!(healthy.health(), Health::Healthy);
    assert_eq!((healthy.failing_since, healthy.delivered_at), (None, Some(Timestamp::from_millis(30))));

    let figures: DbResult<_> = ground
        .write(move |tx| async move { super::last_day(tx, Timestamp::from_millis(40)).await }.boxed())
        .await;
    assert_eq!(figures.unwrap(), [(id, super::Figures { delivered: 1, failed: 2, bytes: 7 })]);
}
