//! Clients that write down what was acknowledged, and the five counters that compare it with what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::site::{Keys, Site, files_below, wait_until};
use crate::wire::Client;

/// How long a client waits before it comes again to a server that is away.
const PAUSE: Duration = Duration::from_millis(20);
/// As many rows as the API gives at once.
const PAGE: usize = 200;
/// A prime below 64 KiB.
const REPEAT: usize = 65_521;
/// The states of a delivery that goes on by itself.
const UNDER_WAY: [&str; 4] = ["queued", "sending", "verifying", "retrying"];

/// What was acknowledged: one line of JSON for each answer that was read, on disk before the client goes on.
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    count: AtomicUsize,
}

impl Ledger {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        let file = File::options().create_new(true).append(true).open(&path).unwrap();
        Arc::new(Self { path, file: Mutex::new(file), count: AtomicUsize::new(0) })
    }

    /// Writes down an acknowledged file, after comparing what the answer says with what was sent.
    pub(crate) fn note(&self, answer: &Value, key: &str, bytes: &[u8]) {
        let sha256 = sha256(bytes);
        assert_eq!(answer["sha256"], sha256, "the answer names what was sent: {answer}");
        let line = json!({"id": answer["id"], "sha256": sha256, "size": bytes.len(), "key": key});
        let mut file = self.file.lock().unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
        file.sync_data().unwrap();
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives how many files were acknowledged so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Clients that hand in file after file.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Refusals>>,
}

/// What came instead of 201, with its number: a status and when to come again, or why there was no answer.
pub(crate) type Refusals = BTreeMap<String, usize>;

impl Load {
    pub(crate) fn start(
        site: &Site,
        keys: &Keys,
        conversation: &str,
        ledger: &Arc<Ledger>,
        clients: usize,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number| {
            let (stop, ledger) = (stop.clone(), ledger.clone());
            let (client, conversation) = (Client::new(site.port, &keys.app), conversation.to_owned());
            std::thread::spawn(move || store_files(client, &conversation, &ledger, number as u64, &stop))
        };
        Self { clients: (0..clients).map(start).collect(), stop }
    }

    /// Lets every client finish its file, and gives what was not acknowledged.
    pub(crate) fn end(self) -> Refusals {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Refusals::new();
        for client in self.clients {
            for (status, count) in client.join().unwrap() {
                *all.entry(status).or_default() += count;
            }
        }
        all
    }
}

fn store_files(
    mut client: Client,
    conversation: &str,
    ledger: &Ledger,
    seed: u64,
    stop: &AtomicBool,
) -> Refusals {
    let mut random = StdRng::seed_from_u64(seed);
    let mut refusals = Refusals::new();
    while !stop.load(Ordering::Relaxed) {
        let (key, bytes) = (Uuid::new_v4().to_string(), file(&mut random));
        let refusal = match client.store(conversation, &key, &bytes) {
            Ok(reply) if reply.status == 201 => {
                ledger.note(&reply.json(), &key, &bytes);
                continue;
            }
            Ok(reply) => reply.refusal(),
            Err(error) => format!("no answer: {:?}", error.kind()),
        };
        *refusals.entry(refusal).or_default() += 1;
        std::thread::sleep(PAUSE);
    }
    refusals
}

/// Makes a file that nobody made before: 1 KiB to 512 KiB, small ones more often.
pub(crate) fn file(random: &mut impl Rng) -> Vec<u8> {
    let size = 1024 << random.random_range(0..9_u32);
    let more = random.random_range(0..size);
    bytes(random, size + more)
}

/// Makes bytes that nobody made before. They repeat themselves, though not where blocks of a disk end: making random
/// ones takes longer than storing them.
pub(crate) fn bytes(random: &mut impl Rng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size.min(REPEAT)];
    random.fill_bytes(&mut bytes);
    bytes.iter().copied().cycle().take(size).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Waits until every delivery has come to its end.
pub(crate) fn drain(keys: &Keys, port: u16, limit: Duration) -> Duration {
    let mut admin = Client::new(port, &keys.admin);
    wait_until(limit, "no delivery is under way", || {
        UNDER_WAY.iter().all(|state| {
            let page = admin.get(&format!("/api/v1/deliveries?limit=1&state={state}"));
            page["items"].as_array().unwrap().is_empty()
        })
    })
}

