//! The list of settings: one row each, from which the reference is printed and every default is taken.

use std::fmt::Write;

/// One setting.
pub(super) struct Setting {
    /// Its dotted key in the file.
    pub(super) key: &'static str,
    /// A shorter environment variable that means the same.
    pub(super) alias: Option<&'static str>,
    /// What applies when nothing is set.
    pub(super) default: &'static str,
    /// Whether the value is text in the file; numbers and lists are not.
    pub(super) shape: Shape,
    /// What it does, in sentences for an operator.
    pub(super) doc: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    List,
}

const fn text(
    key: &'static str,
    alias: Option<&'static str>,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { key, alias, default, shape: Shape::Text, doc }
}

const fn number(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, alias: None, default, shape: Shape::Number, doc }
}

pub(super) const SETTINGS: &[Setting] = &[
    text("listen", None, "127.0.0.1:8080", "Address and port of the portal and the API."),
    text("data_dir", None, "./data", "Folder of database, media and master key. Created with mode 0700."),
    text(
        "public_url",
        None,
        "",
        "Address under which people and clients reach Mediaport, such as https://media.example.com. Every absolute address that is handed out starts with it. Empty: http:// and the listen address.",
    ),
    text(
        "master_key_file",
        None,
        "",
        "File with the keys that seal stored secrets. Empty: master.key in the data folder, created on first start. Back it up apart from the data: without it, stored secrets are lost.",
    ),
    text(
        "database.url",
        Some("MEDIAPORT_DATABASE_URL"),
        "",
        "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME. Empty: mediaport.db in the data folder.",
    ),
    text(
        "media.store",
        Some("MEDIAPORT_MEDIA_STORE"),
        "",
        "file://FOLDER where media bytes lie. Empty: media in the data folder.",
    ),
    text(
        "media.url",
        Some("MEDIAPORT_MEDIA_URL"),
        "",
        "Another address of this installation for media bytes, to keep them off the portal's origin. Empty: the public address.",
    ),
    number(
        "media.max_upload",
        "21474836480",
        "Largest accepted file in bytes (20 GiB). Variable: MEDIAPORT_MAX_UPLOAD.",
    ),
    number(
        "media.keep_free_percent",
        "10",
        "Files are refused with 507 when less than this share of the media disk would stay free.",
    ),
    text(
        "folder.root",
        Some("MEDIAPORT_FOLDER_ROOT"),
        "",
        "Folder below which endpoints of type Folder may write. Empty: folders in the data folder.",
    ),
    Setting {
        key: "outbound.allow",
        alias: Some("MEDIAPORT_OUTBOUND_ALLOW"),
        default: "",
        shape: Shape::List,
        doc: "Private networks that outbound calls may reach, such as 10.20.0.0/16. Public addresses are always allowed (https only); link-local metadata addresses never are.",
    },
    text(
        "google.api_url",
        None,
        "https://www.googleapis.com",
        "Where endpoints of type Google Drive reach Google's API: another address for a private way there, or for tests. A private address also has to be in outbound.allow.",
    ),
    text(
        "google.token_url",
        None,
        "https://oauth2.googleapis.com/token",
        "Where these endpoints sign in with their service accounts.",
    ),
    text(
        "smtp.url",
        Some("MEDIAPORT_SMTP_URL"),
        "",
        "The server that takes mail: smtp+starttls://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, special characters of the two as % and two digits. Nothing is said to a server that does not give the TLS asked for. smtp://HOST:25 sends in clear, without user and password, and only to networks in outbound.allow. Empty: no mail is sent.",
    ),
    text(
        "smtp.from",
        Some("MEDIAPORT_SMTP_FROM"),
        "",
        "The address that mails come from, such as mediaport@example.com. Needed with smtp.url.",
    ),
    Setting {
        key: "web.hosts",
        alias: None,
        default: "",
        shape: Shape::List,
        doc: "Names by which clients reach Mediaport beside those in public_url and media.url, such as hub.internal. \
              Requests for other names are refused with 421; IP addresses always pass.",
    },
    Setting {
        key: "web.trusted_proxies",
        alias: Some("MEDIAPORT_TRUSTED_PROXIES"),
        default: "",
        shape: Shape::List,
        doc: "Networks of reverse proxies whose X-Forwarded-For header is believed.",
    },
    number("sessions.idle_minutes", "30", "A session ends after so many minutes without a request."),
    number("sessions.whole_hours", "12", "A session ends after so many hours in any case."),
    number(
        "limits.sign_in_address_per_minute",
        "3",
        "Sign-in attempts from one address per minute; 0 turns the limit off.",
    ),
    number("limits.sign_in_address_burst", "10", "Sign-in attempts from one address at once."),
    number(
        "limits.sign_in_account_per_minute",
        "1",
        "Sign-in attempts on one account per minute; 0 turns the limit off.",
    ),
    number("limits.sign_in_account_burst", "10", "Sign-in attempts on one account at once."),
    number(
        "limits.endpoint_tests_per_minute",
        "10",
        "Endpoint tests by one person per minute; 0 turns the limit off.",
    ),
    number("limits.endpoint_tests_burst", "10", "Endpoint tests by one person at once."),
    number(
        "api.idempotency_lease_seconds",
        "120",
        "How long a request with an Idempotency-Key may go without a sign of life before a repetition of it takes the key over.",
    ),
    number("api.idempotency_hours", "24", "How long the reply to a request with an Idempotency-Key is kept."),
    number(
        "jobs.lease_seconds",
        "120",
        "How long background work may go without a sign of life before another worker takes it over.",
    ),
    number("jobs.renew_seconds", "30", "How often running work gives a sign of life."),
    number(
        "jobs.poll_milliseconds",
        "1000",
        "How often the queue is looked at when nothing wakes the workers.",
    ),
    number("jobs.slots", "64", "Pieces of background work at once in one process."),
    number("jobs.endpoint_slots", "4", "Deliveries to one endpoint at once."),
    number("jobs.drain_seconds", "30", "How long a stopping process waits for running work."),
    text(
        "log.filter",
        Some("MEDIAPORT_LOG"),
        "info",
        "What is logged: error, warn, info, debug, or a filter such as info,mediaport::request=warn. Below info only Mediaport itself speaks: libraries would print names of files and what they send.",
    ),
    text("log.format", None, "text", "text or json."),
];

