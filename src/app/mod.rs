//! Puts everything together: opens the ground, lists routes and jobs, serves, and stops in order.

mod background;
mod doorkeeper;
mod health;
mod menu;
pub mod problems;
pub mod reference;
pub mod routes;
mod server;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connectors::Ground;
use crate::features::accounts::actions::first_link;
use crate::features::media::Downloads;
use crate::features::{Services, endpoints, intake};
use crate::platform::blobs::Blobs;
use crate::platform::clock::Clock;
use crate::platform::db::{Db, DbResult, Engine, Location};
use crate::platform::idempotency::Replies;
use crate::platform::jobs::{Worker, void_leases};
use crate::platform::keys::Uses;
use crate::platform::mail::Mailer;
use crate::platform::outbound::Outbound;
use crate::platform::secret::Secret;
use crate::platform::tasks::Tasks;
use crate::platform::vault::Vault;
use crate::platform::web::PublicUrl;
use crate::platform::web::live::Streams;

/// How long requests may take to end once a stop was asked for.
const REQUESTS_END: Duration = Duration::from_secs(30);
/// How long other background tasks may take.
const TASKS_END: Duration = Duration::from_secs(5);

/// The opened ground of an installation, before anything is served; commands work on this alone.
pub struct Installation {
    /// The settings.
    pub config: Config,
    /// What actions and jobs stand on.
    pub services: Arc<Services>,
    /// Downloads by machines that are not written down yet.
    pub downloads: Arc<Downloads>,
    /// Uses of keys and tokens that are not written down yet.
    pub uses: Arc<Uses>,
    /// What requests with an idempotency key were answered.
    pub replies: Replies,
    /// Pages that stay up to date.
    pub streams: Streams,
    /// Background tasks of this process.
    pub tasks: Tasks,
}

impl Installation {
    /// Opens database, media store and keys, and brings the schema up to date.
    pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Self> {
        // Several crates look for the process-wide provider; a second call in one process finds it set, which is fine.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let tasks = Tasks::default();
        make_private_folder(&config.data_dir)?;
        let (vault, created) = Vault::open_or_create(&config.master_key_file).with_context(|| {
            format!("cannot use the master key file {}", config.master_key_file.display())
        })?;
        if created {
            let path = config.master_key_file.display();
            eprintln!(
                "Created the master key {path}. Keep a copy apart from the data: stored secrets cannot be read without it."
            );
        }
        let db = Db::open(&config.database, &tasks).await?;
        db.lead_clock(&clock, &tasks).await.context("cannot ask the database for the time")?;
        refuse_unknown_keys(&db, &vault).await?;
        let blobs = Blobs::open(&config.media.folder, clock.clone())
            .with_context(|| format!("cannot use the media folder {}", config.media.folder.display()))?;
        if config.folder_root_is_ours {
            make_private_folder(&config.folder_root)?;
        }
        let outbound = Outbound::new(config.outbound_allow.clone())?;
        let mail = config.mail.clone().map(|settings| Mailer::new(outbound.clone(), settings));
        let ground =
            Ground { outbound, mail, folder_root: config.folder_root.clone(), google: config.google.clone() };
        let services = Services {
            db,
            clock,
            vault,
            blobs,
            ground,
            max_upload: config.media.max_upload,
            keep_free_percent: config.media.keep_free_percent,
            public: Arc::default(),
        };
        let replies = Replies::new(
            services.db.clone(),
            services.clock.clone(),
            services.vault.clone(),
            config.idempotency,
        );
        Ok(Self {
            config,
            services: Arc::new(services),
            downloads: Arc::default(),
            uses: Arc::default(),
            replies,
            streams: Streams::default(),
            tasks,
        })
    }

