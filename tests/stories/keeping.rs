//! Keeping a house: what a backup holds, what a restore gives back, what neither may do, and what
//! the doctor says about a house that is broken.

mod doctor;
mod kills;
mod restoring;

use std::path::{Path, PathBuf};

use crate::support::Engine;
use crate::support::program::{Client, Key, Program};
use serde_json::{Value, json};

/// The same story on both engines, each on a fresh house of the whole program.
macro_rules! on_both_programs {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            #[test]
            fn sqlite() {
                super::$story(crate::support::Engine::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$story(crate::support::Engine::Postgres);
            }
        })+
    };
}
pub(crate) use on_both_programs;

/// A house with an operator in it.
fn house(engine: Engine) -> (Program, Key) {
    let program = Program::on(engine);
    program.done(&["migrate"]);
    let operator = program.engage("op-07", "operator");
    (program, operator)
}

/// Opens a draft under a key; gives its reference.
fn record(client: &Client, key: &str) -> String {
    let body = json!({"channel": "phone", "kind": "support", "caller_role": "survivor", "narrative": said(key),
        "answers": {"strangled": "yes"}});
    let (status, told) = client.post("contacts", &format!("call-{key}"), &body);
    assert_eq!(status, 201, "{told}");
    told["id"].as_str().unwrap().to_owned()
}

/// What she said in the call with this key.
fn said(key: &str) -> String {
    format!("what she said in {key}")
}

/// What is there of a call now, its sealed words opened.
fn read(client: &Client, reference: &str) -> (u16, Value) {
    client.get(&format!("contacts/{reference}"))
}

/// Makes a backup; gives its folder.
fn back_up(program: &Program, to: &Path, more: &[&str]) -> PathBuf {
    let told = program.done(&[&["backup", "--to", to.to_str().unwrap()], more].concat());
    PathBuf::from(told.lines().next().unwrap())
}

/// Puts a backup back into an empty place.
fn restore(from: &Path, place: &Program, more: &[&str]) -> String {
    place.done(&[&["restore", "--from", from.to_str().unwrap()], more].concat())
}

/// What is in a folder, names only.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
