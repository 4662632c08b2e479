//! The program itself in a process of its own, with a house of its own: started, asked, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use goldaw::storage::Place;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Engine;
use super::postgres::Bare;

/// A house: data folder, and the root key beside it; on PostgreSQL a database too.
pub struct Program {
    folder: TempDir,
    root_key: PathBuf,
    database: Option<Bare>,
}

/// Somebody who can sign in.
pub struct Key {
    name: String,
    passphrase: String,
}

impl Program {
    pub fn new() -> Program {
        Program::on(Engine::Sqlite)
    }

    pub fn on(engine: Engine) -> Program {
        let folder = TempDir::new().unwrap();
        let root_key = folder.path().join("root.key");
        Program { folder, root_key, database: (engine == Engine::Postgres).then(Bare::with_keys) }
    }

    /// Nothing yet, on the same engine, for whoever has this house's root key.
    pub fn empty_place(&self) -> Program {
        let database = self.database.as_ref().map(|_| Bare::with_keys());
        Program { folder: TempDir::new().unwrap(), root_key: self.root_key.clone(), database }
    }

    pub fn root_key(&self) -> &Path {
        &self.root_key
    }

    /// Where the data is.
    pub fn place(&self) -> Place {
        match &self.database {
            Some(bare) => Place::Postgres(bare.url.clone()),
            None => Place::Sqlite(self.data().join("goldaw.db")),
        }
    }

    /// Where the key store is.
    pub fn keys(&self) -> Place {
        match &self.database {
            Some(bare) => Place::Postgres(bare.keys_url()),
            None => Place::Sqlite(self.data().join("keys.db")),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldaw"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_remove("CREDENTIALS_DIRECTORY")
            .env("GOLDAW_DATA", self.data())
            .env("GOLDAW__VAULT__ROOT_KEY_FILE", &self.root_key)
            .env("GOLDAW__STAFF__HASH_MEMORY_KIB", "64");
        if let Some(bare) = &self.database {
            command.env("GOLDAW__DATABASE__URL", &bare.url).env("GOLDAW__DATABASE__KEYS_URL", bare.keys_url());
        }
        command
    }

    /// Runs a command that ends by itself, with these lines to read; gives how it ended.
    pub fn run(&self, arguments: &[&str], lines: &str) -> Output {
        let mut command = self.command(arguments);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // It may have ended at the first wrong line.
        let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command that must succeed printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that must fail said.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Makes an account.
    pub fn engage(&self, name: &str, role: &str) -> Key {
        let told = self.done(&["user", "add", name, "--role", role]);
        let line = told.lines().find(|line| line.starts_with("passphrase")).unwrap();
        Key { name: name.to_owned(), passphrase: line.trim_start_matches("passphrase").trim().to_owned() }
    }

    /// Settings that differ from the defaults.
    pub fn configure(&self, settings: &str) {
        std::fs::write(self.data().join("goldaw.toml"), settings).unwrap();
    }

    /// Starts the server and waits until it listens.
    pub fn serve(&self) -> Serving {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let log = std::fs::File::create(self.folder().join("stderr")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let log = self.folder().join("stderr");
        let url = line.split_whitespace().last().unwrap_or_default().to_owned();
        assert!(url.starts_with("http"), "it did not start: {}", std::fs::read_to_string(&log).unwrap());
        Serving { child, url, log }
    }
}

/// A running server; killed if the story ends early.
pub struct Serving {
    child: Child,
    pub url: String,
    log: PathBuf,
}

impl Serving {
    /// Signs somebody in.
    pub fn client(&self, key: &Key) -> Client {
        let client = Client { agent: agent(), url: format!("{}/api/v1", self.url), token: String::new() };
        let login = json!({"name": key.name, "passphrase": key.passphrase});
        let (status, told) = client.send("POST", "auth/login", &[], &login).unwrap();
        assert_eq!(status, 200, "{told}");
        Client { token: told["access_token"].as_str().unwrap().to_owned(), ..client }
    }

    /// Somebody who signed in elsewhere, and tries the same token here.
    pub fn with_token_of(&self, other: &Client) -> Client {
        Client { url: format!("{}/api/v1", self.url), ..other.clone() }
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        agent().get(format!("{}/health/ready", self.url)).call().is_ok_and(|answer| answer.status() == 200)
    }

    /// What it has written into its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What Prometheus is told, where `[metrics] listen` is set.
    pub fn figures(&self) -> String {
        figures(&self.log())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// SIGTERM; gives what it wrote into its log.
    pub fn stop(&mut self) -> String {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        self.log()
    }
}

/// What Prometheus is told at the address that a log names.
pub fn figures(log: &str) -> String {
    let line = log.lines().find(|line| line.contains("\"listening_for_metrics\"")).unwrap();
    let told: Value = serde_json::from_str(line).unwrap();
    let url = format!("http://{}/metrics", told["address"].as_str().unwrap());
    ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of one server. When the server is killed under it, there is no answer.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(20))).build().new_agent()
}

impl Client {
    pub fn get(&self, path: &str) -> (u16, Value) {
        let request = ureq::http::Request::get(format!("{}/{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        read(self.agent.run(request.body(()).unwrap())).unwrap()
    }

    pub fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, &[("idempotency-key", key)], body).unwrap()
    }

    pub fn patch(&self, path: &str, version: i64, body: &Value) -> (u16, Value) {
        self.send("PATCH", path, &[("if-match", &format!("\"{version}\""))], body).unwrap()
    }

    /// Status and body, or nothing when the connection ended before a whole answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Option<(u16, Value)> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.url))
            .header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(self.agent.run(request.body(body.to_string()).unwrap()))
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<(u16, Value)> {
    let mut answer = answer.ok()?;
    let mut text = String::new();
    answer.body_mut().as_reader().read_to_string(&mut text).ok()?;
    Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
}
