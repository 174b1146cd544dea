//! Settings: a TOML file, then the environment, then `…_FILE` variables for secrets.
//!
//! Loaded once, checked as a whole, every problem reported together, and handed out by section. Nothing else reads the
//! environment.

mod catalogue;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

pub use catalogue::reference;
use source::Source;

use crate::connectors::gdrive::Google;
use crate::platform::db::Location;
use crate::platform::idempotency::Terms;
use crate::platform::jobs::JobSettings;
use crate::platform::mail::{MailAddress, MailSettings, WrongServer};
use crate::platform::secret::Secret;
use crate::platform::web::session::Lifetime;

/// Everything an operator can set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the portal and the API listen.
    pub listen: SocketAddr,
    /// The folder of database, media and master key.
    pub data_dir: PathBuf,
    /// The address under which people and clients reach us.
    pub public_url: Url,
    /// Where the data lies.
    pub database: Location,
    /// The file with the keys that seal secrets.
    pub master_key_file: PathBuf,
    /// Where media bytes lie and how large a file may be.
    pub media: MediaConfig,
    /// Below which folder Folder endpoints may write.
    pub folder_root: PathBuf,
    /// Whether that folder is our own default, and so ours to create: a missing one that an operator named may be a
    /// disk that is not mounted.
    pub folder_root_is_ours: bool,
    /// Private networks that outbound calls may reach.
    pub outbound_allow: Vec<IpNet>,
    /// Where Google's services are.
    pub google: Google,
    /// How mail is sent, when it is.
    pub mail: Option<MailSettings>,
    /// Names by which we are reached beside those of the public and the media address.
    pub hosts: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long sessions live.
    pub sessions: Lifetime,
    /// How often somebody may try something.
    pub limits: Limits,
    /// How the queue works.
    pub jobs: JobSettings,
    /// How long idempotency keys are held and replies kept.
    pub idempotency: Terms,
    /// How much is logged, and in which form.
    pub log: LogConfig,
}

/// The media store.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The folder of the store.
    pub folder: PathBuf,
    /// Another host for media bytes, when set.
    pub url: Option<Url>,
    /// The largest file in bytes.
    pub max_upload: u64,
    /// Intake stops when less than this share of the disk would stay free, in percent.
    pub keep_free_percent: u8,
}

/// Rate limits: a number per minute with a burst beside it; 0 turns a limit off.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sign-in attempts from one address.
    pub sign_in_address: (u32, u32),
    /// Sign-in attempts on one account.
    pub sign_in_account: (u32, u32),
    /// Endpoint tests by one person.
    pub endpoint_tests: (u32, u32),
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// A filter such as `info` or `info,mediaport=debug`.
    pub filter: String,
    /// Whether lines are JSON.
    pub json: bool,
}

/// Every problem of the settings, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the settings have {} problem(s):\n{}", .0.len(), .0.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Loads and checks the settings of this process.
    pub fn load() -> Result<Self, Problems> {
        Self::from_source(Source::of_process())
    }

    /// Makes the settings of a throw-away installation below `folder`; the only other constructor.
    #[must_use]
    pub fn for_tests(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("MEDIAPORT_DATA_DIR".to_owned(), folder.join("data").display().to_string()),
            ("MEDIAPORT_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("MEDIAPORT_OUTBOUND_ALLOW".to_owned(), "127.0.0.0/8,::1/128".to_owned()),
            ("MEDIAPORT_MEDIA__KEEP_FREE_PERCENT".to_owned(), "0".to_owned()),
        ];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        match Self::from_source(Source::of(None, all)) {
            Ok(config) => config,
            Err(problems) => unreachable!("the settings of a test are right: {problems}"),
        }
    }

    fn from_source(mut source: Source) -> Result<Self, Problems> {
        let data_dir = PathBuf::from(source.text("data_dir"));
        let listen = source.parsed("listen", "an address such as 127.0.0.1:8080");
        let limit = |source: &mut Source, name: &str| {
            let rate = source.parsed(&format!("limits.{name}_per_minute"), "a whole number");
            (rate, source.parsed(&format!("limits.{name}_burst"), "a whole number"))
        };
        let config = Self {
            listen,
            public_url: public_url(&mut source, listen),
            database: database(&mut source, &data_dir),
            master_key_file: path_or(&mut source, "master_key_file", &data_dir, "master.key"),
            media: media(&mut source, &data_dir),
            folder_root: path_or(&mut source, "folder.root", &data_dir, "folders"),
            folder_root_is_ours: source.text("folder.root").is_empty(),
            outbound_allow: source.list("outbound.allow", "networks such as 10.0.0.0/8"),
            google: google(&mut source),
            mail: mail(&mut source),
            hosts: source.list("web.hosts", "names such as hub.internal"),
            trusted_proxies: source.list("web.trusted_proxies", "networks such as 127.0.0.1/32"),
            sessions: Lifetime {
                idle: Duration::from_secs(
                    60 * source.parsed::<u64>("sessions.idle_minutes", "a number of minutes"),
                ),
                whole: Duration::from_secs(
                    3600 * source.parsed::<u64>("sessions.whole_hours", "a number of hours"),
                ),
            },
            limits: Limits {
                sign_in_address: limit(&mut source, "sign_in_address"),
                sign_in_account: limit(&mut source, "sign_in_account"),
                endpoint_tests: limit(&mut source, "endpoint_tests"),
            },
            idempotency: idempotency(&mut source),
            jobs: jobs(&mut source),
            log: LogConfig { filter: source.text("log.filter"), json: source.text("log.format") == "json" },
            data_dir,
        };
        source.finish(config)
    }
}

