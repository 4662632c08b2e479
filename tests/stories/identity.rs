//! Who may come in, for how long, and what is kept of those who may not.

mod api;

use std::future::Future;

use actix_web::web::Data;
use goldaw::access::token::TokenKey;
use goldaw::access::{Actor, Role};
use goldaw::clock::{HOUR, MINUTE, SECOND};
use goldaw::error::{Error, Result};
use goldaw::identity::terminal::{self, Handed};
use goldaw::identity::{self, Attempt, Door, NewAccount, Opened};
use goldaw::state::App;
use goldaw::vault::Sensitive;
use totp_rs::{Algorithm, Builder, Secret};

use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    whoever_is_wrong_hears_the_same_and_nobody_s_name_is_kept,
    a_name_waits_longer_each_time_whether_or_not_anybody_has_it,
    many_guesses_at_once_count_as_one,
    the_right_passphrase_forgives_what_failed_before,
    a_code_is_good_for_one_sign_in_only,
    a_coordinator_does_not_come_in_with_a_passphrase_alone,
    ending_a_session_ends_its_tokens_and_no_other_session,
    a_deactivated_person_is_out_at_once,
    a_session_ends_by_itself_after_ten_hours,
    a_reset_draws_new_secrets_and_ends_every_session,
    one_s_own_passphrase_is_changed_with_the_old_one,
    what_is_stored_of_a_session_and_a_secret_cannot_be_used,
    accounts_follow_the_rules_of_names_and_organisations,
    six_people_sign_in_at_once,
];

/// A hotline's door, its token key and what its handlers hold.
struct Desk<'a> {
    hotline: &'a Hotline,
    app: App,
    door: Data<Door>,
    tokens: Data<TokenKey>,
}

impl Desk<'_> {
    fn at(hotline: &Hotline) -> Desk<'_> {
        let app = hotline.app();
        let mut settings = app.config.staff.clone();
        settings.hash_memory_kib = 64;
        let tokens = TokenKey::load_or_create(&hotline.folder.path().join("token.key")).unwrap();
        Desk { hotline, app, door: Data::new(Door::new(&settings).unwrap()), tokens: Data::new(tokens) }
    }

    fn hire(&self, name: &str, role: Role) -> Handed {
        let form = NewAccount::new(name, role, None, false).unwrap();
        terminal::add(&self.hotline.store, &self.door.hashing, form, None).unwrap()
    }

    fn sign_in(&self, name: &str, passphrase: &str, code: Option<&str>) -> Result<Opened> {
        wait_for(identity::sign_in(&self.app, &self.door, &attempt(name, passphrase, code), "request"))
    }

    fn enter(&self, who: &Handed) -> Result<Opened> {
        let code = who.totp_secret.as_ref().map(|secret| self.code(secret));
        self.sign_in(&who.staff.name, who.passphrase.reveal(), code.as_deref())
    }

    fn fail(&self, name: &str) -> Error {
        self.sign_in(name, "not the passphrase", None).err().unwrap()
    }

    fn code(&self, secret: &Sensitive<String>) -> String {
        let secret = Secret::try_from_base32(secret.reveal()).unwrap();
        let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_secret(secret).build().unwrap();
        totp.generate(u64::try_from(self.hotline.clock.now().0 / SECOND).unwrap()).to_string()
    }

    fn token(&self, opened: &Opened) -> Result<String> {
        let minted = wait_for(identity::token_from_session(&self.app, &self.tokens, &opened.token))?;
        assert_eq!(minted.expires_in, 600);
        Ok(minted.access_token)
    }

    fn number(&self, query: &str) -> i64 {
        number(&mut self.hotline.stranger(), query)
    }
}

