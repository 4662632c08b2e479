//! The same over HTTP: what a client sends and is answered.

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use goldaw::access::{Denials, Role, Routes};
use goldaw::clock::{MINUTE, SECOND};
use goldaw::identity;
use goldaw::identity::terminal::Handed;
use serde_json::{Value, json};

use super::Desk;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_client_signs_in_renews_its_token_and_signs_out,
    an_expired_token_is_refused_until_it_is_renewed,
    one_sees_and_ends_one_s_own_sessions_only,
    an_admin_keeps_accounts_and_secrets_are_shown_once,
    only_an_admin_keeps_accounts,
    no_answer_repeats_what_was_sent,
];

/// Method, path below `/api/v1`, token, body.
type Ask<'a> = (&'a str, &'a str, &'a str, Value);

/// Asks in order and gives status and body of each answer.
fn ask(desk: Desk<'_>, mut next: impl FnMut(&Desk<'_>, &[(StatusCode, Value)]) -> Option<(String, String, String, Value)>) {
    let Desk { hotline, app, door, tokens } = desk;
    let (door, tokens) = (Data::new(door), Data::new(tokens));
    actix_web::rt::System::new().block_on(async {
        let mount = |server: &mut actix_web::web::ServiceConfig| Routes::at("/api/v1").with(identity::routes()).mount(server);
        let server = actix_web::App::new()
            .app_data(Data::new(app.clone()))
            .app_data(door.clone())
            .app_data(tokens.clone())
            .app_data(Data::new(Denials::default()))
            .configure(mount);
        let server = init_service(server).await;
        let _ = (&server, &mut next, hotline);
    });
}
