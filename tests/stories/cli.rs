//! The program as a stranger starts and stops it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant as Stopwatch};

use diesel::connection::SimpleConnection;
use goldaw::storage::Place as Database;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::stranger;

/// The program with a house of its own: data folder, and the root key beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: TempDir::new().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn root_key(&self) -> PathBuf {
        self.folder.path().join("root.key")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldaw"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("CREDENTIALS_DIRECTORY")
            .env("GOLDAW_DATA", self.data())
            .env("GOLDAW__VAULT__ROOT_KEY_FILE", self.root_key())
            .env("GOLDAW__STAFF__HASH_MEMORY_KIB", "64");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says when it does not start. One that starts all the same is stopped.
    fn refused(&self, arguments: &[&str]) -> String {
        let child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Running { child, line: String::new() };
        assert_eq!(running.exit(), Some(1), "{arguments:?}");
        let mut told = String::new();
        running.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        told
    }

    /// Starts it and gives its first line.
    fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Running { child, line }
    }
}

/// A running program, killed if the story ends early.
struct Running {
    child: Child,
    line: String,
}

impl Running {
    fn address(&self) -> String {
        self.line.trim().rsplit('/').next().unwrap().to_owned()
    }

    /// SIGTERM.
    fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Its exit code; the story fails when that takes longer than the promised ten seconds.
    fn exit(&mut self) -> Option<i32> {
        let begun = Stopwatch::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running after ten seconds");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hide(path: &Path) -> PathBuf {
    let hidden = path.with_extension("hidden");
    std::fs::rename(path, &hidden).unwrap();
    hidden
}

#[test]
fn a_house_is_not_served_without_the_keys_of_what_is_in_it() {
    let place = Place::new();
    assert!(place.refused(&["serve"]).contains("goldaw migrate"));
    assert!(!place.data().exists(), "nothing was made");
    place.done(&["migrate"]);
    place.done(&["user", "add", "admin", "--role", "admin"]);
    for key in [place.root_key(), place.data().join("keyring.json"), place.data().join("token.key")] {
        let hidden = hide(&key);
        for command in ["serve", "worker", "migrate"] {
            let told = place.refused(&[command]);
            assert!(told.contains("missing"), "{command} without {}: {told}", key.display());
        }
        assert!(!key.exists(), "no new key stands in the place of a lost one");
        std::fs::rename(&hidden, &key).unwrap();
    }
    assert!(place.done(&["user", "list"]).contains("admin"));
}

#[test]
fn a_root_key_in_the_data_folder_and_an_open_door_are_refused_together() {
    let place = Place::new();
    let output = place
        .command(&["serve"])
        .env("GOLDAW__VAULT__ROOT_KEY_FILE", place.data().join("root.key"))
        .env("GOLDAW__SERVER__LISTEN", "0.0.0.0:0")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    for fault in ["outside the data folder", "trusted_proxies", "https://"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
    assert!(!place.data().exists(), "nothing was made");
}

#[test]
fn a_root_key_that_leads_into_the_data_folder_is_refused_whichever_way_it_goes() {
    let place = Place::new();
    std::fs::create_dir(place.data()).unwrap();
    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(place.data(), &link).unwrap();
    let ways = [link.join("root.key"), link.join("new/root.key"), place.data().join("../data/new/../root.key")];
    for way in ways {
        let output = place.command(&["migrate"]).env("GOLDAW__VAULT__ROOT_KEY_FILE", &way).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("outside the data folder"), "{}: {told}", way.display());
    }
    let linked = place.command(&["migrate", "--data", link.to_str().unwrap()]).output().unwrap();
    assert!(linked.status.success(), "a data folder may be a link itself");
}

#[test]
fn a_database_that_is_lost_is_not_quietly_made_anew() {
    let place = Place::new();
    place.done(&["migrate"]);
    place.done(&["user", "add", "admin", "--role", "admin"]);
    let mut keys = stranger(&Database::Sqlite(place.data().join("keys.db")));
    keys.batch_execute("INSERT INTO data_keys VALUES ('00', 1, x'00', 0)").unwrap();
    hide(&place.data().join("goldaw.db"));
    let told = place.refused(&["migrate"]);
    assert!(told.contains("missing or empty, but there are keys"), "{told}");
}

#[test]
fn a_request_under_way_is_finished_after_the_signal_to_stop() {
    let place = Place::new();
    place.done(&["migrate"]);
    let mut running = place.start(&["serve", "--listen", "127.0.0.1:0"]);
    let address = running.address();
    let body = json!({"name": "nobody", "passphrase": "nothing at all"}).to_string();
    let (first, rest) = body.split_at(10);
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.child.try_wait().unwrap().is_none(), "it waits for the request");
    assert!(TcpStream::connect(&address).is_err(), "it takes no new ones");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
    assert_eq!(running.exit(), Some(0));
    assert!(!place.data().join("goldaw.db-wal").exists(), "the store was closed, not dropped");
}

#[test]
fn somebody_who_watches_is_told_whether_it_is_ready() {
    let place = Place::new();
    place.done(&["migrate"]);
    let mut running = place.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}", running.address());
    assert_eq!(place.done(&["health", "--url", &url]), "ready\n");
    running.terminate();
    assert_eq!(running.exit(), Some(0));
    assert!(place.refused(&["health", "--url", &url]).contains("does not answer"));
}