fn attempt(name: &str, passphrase: &str, code: Option<&str>) -> Attempt {
    Attempt { name: name.into(), passphrase: passphrase.into(), code: code.map(Sensitive::from) }
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn actor(opened: &Opened) -> Actor {
    Actor {
        id: opened.staff.id.clone(),
        reference: opened.staff.reference.clone(),
        name: opened.staff.name.clone(),
        role: opened.staff.role,
        organisation_id: None,
        session_id: opened.session.id.clone(),
        request: "request".into(),
    }
}

fn must_wait(outcome: &Error) -> u64 {
    match outcome {
        Error::TooMany { retry_after } => *retry_after,
        other => panic!("expected to be told to wait, got {other}"),
    }
}

fn whoever_is_wrong_hears_the_same_and_nobody_s_name_is_kept(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    desk.hire("coord-01", Role::Coordinator);
    desk.hire("op-08", Role::Operator);
    terminal::deactivate(&hotline.store, "op-08").unwrap();
    let told = |error: Error| error.problem("r").to_string();
    let wrong = told(desk.fail("op-07"));
    for name in ["nobody-1", "coord-01", "op-08", "Not A Name; DROP", "correct horse battery staple"] {
        assert_eq!(told(desk.fail(name)), wrong, "{name}");
    }
    assert!(wrong.contains("wrong-credentials"));
    let kept = "SELECT count(*) AS value FROM trail WHERE outcome = 'denied' AND subject IN";
    assert_eq!(desk.number(&format!("{kept} ('{}')", anna.staff.reference)), 1);
    // Three strangers within a minute, one row.
    assert_eq!(desk.number(&format!("{kept} ('unknown')")), 1);
    assert_eq!(desk.number("SELECT count(*) AS value FROM trail WHERE subject LIKE '%horse%'"), 0);
    assert_eq!(desk.number("SELECT count(*) AS value FROM sign_in_delays WHERE name_mac LIKE '%o%'"), 0);
}

fn a_name_waits_longer_each_time_whether_or_not_anybody_has_it(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    let waits = |name: &str| -> Vec<u64> {
        let try_again = |_| {
            assert!(matches!(desk.fail(name), Error::WrongCredentials));
            let wait = must_wait(&desk.fail(name));
            hotline.wait(i64::try_from(wait).unwrap() * SECOND);
            wait
        };
        (0..11).map(try_again).collect()
    };
    let known = waits("op-07");
    assert_eq!(known, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(waits("nobody-1"), known);
    assert_eq!(waits("OP-07").len(), 11, "upper case is the same name");
    // Eleven or more failures in a row, a row for the 1st, 2nd, 4th and 8th only (and the 16th).
    let denied = format!(
        "SELECT count(*) AS value FROM trail WHERE outcome = 'denied' AND subject = '{}'",
        anna.staff.reference
    );
    assert!((4..=6).contains(&desk.number(&denied)));
    // Waiting is told before the passphrase is looked at, also to who knows it; then it is over.
    assert!(matches!(desk.fail("op-07"), Error::WrongCredentials));
    assert!(must_wait(&desk.enter(&anna).err().unwrap()) >= 1);
    hotline.wait(2 * HOUR);
    assert!(desk.enter(&anna).is_ok());
}

fn many_guesses_at_once_count_as_one(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    desk.hire("op-07", Role::Operator);
    let outcomes = wait_for(async {
        let (one, two, three) =
            (attempt("op-07", "guess 1", None), attempt("op-07", "2", None), attempt("op-07", "3", None));
        let sign_in = |attempt| identity::sign_in(&desk.app, &desk.door, attempt, "request");
        tokio::join!(sign_in(&one), sign_in(&two), sign_in(&three))
    });
    let outcomes = [outcomes.0.err().unwrap(), outcomes.1.err().unwrap(), outcomes.2.err().unwrap()];
    let answered = outcomes.iter().filter(|error| matches!(error, Error::WrongCredentials)).count();
    assert_eq!(answered, 1, "{outcomes:?}");
    assert_eq!(desk.number("SELECT CAST(failures AS BIGINT) AS value FROM sign_in_delays"), 1);
}

fn the_right_passphrase_forgives_what_failed_before(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    for wait in [1, 2, 4] {
        desk.fail("op-07");
        hotline.wait(wait * SECOND);
    }
    desk.enter(&anna).unwrap();
    assert_eq!(hotline.count("sign_in_delays"), 0);
    desk.fail("op-07");
    assert_eq!(must_wait(&desk.fail("op-07")), 1);
}

fn a_code_is_good_for_one_sign_in_only(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let boss = desk.hire("coord-01", Role::Coordinator);
    let (passphrase, secret) = (boss.passphrase.reveal().clone(), boss.totp_secret.clone().unwrap());
    let code = desk.code(&secret);
    let sign_in = |code: &str| {
        hotline.wait(SECOND);
        desk.sign_in("coord-01", &passphrase, Some(code)).is_ok()
    };
    assert!(sign_in(&code));
    assert!(!sign_in(&code), "a replay");
    // One step late is accepted; two are not; nor is the spent one from one step later.
    hotline.wait(30 * SECOND);
    assert!(!sign_in(&code), "a replay one step later");
    let late = desk.code(&secret);
    hotline.wait(30 * SECOND);
    assert!(sign_in(&late));
    let stale = desk.code(&secret);
    hotline.wait(90 * SECOND);
    assert!(!sign_in(&stale));
    for nonsense in ["", "12345", "1234567", "+12345", "абвгде"] {
        hotline.wait(5 * MINUTE);
        assert!(!sign_in(nonsense), "{nonsense}");
    }
}

fn a_coordinator_does_not_come_in_with_a_passphrase_alone(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    for (name, role) in [("coord-01", Role::Coordinator), ("admin-1", Role::Admin), ("audit-1", Role::Auditor)] {
        let handed = desk.hire(name, role);
        assert!(handed.totp_secret.is_some());
        assert!(matches!(desk.sign_in(name, handed.passphrase.reveal(), None), Err(Error::WrongCredentials)));
    }
    let handed = desk.hire("coord-02", Role::Coordinator);
    let strip = "UPDATE staff SET totp_secret = NULL WHERE name = 'coord-02'";
    execute(hotline, strip);
    assert!(matches!(desk.sign_in("coord-02", handed.passphrase.reveal(), None), Err(Error::WrongCredentials)));
    assert!(desk.hire("op-07", Role::Operator).totp_secret.is_none());
}

fn ending_a_session_ends_its_tokens_and_no_other_session(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    let (one, other) = (desk.enter(&anna).unwrap(), desk.enter(&anna).unwrap());
    let token = desk.token(&one).unwrap();
    let claims = desk.tokens.verify(&token, hotline.clock.now()).unwrap();
    assert_eq!((claims.sub, claims.sid), (anna.staff.reference.clone(), one.session.id.clone()));
    let by = actor(&one);
    let end = |by: Actor, id: String| hotline.store.write_blocking(by.by(), move |tx| identity::sign_out(tx, &by, &id));
    end(by.clone(), one.session.id.clone()).unwrap();
    assert!(matches!(desk.token(&one), Err(Error::SignedOut)));
    assert!(matches!(end(by, one.session.id.clone()), Err(Error::NotFound)));
    assert!(desk.token(&other).is_ok());
    let stranger = actor(&desk.enter(&desk.hire("op-08", Role::Operator)).unwrap());
    assert!(matches!(end(stranger, other.session.id.clone()), Err(Error::NotFound)));
}

fn a_deactivated_person_is_out_at_once(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    let opened = desk.enter(&anna).unwrap();
    terminal::deactivate(&hotline.store, "op-07").unwrap();
    assert!(matches!(desk.token(&opened), Err(Error::SignedOut)));
    assert!(matches!(desk.enter(&anna), Err(Error::WrongCredentials)));
    let again = terminal::deactivate(&hotline.store, "op-07").err().unwrap();
    assert!(matches!(again, Error::Conflict { code: "inactive", .. }));
    assert!(terminal::reset(&hotline.store, &desk.door.hashing, "op-07").is_err());
    assert_eq!(desk.number("SELECT count(*) AS value FROM sessions WHERE ended_at IS NULL"), 0);
}

fn a_session_ends_by_itself_after_ten_hours(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let opened = desk.enter(&desk.hire("op-07", Role::Operator)).unwrap();
    assert_eq!(opened.session.expires_at, hotline.clock.now().plus(10 * HOUR));
    hotline.wait(10 * HOUR - 1);
    assert!(desk.token(&opened).is_ok());
    hotline.wait(1);
    assert!(matches!(desk.token(&opened), Err(Error::SignedOut)));
}

fn a_reset_draws_new_secrets_and_ends_every_session(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let boss = desk.hire("coord-01", Role::Coordinator);
    let opened = desk.enter(&boss).unwrap();
    desk.fail("coord-01");
    let renewed = terminal::reset(&hotline.store, &desk.door.hashing, "coord-01").unwrap();
    assert!(matches!(desk.token(&opened), Err(Error::SignedOut)));
    // The delay was lifted too: the person who was reset stands there and wants to work.
    assert!(desk.enter(&renewed).is_ok());
    assert!(matches!(desk.enter(&boss), Err(Error::WrongCredentials)));
    assert!(matches!(terminal::reset(&hotline.store, &desk.door.hashing, "nobody"), Err(Error::NotFound)));
}

fn one_s_own_passphrase_is_changed_with_the_old_one(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    let (here, there) = (desk.enter(&anna).unwrap(), desk.enter(&anna).unwrap());
    let change = |known: &str, new: &str| {
        let (known, new) = (Sensitive::from(known), Sensitive::from(new));
        wait_for(identity::change_passphrase(&desk.app, &desk.door, &actor(&here), &known, &new))
    };
    let old = anna.passphrase.reveal().clone();
    let refused = |outcome: Result<()>, place: &str| match outcome.err().unwrap() {
        Error::Invalid(problems) => assert_eq!(problems.first().unwrap().pointer, place),
        other => panic!("expected a broken rule, got {other}"),
    };
    refused(change(&old, "too short for it"[..14].trim()), "/new_passphrase");
    refused(change(&old, &old), "/new_passphrase");
    refused(change("not the passphrase", "a perfectly good one"), "/passphrase");
    assert_eq!(must_wait(&change(&old, "a perfectly good one").err().unwrap()), 1);
    hotline.wait(SECOND);
    change(&old, "a perfectly good one").unwrap();
    assert!(desk.token(&here).is_ok());
    assert!(matches!(desk.token(&there), Err(Error::SignedOut)));
    assert!(desk.sign_in("op-07", "a perfectly good one", None).is_ok());
    assert!(desk.sign_in("op-07", &old, None).is_err());
}

fn what_is_stored_of_a_session_and_a_secret_cannot_be_used(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let boss = desk.hire("coord-01", Role::Coordinator);
    let opened = desk.enter(&boss).unwrap();
    let token = opened.token.reveal();
    assert_eq!(token.len(), 64);
    let like = |column: &str, table: &str, text: &str| {
        desk.number(&format!("SELECT count(*) AS value FROM {table} WHERE {column} LIKE '%{text}%'"))
    };
    assert_eq!(like("token_hash", "sessions", token), 0);
    assert_eq!(like("passphrase_hash", "staff", boss.passphrase.reveal()), 0);
    assert_eq!(like("passphrase_hash", "staff", "$argon2id$v=19$m=64,t=3,p=1$"), 1);
    // The keyed hash itself opens nothing.
    let hash = text(hotline, "SELECT token_hash AS value FROM sessions");
    let stolen = wait_for(identity::token_from_session(&desk.app, &desk.tokens, &Sensitive::from(hash)));
    assert!(matches!(stolen, Err(Error::SignedOut)));
    // A sealed second factor belongs to one person.
    let other = desk.hire("coord-02", Role::Coordinator);
    execute(
        hotline,
        "UPDATE staff SET totp_secret = (SELECT s.totp_secret FROM staff s WHERE s.name = 'coord-01') WHERE name = 'coord-02'",
    );
    let code = desk.code(boss.totp_secret.as_ref().unwrap());
    let outcome = desk.sign_in("coord-02", other.passphrase.reveal(), Some(&code));
    assert!(matches!(outcome, Err(Error::Internal(_))));
}

fn accounts_follow_the_rules_of_names_and_organisations(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    for name in ["x", "Op-07", "op 07", "op_07", "оп-07", &"x".repeat(33), ""] {
        assert!(NewAccount::new(name, Role::Operator, None, false).is_err(), "{name}");
    }
    assert!(NewAccount::new("pa-01", Role::Partner, None, false).is_err());
    assert!(NewAccount::new("op-01", Role::Operator, Some("O-1".into()), false).is_err());
    desk.hire("op-07", Role::Operator);
    let add = |form, passphrase: Option<&str>| {
        terminal::add(&hotline.store, &desk.door.hashing, form, passphrase.map(Sensitive::from)).err().unwrap()
    };
    let taken = add(NewAccount::new("op-07", Role::Counselor, None, false).unwrap(), None);
    assert!(matches!(taken, Error::Conflict { code: "name_taken", .. }));
    let partner = add(NewAccount::new("pa-01", Role::Partner, Some("O-NONE".into()), false).unwrap(), None);
    assert!(matches!(partner, Error::Invalid(_)));
    let short = add(NewAccount::new("op-08", Role::Operator, None, false).unwrap(), Some("fourteen chars"));
    assert!(matches!(short, Error::Invalid(_)));
    let names: Vec<_> = terminal::list(&hotline.store).unwrap().into_iter().map(|staff| staff.name).collect();
    assert_eq!(names, ["op-07"]);
}

fn six_people_sign_in_at_once(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let people: Vec<_> = (1..=6).map(|n| desk.hire(&format!("op-0{n}"), Role::Operator)).collect();
    let attempts: Vec<_> = people.iter().map(|who| attempt(&who.staff.name, who.passphrase.reveal(), None)).collect();
    let [a, b, c, d, e, f] = attempts.as_slice() else { panic!("six") };
    let sign_in = |attempt| identity::sign_in(&desk.app, &desk.door, attempt, "request");
    let all = wait_for(async { tokio::join!(sign_in(a), sign_in(b), sign_in(c), sign_in(d), sign_in(e), sign_in(f)) });
    assert!([all.0, all.1, all.2, all.3, all.4, all.5].iter().all(Result::is_ok));
    assert_eq!(hotline.count("sessions"), 6);
}

fn execute(hotline: &Hotline, statement: &str) {
    use diesel::connection::SimpleConnection;
    hotline.stranger().batch_execute(statement).unwrap();
}

fn text(hotline: &Hotline, query: &str) -> String {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Text {
        #[diesel(sql_type = diesel::sql_types::Text)]
        value: String,
    }
    let told: Text = match &mut hotline.stranger() {
        goldaw::storage::Db::Sqlite(connection) => diesel::sql_query(query).get_result(connection).unwrap(),
        goldaw::storage::Db::Postgres(connection) => diesel::sql_query(query).get_result(connection).unwrap(),
    };
    told.value
}
