//! What Prometheus is told: figures that are right, in a form it reads, with nobody in them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Stopwatch};

use goldaw::access::Role;
use goldaw::clock::HOUR;
use goldaw::server::{self, Stop};
use goldaw::telemetry::measures;
use serde_json::json;

use crate::support::canary::assert_nowhere;
use crate::support::floor::{Floor, Seat};
use crate::support::program::{Program, figures};
use crate::support::{Engine, Hotline, on_both_engines};

on_both_engines![
    the_figures_say_how_work_stands,
    without_the_database_the_rest_is_still_told,
    no_word_of_hers_and_no_reference_is_in_the_figures,
];

/// The metrics listener over a hotline, answering until dropped.
struct Figures {
    url: String,
    stop: Option<(Stop, JoinHandle<()>)>,
}

impl Figures {
    fn start(hotline: &Hotline) -> Figures {
        let (app, (ready, started)) = (hotline.app(), std::sync::mpsc::channel());
        let serving = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listening = server::listen_for_metrics(app, "127.0.0.1:0".parse().unwrap()).unwrap();
                ready.send((listening.address, listening.stop())).unwrap();
                listening.serve().await.unwrap();
            });
        });
        let (address, stop) = started.recv().unwrap();
        Figures { url: format!("http://{address}/metrics"), stop: Some((stop, serving)) }
    }

    fn text(&self) -> String {
        let mut answer = ureq::get(&self.url).call().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        answer.body_mut().read_to_string().unwrap()
    }
}

impl Drop for Figures {
    fn drop(&mut self) {
        let Some((stop, serving)) = self.stop.take() else { return };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(stop.drain());
        let _ = serving.join();
    }
}

/// One line with a value: a name, its labels, the value.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads a page by the rules of the text format; fails the story where they are broken.
fn read(page: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut family: Option<(String, String)> = None;
    let (mut known, mut series, mut helped) = (BTreeSet::new(), BTreeSet::new(), String::new());
    assert!(page.ends_with('\n') && !page.contains('\r'), "lines end with a line feed");
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(text.len() > 10, "{line}");
            helped = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped, "help stands before the type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(known.insert(name.to_owned()), "{name} stands in two places");
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let sample = sample(line);
            let (of, kind) = family.as_ref().unwrap_or_else(|| panic!("no type before {line}"));
            let part = sample.name.strip_prefix(of.as_str()).unwrap_or_else(|| panic!("{line} below {of}"));
            let parts = if kind == "histogram" { &["_bucket", "_sum", "_count"][..] } else { &[""] };
            assert!(parts.contains(&part), "{line} in a {kind}");
            assert_eq!(part == "_bucket", sample.labels.contains_key("le"), "{line}");
            assert!(series.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "twice: {line}");
            samples.push(sample);
        }
    }
    histograms_add_up(&samples);
    samples
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b)), "{line}");
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let pairs = labels.split("\",").filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.trim_end_matches('"').split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(!value.contains(['"', '\\', '\n']), "nothing here needs to be escaped: {line}");
        (name.to_owned(), value.to_owned())
    });
    Sample { name: name.to_owned(), labels: pairs.collect(), value: value.parse().unwrap() }
}

/// Each bucket holds those below it, and the last holds all.
fn histograms_add_up(samples: &[Sample]) {
    let mut last: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let key = |name: &str, sample: &Sample| {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        format!("{name}{labels:?}")
    };
    for sample in samples {
        if let Some(name) = sample.name.strip_suffix("_bucket") {
            let below: f64 = sample.labels["le"].parse().unwrap();
            let (bound, count) = last.get(&key(name, sample)).copied().unwrap_or((f64::NEG_INFINITY, 0.0));
            assert!(below > bound && sample.value >= count, "{sample:?}");
            last.insert(key(name, sample), (below, sample.value));
        } else if let Some(name) = sample.name.strip_suffix("_count") {
            assert_eq!(last.get(&key(name, sample)), Some(&(f64::INFINITY, sample.value)), "{sample:?}");
        }
    }
}

