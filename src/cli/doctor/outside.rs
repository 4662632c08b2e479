//! What the house reads and whom it talks to: rules, areas, words, the mail server.

use std::time::Duration;

use super::Finding;
use crate::config::Config;
use crate::directory::Areas;
use crate::notifications::Words;
use crate::notifications::channels::Smtp;
use crate::rules;

/// How long the mail server may take until it would take a letter.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn look(config: &Config) -> Vec<Finding> {
    vec![triage(config), areas(config), words(config), mail(config), paging(config)]
}

fn triage(config: &Config) -> Finding {
    match rules::load(config) {
        Ok(rules) => Finding::ok("rules", format!("{} {}, checked with its cases", rules.id().id, rules.version())),
        Err(faults) => Finding::fault("rules", some(&faults), "mend [triage] packs_dir; see goldaw rules check"),
    }
}

fn areas(config: &Config) -> Finding {
    match Areas::load(config) {
        Ok(areas) => Finding::ok("areas", format!("{} areas", areas.all().len())),
        Err(faults) => Finding::fault("areas", some(&faults), "mend [place] areas_file"),
    }
}

fn words(config: &Config) -> Finding {
    let spoken =
        |code: &String| Words::all().iter().any(|words| words.code == code && !words.say("time.local").is_empty());
    let missing: Vec<&str> = config.place.languages.iter().filter(|code| !spoken(code)).map(String::as_str).collect();
    if missing.is_empty() {
        return Finding::ok("words", format!("letters and pages speak {}", config.place.languages.join(", ")));
    }
    let told = format!("there are no words in: {}", missing.join(", "));
    Finding::fault("words", told, "[place] languages, or a file for it in config/locales")
}

fn mail(config: &Config) -> Finding {
    let smtp = &config.smtp;
    if smtp.host.is_empty() {
        let told = format!("no mail server is set: letters become files in {}", config.files.mail_dir.display());
        return Finding::warning("mail", told, "[smtp] host, from");
    }
    let server = format!("{}:{}", smtp.host, smtp.port);
    match Smtp::new(smtp).and_then(|carrier| carrier.reach(PATIENCE)) {
        Ok(()) => Finding::ok("mail", format!("{server} would take letters")),
        Err(told) => {
            let fix = match told.split(' ').next() {
                Some("connect") => "[smtp] host and port; is the server running, and reachable from here?",
                Some("starttls") => "[smtp] tls and ca_file",
                Some("auth") => "[smtp] username and password_file",
                _ => "[smtp]",
            };
            Finding::fault("mail", format!("{server} would not take letters: {told}"), fix)
        }
    }
}

/// What cannot wait for a look at the list has to reach somebody.
fn paging(config: &Config) -> Finding {
    match config.oversight.page.len() {
        0 => Finding::warning(
            "paging",
            "nobody is told of what cannot wait: a Critical call that nobody takes, a case all on duty are kept from",
            "[oversight] page",
        ),
        addresses => Finding::ok("paging", format!("what cannot wait goes to {addresses} addresses")),
    }
}

fn some(faults: &[String]) -> String {
    let more = faults.len().saturating_sub(3);
    let told = faults.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{told}; and {more} more") } else { told }
}