    /// Serves until told to stop.
    pub async fn serve(self, work: Work) -> anyhow::Result<Running> {
        let lock = lock_folder(&self.config)?;
        let public = Arc::clone(&self.services.public);
        let readiness = health::Readiness::default();
        let bound = server::bind(&self, Arc::clone(&public), readiness.clone())?;
        let address = bound.address;
        drop(public.set(public_url(&self.config, address)?));
        if self.services.db.engine() == Engine::Sqlite {
            void_leases(&self.services.db).await?;
            self.replies.release_all().await?;
        }
        let worker = background::worker(&self.services, &self.config);
        let stop_work = CancellationToken::new();
        let working = (work == Work::Running).then(|| {
            background::tick(&self.services, &self.downloads, bound.upkeep, &self.tasks);
            let (worker, stop) = (worker.clone(), stop_work.clone());
            self.tasks.spawn(async move { worker.run(stop).await })
        });
        let handle = bound.server.handle();
        let serving = self.tasks.spawn(bound.server);
        let link = first_link(&self.services.db, self.services.clock.now()).await?;
        let public = public.get().cloned().context("the public address is known by now")?;
        Ok(Running {
            installation: self,
            address,
            public,
            worker,
            link,
            readiness,
            handle,
            serving,
            working,
            stop_work,
            _lock: lock,
        })
    }
}

/// Whether the queue is worked on by itself, or by a test's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Workers run.
    Running,
    /// Nothing runs until [`Worker::run_due`] is called.
    ByHand,
}

/// A serving installation.
pub struct Running {
    /// What it runs on.
    pub installation: Installation,
    /// Where it listens.
    pub address: SocketAddr,
    /// The address it gives out.
    pub public: PublicUrl,
    /// The queue's worker.
    pub worker: Worker<Services>,
    /// The one-time code for the first administrator, while there is none.
    pub link: Option<Secret<String>>,
    readiness: health::Readiness,
    handle: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    working: Option<JoinHandle<()>>,
    stop_work: CancellationToken,
    _lock: Option<std::fs::File>,
}

impl Running {
    /// Gives the set-up link to show to the operator.
    #[must_use]
    pub fn setup_link(&self) -> Option<String> {
        self.link.as_ref().map(|code| self.public.join(&format!("/setup/{}", code.expose())))
    }

    /// Stops in order: no new work is claimed, readiness turns red, running requests and jobs end or give up their
    /// leases, and what was acknowledged stays. At most about 40 seconds.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.readiness.leave();
        self.stop_work.cancel();
        self.installation.streams.end();
        let requests = tokio::time::timeout(REQUESTS_END + TASKS_END, self.handle.stop(true));
        let (requests, jobs) = tokio::join!(requests, async {
            match self.working {
                Some(working) => working.await.context("the worker broke"),
                None => Ok(()),
            }
        });
        jobs?;
        if requests.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.serving.await.context("the server broke")??;
        if !self.installation.tasks.shut_down(TASKS_END).await {
            tracing::warn!("some background tasks did not end in time");
        }
        Ok(())
    }
}

fn public_url(config: &Config, address: SocketAddr) -> anyhow::Result<PublicUrl> {
    // With port 0 and nothing else said, nobody could know the address before.
    let url = if config.public_url.port() == Some(0) {
        format!("http://{address}").parse()?
    } else {
        config.public_url.clone()
    };
    Ok(PublicUrl::new(url))
}

/// Starting with the wrong master key file would fail one delivery after the other; it is noticed here, before anything
/// is written.
async fn refuse_unknown_keys(db: &Db, vault: &Vault) -> anyhow::Result<()> {
    let sealed: DbResult<_> = db
        .read(|tx| {
            async move { Ok((endpoints::list_sealed(tx).await?, intake::list_sealed(tx).await?)) }.boxed()
        })
        .await;
    let (endpoints, fetches) = sealed?;
    let unknown = endpoints.iter().chain(&fetches).filter(|record| !vault.knows(record)).count();
    anyhow::ensure!(
        unknown == 0,
        "the master key file lacks the key that sealed the secrets of {unknown} endpoint(s) or ordered file(s); put the \
         right file back"
    );
    Ok(())
}

fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the folder {}", path.display()))
}

/// On the embedded engine one process serves: the lock goes with the process, however it ends.
fn lock_folder(config: &Config) -> anyhow::Result<Option<std::fs::File>> {
    if matches!(config.database, Location::Server(_)) {
        return Ok(None);
    }
    let path = config.data_dir.join("serve.lock");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        anyhow::anyhow!("another process serves from {}; stop it first", config.data_dir.display())
    })?;
    Ok(Some(file))
}