#[test]
fn a_request_that_never_comes_does_not_hold_the_program_up() {
    let place = Place::new();
    place.done(&["migrate"]);
    let mut running = place.start(&["serve", "--listen", "127.0.0.1:0"]);
    let mut stream = TcpStream::connect(running.address()).unwrap();
    stream
        .write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    assert_eq!(running.exit(), Some(0));
}

#[test]
fn a_demo_is_ready_on_a_fresh_folder_and_the_same_again_on_an_old_one() {
    let place = Place::new();
    let folder = place.folder.path().join("demo");
    let arguments = ["demo", "--data", folder.to_str().unwrap(), "--listen", "127.0.0.1:0", "--json"];
    let mut first = place.start(&arguments);
    let told: Value = serde_json::from_str(&first.line).unwrap();
    for role in ["operator", "counselor", "coordinator", "admin", "auditor", "partner"] {
        assert!(told["staff"].as_array().unwrap().iter().any(|person| person["role"] == role), "{role}");
    }
    assert!(told["partner_codes"].as_array().unwrap().iter().all(|code| code["code"].as_str().unwrap().len() == 6));
    let (url, operator) = (told["url"].as_str().unwrap(), &told["staff"][0]);
    let body = json!({"name": operator["name"], "passphrase": operator["passphrase"]});
    let mut answer = ureq::post(format!("{url}/api/v1/auth/login")).send_json(&body).unwrap();
    let token: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    assert!(token["access_token"].is_string());
    first.terminate();
    assert_eq!(first.exit(), Some(0));
    let second = place.start(&arguments);
    let again: Value = serde_json::from_str(&second.line).unwrap();
    assert_eq!((&again["staff"], &again["partner_codes"]), (&told["staff"], &told["partner_codes"]));
}

#[test]
fn a_demo_does_not_move_into_a_real_house() {
    let place = Place::new();
    place.done(&["migrate"]);
    let told = place.refused(&["demo", "--data", place.data().to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(told.contains("not a demo"), "{told}");
}

#[test]
fn rules_are_checked_and_tried_without_a_house() {
    let place = Place::new();
    assert!(place.done(&["rules", "check"]).contains("no faults"));
    let mut command = place.command(&["rules", "evaluate"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let line = b"{\"answers\":{\"perpetrator_present\":\"yes\",\"strangled\":\"yes\"},\"facts\":{}}\n";
    child.stdin.take().unwrap().write_all(line).unwrap();
    let output = child.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["level"], "critical");
    assert!(!place.data().exists());
}

#[test]
fn a_directory_goes_from_house_to_house_by_file() {
    let (here, there) = (Place::new(), Place::new());
    here.done(&["migrate"]);
    there.done(&["migrate"]);
    let file = here.folder.path().join("directory.json");
    let term = |term: &str, value: &str| json!({"value": value, "taxonomy_term": {"code": format!("goldaw:{term}")}});
    let house = "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610";
    let mut directory = json!({
        "organizations": [{"id": house, "name": "=House", "description": "Private organisation", "attributes": [term("kind", "private")]}],
        "services": [{
            "id": "ac148810-d857-441c-9679-408f346de14b", "organization_id": house, "name": "Clinic", "status": "busy",
            "service_areas": [{"extent": "TM-M"}], "fees": "none",
            "attributes": [term("type", "medical"), term("location_confidential", "false"), term("duty_to_report", "false"),
                term("letter_language", "en"), term("capacity_unlimited", "true")],
        }],
    });
    std::fs::write(&file, directory.to_string()).unwrap();
    let file = file.to_str().unwrap();
    assert!(here.refused(&["directory", "import", file]).contains("/services/0/status: not_allowed"));
    directory["services"][0]["status"] = json!("active");
    std::fs::write(file, directory.to_string()).unwrap();
    let told = here.done(&["directory", "import", file]);
    assert!(told.contains("services      1 added, 0 changed, 0 unchanged"), "{told}");
    assert!(told.contains("not kept: service.fees, in 1 rows"), "{told}");
    let tables = here.folder.path().join("tables");
    let tables = tables.to_str().unwrap();
    here.done(&["directory", "export", "--csv", tables]);
    let organizations = std::fs::read_to_string(format!("{tables}/organizations.csv")).unwrap();
    assert!(organizations.contains(&format!("{house},'=House,")), "{organizations}");
    there.done(&["directory", "import", tables]);
    let whole = |place: &Place| {
        let mut whole: Value = serde_json::from_str(&place.done(&["directory", "export"])).unwrap();
        whole["services"][0].as_object_mut().unwrap().remove("last_modified");
        whole
    };
    assert_eq!(whole(&there), whole(&here));
    std::fs::write(format!("{tables}/services.csv"), "id,organization_id,name,status\nx,y,Clinic,busy\n").unwrap();
    let told = there.refused(&["directory", "import", tables]);
    assert!(told.contains("services.csv line 2: id not_a_uuid") && !told.contains("busy"), "{told}");
}