/// How far ledger, portal and destination differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Acknowledged and not readable, or delivered and not at the destination.
    pub(crate) lost: usize,
    /// Readable, here or at the destination, with other bytes.
    pub(crate) half: usize,
    /// Stored twice, or twice at the destination.
    pub(crate) dup: usize,
    /// At the destination, and unknown to the portal.
    pub(crate) ghost: usize,
    /// Acknowledged and without a delivery.
    pub(crate) silent: usize,
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) counters: Counters,
    /// Media of the portal.
    pub(crate) media: usize,
    /// Files at the destination.
    pub(crate) files: usize,
    /// Deliveries that ended in another state than delivered.
    pub(crate) undelivered: usize,
    /// Temporary files at the destination.
    pub(crate) parts: usize,
    /// Bytes in the store without a row; allowed, since a sweep takes them.
    pub(crate) orphans: usize,
    /// Temporary files in the store; allowed too.
    pub(crate) temporary: usize,
}

/// What the portal gives for one id.
struct Given {
    about: Value,
    /// Whether the bytes are those that it speaks of; nothing when it gives none.
    is_whole: Option<bool>,
}

/// A file at a destination.
pub(crate) struct Arrived {
    /// Its name without any folder.
    pub(crate) name: String,
    pub(crate) sha256: String,
}

/// Compares with the folder below which endpoints write, once everything was delivered.
pub(crate) fn compare(site: &Site, keys: &Keys, ledger: &Ledger) -> Comparison {
    let arrived = files_below(&site.destinations()).into_iter().map(|path| Arrived {
        sha256: sha256(&std::fs::read(&path).unwrap()),
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
    });
    compare_with(site, keys, ledger, arrived.collect())
}

/// Compares with what has arrived at a destination, once everything was delivered.
pub(crate) fn compare_with(site: &Site, keys: &Keys, ledger: &Ledger, arrived: Vec<Arrived>) -> Comparison {
    let (deliveries, lines) = (deliveries(keys, site.port), ledger.lines());
    let mut app = Client::new(site.port, &keys.app);
    let ids: HashSet<_> = deliveries
        .iter()
        .map(|row| text(&row["media"], "id"))
        .chain(lines.iter().map(|line| text(line, "id")))
        .collect();
    let media: HashMap<_, _> =
        ids.into_iter().filter_map(|id| Some((id.clone(), given(&mut app, &id)?))).collect();
    let different: HashSet<_> = media.values().map(|given| text(&given.about, "sha256")).collect();

    let mut counters = Counters { dup: media.len() - different.len(), ..Counters::default() };
    counters.half += media.values().filter(|given| given.is_whole == Some(false)).count();
    for line in &lines {
        let given = media.get(&text(line, "id"));
        counters.lost += usize::from(given.is_none_or(|given| given.is_whole.is_none()));
        let Some(given) = given else { continue };
        let is_same = given.about["sha256"] == line["sha256"] && given.about["size"] == line["size"];
        counters.half += usize::from(!is_same);
        counters.silent += usize::from(given.about["deliveries"].as_array().is_none_or(|all| all.len() != 1));
    }
    let stored = files_below(&site.store());
    let temporary = stored.iter().filter(|path| path.starts_with(site.store().join("tmp"))).count();
    let mut found = Comparison {
        counters,
        media: media.len(),
        undelivered: deliveries.iter().filter(|row| row["state"] != "delivered").count(),
        orphans: stored.len().saturating_sub(temporary + media.len()),
        temporary,
        ..Comparison::default()
    };
    compare_destination(arrived, &media, &mut found);
    found
}

fn compare_destination(arrived: Vec<Arrived>, media: &HashMap<String, Given>, found: &mut Comparison) {
    let mut seen = HashSet::new();
    for Arrived { name, sha256 } in arrived {
        if name.starts_with('.') {
            found.parts += 1;
            continue;
        }
        found.files += 1;
        // The name begins with the id of the media.
        let id = name.get(..36).unwrap_or(&name);
        match media.get(id) {
            None => found.counters.ghost += 1,
            Some(given) => found.counters.half += usize::from(given.about["sha256"] != sha256),
        }
        found.counters.dup += usize::from(!seen.insert(id.to_owned()));
    }
    let is_delivered = |given: &Given| {
        given.about["deliveries"]
            .as_array()
            .is_some_and(|all| all.iter().any(|delivery| delivery["state"] == "delivered"))
    };
    found.counters.lost +=
        media.iter().filter(|(id, given)| is_delivered(given) && !seen.contains(*id)).count();
}

fn given(app: &mut Client, id: &str) -> Option<Given> {
    let about = app.ask(&format!("/api/v1/media/{id}")).unwrap();
    if about.status != 200 {
        return None;
    }
    let (about, content) = (about.json(), app.ask(&format!("/api/v1/media/{id}/content")).unwrap());
    let is_whole = (content.status == 200).then(|| about["sha256"] == sha256(&content.body));
    Some(Given { about, is_whole })
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

/// Lists every delivery of the portal.
pub(crate) fn deliveries(keys: &Keys, port: u16) -> Vec<Value> {
    let mut admin = Client::new(port, &keys.admin);
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/deliveries?limit={PAGE}{after}"));
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}
