//! The command line. Without a command Mediaport serves.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use futures_util::FutureExt;

use crate::app::{Installation, Work};
use crate::config::{self, Config};
use crate::features::accounts::actions::{self as accounts, Added};
use crate::features::accounts::{NewPerson, Passwords};
use crate::features::apps::{Scope, actions as apps};
use crate::platform::clock::Clock;
use crate::platform::form::FormFields;
use crate::platform::web::{Actor, Role};
use crate::telemetry;

const DAY: Duration = Duration::from_hours(24);
/// The longest life of an app's key in days.
const LONGEST_KEY: u32 = 730;

#[derive(Parser)]
#[command(name = "mediaport", version, about = "A self-hosted media hub for contact centres")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the schema up to date, serve portal and API, and run the workers (the default)
    Serve,
    /// Bring the schema up to date and stop
    Migrate,
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// Machine clients
    #[command(subcommand)]
    App(AppCommand),
    /// Keys of machine clients
    #[command(subcommand)]
    Key(KeyCommand),
    /// Personal tokens, for automation with a person's rights
    #[command(subcommand)]
    Token(TokenCommand),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add a person: reads a password from standard input, or prints a one-time link when there is none
    Add {
        /// The address they sign in with
        email: String,
        /// admin, builder, agent or auditor
        #[arg(long)]
        role: Role,
    },
}

#[derive(Subcommand)]
enum AppCommand {
    /// Add an app and print what `app show` prints
    Add {
        /// A name of your choice, unique
        name: String,
    },
    /// Print an app as JSON
    Show {
        /// Its name or identifier
        name: String,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Add a key and print it, once, alone on standard output
    Add(NewKey),
}

#[derive(Args)]
struct NewKey {
    /// The app's name or identifier
    #[arg(long)]
    app: String,
    /// What the key may do; every scope when none is given
    #[arg(long = "scope")]
    scopes: Vec<Scope>,
    /// Days until the key ends, at most 730
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_KEY)))]
    expires: u32,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Add a personal token and print it, once, alone on standard output
    Add {
        /// The person's address
        #[arg(long)]
        user: String,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check the settings of this process and report every problem
    Check,
    /// Print every setting with its meaning and default
    Reference,
}

/// Runs the command of this process; problems go to standard error.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Config(ConfigCommand::Reference)) = cli.command {
        return print(&config::reference());
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(problems) => return failed(&problems),
    };
    if let Some(Command::Config(ConfigCommand::Check)) = cli.command {
        return print("The settings are right.\n");
    }
    telemetry::start(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(run(cli.command.unwrap_or(Command::Serve), config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mediaport: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn failed(problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("mediaport: {problem}");
    ExitCode::FAILURE
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let installation = Installation::open(config, Clock::system()).await?;
    match command {
        Command::Serve => return serve(installation).await,
        Command::User(UserCommand::Add { email, role }) => add_user(&installation, email, role).await?,
        Command::App(AppCommand::Add { name }) => {
            let services = &installation.services;
            let (actor, now) = (Actor::system("command line"), services.clock.now());
            let app = services
                .db
                .write(move |tx| async move { apps::add(tx, &actor, &name, now).await }.boxed())
                .await?;
            show_app(&installation, app.id.to_string()).await?;
        }
        Command::App(AppCommand::Show { name }) => show_app(&installation, name).await?,
        Command::Key(KeyCommand::Add(key)) => add_key(&installation, key).await?,
        Command::Token(TokenCommand::Add { user }) => add_token(&installation, user).await?,
        Command::Migrate | Command::Config(_) => {}
    }
    installation.tasks.shut_down(Duration::from_secs(5)).await;
    Ok(())
}

async fn serve(installation: Installation) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = installation.serve(Work::Running).await?;
    println!("Mediaport is ready at {}", running.public.join("/"));
    if let Some(link) = running.setup_link() {
        println!("Set up the first administrator within an hour: {link}");
    }
    std::io::stdout().flush()?;
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    tracing::info!("stopping: finishing what runs");
    tokio::select! {
        stopped = running.stop() => stopped,
        _ = terminate.recv() => Err(anyhow::anyhow!("stopped at once by a second signal")),
        _ = interrupt.recv() => Err(anyhow::anyhow!("stopped at once by a second signal")),
    }
}

async fn add_user(installation: &Installation, email: String, role: Role) -> anyhow::Result<()> {
    let email = email.trim().to_lowercase();
    let mut password = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_to_string(&mut password).context("cannot read the password")?;
    }
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let hash = if password.is_empty() { None } else { Some(hash_checked(&email, password).await?) };
    let services = &installation.services;
    let (actor, now, address) = (Actor::system("command line"), services.clock.now(), email.clone());
    let added = services
        .db
        .write(move |tx| async move { accounts::add(tx, &actor, &address, role, hash, now).await }.boxed())
        .await?;
    match added {
        Added::Active => println!("{email} can sign in."),
        Added::Invited(code) => {
            let url = crate::platform::web::PublicUrl::new(installation.config.public_url.clone());
            println!("{}", url.join(&format!("/setup/{}", code.expose())));
        }
    }
    Ok(())
}

async fn hash_checked(email: &str, password: String) -> anyhow::Result<String> {
    let form =
        FormFields::default().set("name", email.split('@').next().unwrap_or(email)).set("password", password);
    let person = NewPerson::parse(&form, Some(email)).map_err(|errors| {
        let lines: Vec<String> =
            errors.iter().map(|(field, message)| format!("{field}: {message}")).collect();
        anyhow::anyhow!("{}", lines.join("; "))
    })?;
    Ok(Passwords::default().hash(person.password).await?)
}

async fn show_app(installation: &Installation, name: String) -> anyhow::Result<()> {
    let view =
        installation.services.db.read(move |tx| async move { apps::show(tx, &name).await }.boxed()).await?;
    println!("{}", serde_json::to_string_pretty(&view)?);
    Ok(())
}

async fn add_key(installation: &Installation, key: NewKey) -> anyhow::Result<()> {
    let services = &installation.services;
    let (actor, now) = (Actor::system("command line"), services.clock.now());
    let scopes = if key.scopes.is_empty() { Scope::ALL.to_vec() } else { key.scopes };
    let life = DAY * key.expires;
    let secret = services
        .db
        .write(move |tx| async move { apps::add_key(tx, &actor, &key.app, &scopes, life, now).await }.boxed())
        .await?;
    println!("{}", secret.expose());
    Ok(())
}

async fn add_token(installation: &Installation, user: String) -> anyhow::Result<()> {
    let services = &installation.services;
    let (actor, now) = (Actor::system("command line"), services.clock.now());
    let email = user.trim().to_lowercase();
    let secret = services
        .db
        .write(move |tx| async move { accounts::add_token(tx, &actor, &email, now).await }.boxed())
        .await
        .context("cannot add a token for this person")?;
    println!("{}", secret.expose());
    Ok(())
}
