//! Stories about the directory.

mod areas;
mod hours;
mod import;

use crate::config::Config;

fn config() -> Config {
    Config::defaults("/tmp".as_ref()).unwrap()
}

fn turkmenistan() -> super::Areas {
    super::Areas::load(&config()).unwrap()
}