fn path_or(source: &mut Source, key: &str, data_dir: &Path, name: &str) -> PathBuf {
    let text = source.text(key);
    if text.is_empty() { data_dir.join(name) } else { PathBuf::from(text) }
}

fn public_url(source: &mut Source, listen: SocketAddr) -> Url {
    let text = source.text("public_url");
    let text = if text.is_empty() { format!("http://{listen}") } else { text };
    web_address(source, "public_url", &text).unwrap_or_else(fallback_url)
}

fn google(source: &mut Source) -> Google {
    let mut address = |key: &str| {
        let text = source.text(key);
        let url = text.parse::<Url>().ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if url.is_none() {
            source.problem(format!("{key}: {text:?} is not an address such as https://www.googleapis.com"));
        }
        url
    };
    let (api, token) = (address("google.api_url"), address("google.token_url"));
    api.zip(token).map(|(api, token)| Google { api, token }).unwrap_or_default()
}

/// Reads an http or https address without path, query or user.
fn web_address(source: &mut Source, key: &str, text: &str) -> Option<Url> {
    let url = text.parse::<Url>().ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.host().is_some()
    });
    if url.is_none() {
        source.problem(format!("{key}: {text:?} is not an address such as https://media.example.com"));
    }
    url
}

/// Stands in while problems are collected; never reaches a running installation.
fn fallback_url() -> Url {
    match Url::parse("http://127.0.0.1/") {
        Ok(url) => url,
        Err(_) => unreachable!("a constant address"),
    }
}

fn database(source: &mut Source, data_dir: &Path) -> Location {
    let text = source.text("database.url");
    if text.is_empty() {
        return Location::File(data_dir.join("mediaport.db"));
    }
    if let Some(path) = text.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
        return Location::File(PathBuf::from(path));
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        source.problem("database.url: give sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME");
    }
    Location::Server(Secret::new(text))
}

fn media(source: &mut Source, data_dir: &Path) -> MediaConfig {
    let store = source.text("media.store");
    let folder = match store.strip_prefix("file://") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ if store.is_empty() => data_dir.join("media"),
        _ => {
            source.problem(format!("media.store: {store:?} is not an address such as file:///srv/media"));
            data_dir.join("media")
        }
    };
    let url = source.text("media.url");
    let url = if url.is_empty() { None } else { web_address(source, "media.url", &url) };
    let keep_free_percent = source.parsed("media.keep_free_percent", "a number from 0 to 90");
    if keep_free_percent > 90 {
        source.problem("media.keep_free_percent: give a number from 0 to 90");
    }
    MediaConfig {
        folder,
        url,
        max_upload: source.parsed("media.max_upload", "a number of bytes"),
        keep_free_percent,
    }
}