fn value(samples: &[Sample], name: &str, label: &str) -> f64 {
    let of = |sample: &&Sample| sample.name == name && (label.is_empty() || sample.labels.values().any(|v| v == label));
    samples.iter().find(of).unwrap_or_else(|| panic!("no {name} {label}")).value
}

/// A ticket at a shelter.
fn ticket(floor: &Floor<'_>, operator: &Seat<'_>) -> String {
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    operator.post(&format!("{}/tickets", operator.draft()), &needs).expect(201).text_of("id")
}

fn the_figures_say_how_work_stands(hotline: &Hotline) {
    measures::start().unwrap();
    let floor = Floor::open(hotline);
    let operator = floor.operator();
    let ticket = ticket(&floor, &operator);
    hotline.wait(HOUR);
    let told = read(&Figures::start(hotline).text());
    assert_eq!(value(&told, "goldaw_database_up", ""), 1.0);
    assert_eq!(value(&told, "goldaw_outbox_letters", "pending"), 1.0);
    match hotline.engine {
        Engine::Sqlite => assert_eq!(value(&told, "goldaw_outbox_oldest_due_seconds", ""), 3600.0),
        // Letters run on the server's own clock there, which no story moves.
        Engine::Postgres => assert!(value(&told, "goldaw_commit_seconds_count", "") >= 1.0),
    }
    assert_eq!(value(&told, "goldaw_unclaimed_tickets", "not_assessed"), 1.0);
    assert_eq!(value(&told, "goldaw_unclaimed_tickets", "critical"), 0.0);
    assert_eq!(value(&told, "goldaw_unclaimed_tickets_oldest_seconds", "not_assessed"), 3600.0);
    assert_eq!(value(&told, "goldaw_late_referrals", ""), 0.0);
    assert_eq!(value(&told, "goldaw_sessions", ""), 2.0);
    assert!(value(&told, "goldaw_http_requests_total", "/api/v1/contacts/{id}/tickets") >= 1.0);
    assert!(value(&told, "goldaw_http_request_seconds_count", "/api/v1/contacts") >= 1.0);
    floor.seat("co-01", Role::Counselor).post(&format!("/tickets/{ticket}/claim"), &json!({})).expect(200);
    assert_eq!(floor.deliver().len(), 1);
    hotline.wait(HOUR);
    let told = read(&Figures::start(hotline).text());
    assert_eq!(value(&told, "goldaw_outbox_letters", "sent"), 1.0);
    assert_eq!(value(&told, "goldaw_outbox_oldest_due_seconds", ""), 0.0);
    assert_eq!(value(&told, "goldaw_unclaimed_tickets", "not_assessed"), 0.0);
    assert_eq!(value(&told, "goldaw_late_referrals", ""), 1.0);
    assert!(value(&told, "goldaw_letter_attempts_total", "sent") >= 1.0);
    only_closed_lists(&told);
}

/// Every label and value is one that could be written down beforehand.
fn only_closed_lists(told: &[Sample]) {
    let routes: BTreeSet<String> = server::routes().entries().iter().map(|entry| entry.path.clone()).collect();
    for (name, value) in told.iter().flat_map(|sample| &sample.labels) {
        let closed = match name.as_str() {
            "route" => value == "none" || routes.contains(value),
            "method" => ["GET", "POST", "PUT", "PATCH", "DELETE", "other"].contains(&value.as_str()),
            "status" => ["2xx", "3xx", "4xx", "5xx"].contains(&value.as_str()),
            "level" | "state" | "class" => value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "le" => value.parse::<f64>().is_ok(),
            "version" => value == env!("CARGO_PKG_VERSION"),
            _ => false,
        };
        assert!(closed, "{name}={value}");
    }
}