/// Older or shorter names that are numbers.
pub(super) const NUMBER_ALIASES: &[(&str, &str)] = &[("MEDIAPORT_MAX_UPLOAD", "media.max_upload")];

impl Setting {
    /// Gives the name of the environment variable: `database.url` is `MEDIAPORT_DATABASE__URL`.
    pub(super) fn variable(&self) -> String {
        format!("MEDIAPORT_{}", self.key.replace('.', "__").to_uppercase())
    }
}

/// Prints every setting with its meaning, its variables and its default, as a file that is valid as it stands.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Mediaport settings. Every line shows a default; remove the # to change it.\n\
         # The environment wins over this file: MEDIAPORT_ and the key in capitals, with __ for each dot.\n\
         # A variable with _FILE behind its name gives a file that holds the value, for secrets.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (head, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if head != section {
            section = head;
            let _ = write!(out, "\n[{section}]\n");
        }
        let variables = match setting.alias {
            Some(alias) => format!("{alias} or {}", setting.variable()),
            None => setting.variable(),
        };
        let value = match setting.shape {
            Shape::Text => format!("\"{}\"", setting.default),
            Shape::Number => setting.default.to_owned(),
            Shape::List => "[]".to_owned(),
        };
        let _ = write!(out, "\n# {}\n# Environment: {variables}\n# {name} = {value}\n", setting.doc);
    }
    out
}