/// Reads server and sender, which belong together. What was written is never quoted: a password is part of it.
fn mail(source: &mut Source) -> Option<MailSettings> {
    let (url, from) = (Secret::new(source.text("smtp.url")), source.text("smtp.from"));
    let from = (!from.is_empty()).then(|| from.parse::<MailAddress>());
    if matches!(from, Some(Err(_))) {
        source.problem("smtp.from: give an address such as mediaport@example.com");
    }
    if url.expose().is_empty() {
        return None;
    }
    if from.is_none() {
        source.problem("smtp.from: give the address that mails come from, since smtp.url is set");
    }
    let server =
        url.expose().parse().map_err(|wrong: WrongServer| source.problem(format!("smtp.url: {wrong}")));
    Some(MailSettings { server: server.ok()?, from: from?.ok()? })
}

fn idempotency(source: &mut Source) -> Terms {
    let hours: u64 = source.parsed("api.idempotency_hours", "a whole number of hours");
    let terms = Terms {
        lease: Duration::from_secs(source.parsed("api.idempotency_lease_seconds", "a number of seconds")),
        keep: Duration::from_hours(hours),
    };
    if terms.lease.is_zero() || terms.keep < terms.lease {
        source.problem(
            "api.idempotency_lease_seconds: give at least 1, and not more than api.idempotency_hours",
        );
    }
    terms
}

fn jobs(source: &mut Source) -> JobSettings {
    let seconds =
        |source: &mut Source, key: &str| Duration::from_secs(source.parsed(key, "a number of seconds"));
    let settings = JobSettings {
        lease: seconds(source, "jobs.lease_seconds"),
        renew_every: seconds(source, "jobs.renew_seconds"),
        poll: Duration::from_millis(source.parsed("jobs.poll_milliseconds", "a number of milliseconds")),
        slots: source.parsed("jobs.slots", "a whole number"),
        lane_width: source.parsed("jobs.endpoint_slots", "a whole number"),
        drain_limit: seconds(source, "jobs.drain_seconds"),
        ..JobSettings::default()
    };
    if settings.renew_every * 2 > settings.lease {
        source.problem("jobs.renew_seconds: give at most half of jobs.lease_seconds");
    }
    if settings.slots == 0 || settings.lane_width == 0 {
        source.problem("jobs.slots and jobs.endpoint_slots: give at least 1");
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, Problems> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_source(Source::of(None, variables))
    }

    #[test]
    fn the_defaults_are_right_and_the_reference_reads_as_a_file() {
        load(&[]).expect("defaults");
        reference().replace("\n# ", "\n## ").parse::<toml::Table>().expect("valid as it stands");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let problems = load(&[
            ("MEDIAPORT_LISTEN", "here"),
            ("MEDIAPORT_DATABASE_URL", "mysql://x"),
            ("MEDIAPORT_OUTBOUND_ALLOW", "10.0.0.0/8,everything"),
        ])
        .expect_err("three problems");
        assert_eq!(problems.0.len(), 3, "{problems}");
    }

    #[test]
    fn mail_needs_a_server_and_a_sender() {
        let server = "smtp+starttls://hub:hunter2@mail.example.com";
        let right = load(&[("MEDIAPORT_SMTP_URL", server), ("MEDIAPORT_SMTP_FROM", "hub@example.com")]);
        let mail = right.expect("right").mail.expect("a server");
        assert_eq!((mail.server.port, mail.from.as_str()), (587, "hub@example.com"));
        assert!(!format!("{mail:?}").contains("hunter2"));

        for (url, from, key) in [
            (server, "", "smtp.from"),
            (server, "hub", "smtp.from"),
            ("", "hub", "smtp.from"),
            ("smtp://hub:hunter2@mail.example.com", "hub@example.com", "smtp.url"),
            ("mail.example.com:587:hunter2", "hub@example.com", "smtp.url"),
        ] {
            let wrong = load(&[("MEDIAPORT_SMTP_URL", url), ("MEDIAPORT_SMTP_FROM", from)]);
            let said = wrong.expect_err("a problem").to_string();
            assert!(said.contains(key) && !said.contains("hunter2"), "{said}");
        }
        assert!(load(&[("MEDIAPORT_SMTP_FROM", "hub@example.com")]).expect("right").mail.is_none());
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:p@h/d\n").expect("written");

        let config = load(&[("MEDIAPORT_DATABASE_URL_FILE", &file.display().to_string())]).expect("right");

        assert!(matches!(config.database, Location::Server(url) if url.expose() == "postgres://u:p@h/d"));
    }
}