fn without_the_database_the_rest_is_still_told(hotline: &Hotline) {
    measures::start().unwrap();
    let floor = Floor::open(hotline);
    let operator = floor.operator();
    operator.draft();
    let figures = Figures::start(hotline);
    assert!(figures.text().contains("goldaw_database_up 1\n"));
    let mut stranger = hotline.stranger();
    let mut change = |sql: &str| {
        use diesel::connection::SimpleConnection;
        stranger.batch_execute(sql).unwrap();
    };
    change("ALTER TABLE notifications RENAME TO away");
    let told = Figures::start(hotline).text();
    let samples = read(&told);
    assert_eq!(value(&samples, "goldaw_database_up", ""), 0.0);
    assert!(value(&samples, "goldaw_http_requests_total", "/api/v1/contacts") >= 1.0);
    assert!(!told.contains("goldaw_outbox_letters"), "what is not known is not told");
    change("ALTER TABLE away RENAME TO notifications");
    assert!(Figures::start(hotline).text().contains("goldaw_database_up 1\n"));
}

fn no_word_of_hers_and_no_reference_is_in_the_figures(hotline: &Hotline) {
    measures::start().unwrap();
    let floor = Floor::asking_all(hotline);
    let operator = floor.operator();
    let call = operator.call(&json!({"channel": "phone", "narrative": "Wnarrativeqx", "person": {"name": "Wnameqx",
        "phone": "8 65 987654", "address": "Waddressqx"}}));
    let ticket = ticket(&floor, &operator);
    floor.deliver();
    for path in ["/contacts/Wnameqx", "/Wnameqx", "/contacts?q=Wnameqx"] {
        operator.get(path);
    }
    operator.send("Wnameqx", "/contacts", &[("Wnameqx", "Wnameqx")], &json!({"Wnameqx": 1}));
    let page = Figures::start(hotline).text();
    only_closed_lists(&read(&page));
    let id = call.text_of("id");
    let words = ["Wnarrativeqx", "Wnameqx", "65987654", "Waddressqx", "Shelter", "op-07", &ticket, &id];
    assert_nowhere(&[("the figures".into(), page.into_bytes())], &words);
}

#[test]
fn the_program_and_the_worker_alone_tell_their_figures_and_nobody_else_s_door_has_them() {
    let program = Program::new();
    program.done(&["migrate"]);
    program.configure("[metrics]\nlisten = \"127.0.0.1:0\"\n");
    let mut serving = program.serve();
    let told = read(&serving.figures());
    assert_eq!(value(&told, "goldaw_build_info", env!("CARGO_PKG_VERSION")), 1.0);
    assert!(value(&told, "process_start_time_seconds", "") > 1.7e9);
    assert!(value(&told, "goldaw_batch_writes_count", "") >= 1.0);
    assert!(value(&told, "goldaw_commit_seconds_count", "") >= 1.0);
    assert!(value(&told, "goldaw_queued_writes", "") >= 0.0);
    let public = ureq::get(format!("{}/metrics", serving.url)).config().http_status_as_error(false).build().call();
    assert_eq!(public.unwrap().status(), 404);
    serving.stop();
    let path = program.folder().join("worker");
    let mut worker = program.command(&["worker"]).stderr(std::fs::File::create(&path).unwrap()).spawn().unwrap();
    let begun = Stopwatch::now();
    let log = loop {
        let log = std::fs::read_to_string(&path).unwrap();
        if log.contains("\"working\"") {
            break log;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the worker does not begin: {log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let told = read(&figures(&log));
    assert_eq!(value(&told, "goldaw_database_up", ""), 1.0);
    assert!(value(&told, "goldaw_commit_seconds_count", "") >= 1.0);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn the_reader_of_figures_finds_what_is_wrong_with_them() {
    let fine = "# HELP a_total Of something\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    read(fine);
    for wrong in [
        fine.replace("a_total", "a"),
        fine.replace("# HELP a_total Of something\n", ""),
        fine.replace("counter", "gauge"),
        fine.replace(" 1\n", " one\n"),
        format!("{fine}{fine}"),
        format!("{fine}a_total{{b=\"c\"}} 2\n"),
        format!("{fine}other 2\n"),
        fine.replace("\"c\"", "c"),
        "# HELP h Of something\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n".into(),
        "# HELP h Of something\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n".into(),
    ] {
        assert!(std::panic::catch_unwind(|| read(&wrong)).is_err(), "{wrong}");
    }
}
