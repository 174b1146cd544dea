//! Prepares the files of `static/` for embedding: joins, hashes, compresses, and names them for templates.
//!
//! `$OUT_DIR/dist` gets every file under a name that contains its hash, with brotli and gzip copies beside it;
//! `$OUT_DIR/assets.rs` gets one constant for each address. A file that outgrows its budget stops the build.

#![expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Order matters within a cascade layer: `tokens` also declares the order of the layers.
const STYLES: &[&str] = &[
    "tokens",
    "reset",
    "base",
    "layout",
    "buttons",
    "fields",
    "choices",
    "cards",
    "charts",
    "tables",
    "log",
    "states",
    "tabs",
    "notices",
    "dialogs",
    "progress",
    "utilities",
];

/// A module comes after those that it imports.
const SCRIPTS: &[&str] = &["dom", "toasts", "dialogs", "forms", "times", "palette", "live", "main"];

/// Files of `static/` that are served as they are.
const FILES: [&str; 6] = [
    "vendor.js",
    "icons.svg",
    "favicon.svg",
    "inter-latin-wght-normal.woff2",
    // only the pages about the HTTP API load these
    "reference.css",
    "reference.js",
];

/// What a first visit may cost, in bytes sent; from the front-end budget that keeps a cold page below 110 KB.
const BUDGETS: [(&str, &[&str], usize); 5] = [
    ("the style sheet", &["app.css"], 12 * 1024),
    ("the scripts of every page", &["vendor.js", "app.js"], 22 * 1024),
    ("what the pages about the HTTP API load besides", &["reference.css", "reference.js"], 6 * 1024),
    ("the icons", &["icons.svg"], 5 * 1024),
    ("the font", &["inter-latin-wght-normal.woff2"], 50 * 1024),
];

/// One file, ready to be written.
struct Asset {
    hashed_name: String,
    raw: Vec<u8>,
    brotli: Option<Vec<u8>>,
    gzip: Option<Vec<u8>>,
}

impl Asset {
    fn new(name: &str, raw: Vec<u8>) -> Outcome<Self> {
        let (stem, extension) = name.rsplit_once('.').ok_or("a static file needs an extension")?;
        let hash = hex::encode(&Sha256::digest(&raw)[..6]);
        // fonts are compressed already
        let text = extension != "woff2";
        Ok(Self {
            hashed_name: format!("{stem}.{hash}.{extension}"),
            brotli: text.then(|| brotli(&raw)).transpose()?,
            gzip: text.then(|| gzip(&raw)).transpose()?,
            raw,
        })
    }

    fn sent_bytes(&self) -> usize {
        self.brotli.as_ref().unwrap_or(&self.raw).len()
    }

    fn write_to(&self, folder: &Path) -> Outcome<()> {
        fs::write(folder.join(&self.hashed_name), &self.raw)?;
        if let Some(brotli) = &self.brotli {
            fs::write(folder.join(format!("{}.br", self.hashed_name)), brotli)?;
        }
        if let Some(gzip) = &self.gzip {
            fs::write(folder.join(format!("{}.gz", self.hashed_name)), gzip)?;
        }
        Ok(())
    }
}

fn main() -> Outcome<()> {
    println!("cargo:rerun-if-changed=static");
    println!("cargo:rerun-if-changed=build.rs");
    let source = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("static");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut assets = BTreeMap::new();
    for name in FILES {
        assets.insert(name, Asset::new(name, fs::read(source.join(name))?)?);
    }
    assets.insert("app.js", Asset::new("app.js", joined_scripts(&source)?.into_bytes())?);
    let styles = with_hashed_urls(joined_styles(&source)?, &assets);
    assets.insert("app.css", Asset::new("app.css", styles.into_bytes())?);

    hold_budgets(&assets)?;
    write_folder(&out.join("dist"), &assets)?;
    fs::write(out.join("assets.rs"), constants(&assets)?)?;
    Ok(())
}

fn joined_styles(source: &Path) -> Outcome<String> {
    let folder = source.join("css");
    let joined: Result<Vec<_>, _> =
        STYLES.iter().map(|name| fs::read_to_string(folder.join(format!("{name}.css")))).collect();
    nothing_forgotten(&folder, STYLES)?;
    Ok(joined?.concat())
}

/// Joins the modules into one: their import lines and `export` words fall away, so no two may use one name.
fn joined_scripts(source: &Path) -> Outcome<String> {
    let folder = source.join("js");
    let mut joined = String::new();
    let mut names = BTreeSet::new();
    for script in SCRIPTS {
        for line in fs::read_to_string(folder.join(format!("{script}.js")))?.lines() {
            if line.starts_with("import ") {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            if let Some(name) = declared_name(line)
                && !names.insert(name.to_owned())
            {
                return Err(
                    format!("static/js/{script}.js declares `{name}`, which another module has too").into()
                );
            }
            writeln!(joined, "{line}")?;
        }
    }
    nothing_forgotten(&folder, SCRIPTS)?;
    Ok(joined)
}

/// Gives the name that a line at the left margin declares.
fn declared_name(line: &str) -> Option<&str> {
    let rest = ["async function ", "function ", "class ", "const ", "let "]
        .iter()
        .find_map(|keyword| line.strip_prefix(keyword))?;
    rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}

/// A file that is in no list would be missing without a word.
fn nothing_forgotten(folder: &Path, listed: &[&str]) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.file_stem().is_some_and(|stem| listed.iter().any(|name| stem == *name)) {
            return Err(format!("build.rs does not list {}", path.display()).into());
        }
    }
    Ok(())
}

fn with_hashed_urls(mut styles: String, assets: &BTreeMap<&str, Asset>) -> String {
    for (name, asset) in assets {
        styles = styles.replace(&format!("url({name})"), &format!("url({})", asset.hashed_name));
    }
    styles
}

fn hold_budgets(assets: &BTreeMap<&str, Asset>) -> Outcome<()> {
    for (what, names, most) in BUDGETS {
        let sent: usize = names.iter().map(|name| assets[name].sent_bytes()).sum();
        if sent > most {
            return Err(format!(
                "{what} ({}) would cost {sent} bytes to load, and {most} are allowed: make it smaller",
                names.join(" + ")
            )
            .into());
        }
    }
    Ok(())
}

/// Writes all files into an empty folder: a stale one would be embedded too.
fn write_folder(folder: &Path, assets: &BTreeMap<&str, Asset>) -> Outcome<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    assets.values().try_for_each(|asset| asset.write_to(folder))
}

fn constants(assets: &BTreeMap<&str, Asset>) -> Outcome<String> {
    let mut code = String::new();
    for (name, asset) in assets {
        let constant = name.replace(['.', '-'], "_").to_uppercase();
        writeln!(code, "/// Address of `{name}`; changes with its content.")?;
        writeln!(code, "pub const {constant}: &str = \"/static/{}\";", asset.hashed_name)?;
    }
    Ok(code)
}

fn brotli(raw: &[u8]) -> Outcome<Vec<u8>> {
    let mut packed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    brotli::BrotliCompress(&mut &raw[..], &mut packed, &parameters)?;
    Ok(packed)
}

fn gzip(raw: &[u8]) -> Outcome<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(raw)?;
    Ok(encoder.finish()?)
}
