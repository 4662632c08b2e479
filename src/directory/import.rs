//! A whole directory from one file, in the shape of `config/directory.example.toml`.

use std::collections::BTreeMap;

use super::areas::Areas;
use super::form::{OrganisationForm, ServiceForm};
use super::toml_file::{entry, fault, label, lists, tree};
use super::{create_organisation, create_service};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::input::Json;
use crate::storage::Tx;

/// The sample directory inside the program. Everything in it is invented.
pub const SAMPLE: &str = include_str!("../../config/directory.example.toml");

/// A directory that was read and found whole.
#[derive(Debug, Clone)]
pub struct SampleDirectory {
    organisations: Vec<(String, OrganisationForm)>,
    /// Keys of the file, and forms whose `organisation` still holds such a key.
    services: Vec<(String, ServiceForm)>,
}

impl SampleDirectory {
    /// Reads and checks a file. Errors: every fault, one line each.
    pub fn parse(text: &str, areas: &Areas, config: &Config) -> Result<SampleDirectory, Vec<String>> {
        let tree = tree(text).map_err(|told| vec![told])?;
        let mut faults = Vec::new();
        let [organisations, services] = lists(&tree, ["organisation", "service"], &mut faults);
        let directory = SampleDirectory {
            organisations: entries("organisation", organisations, &mut faults),
            services: entries("service", services, &mut faults),
        };
        for (key, form) in &directory.services {
            if !organisations.iter().any(|organisation| text_of(organisation, "key") == Some(&form.organisation)) {
                faults.push(format!("service {key}: its organisation is not in this file"));
            }
            if let Err(Error::Invalid(problems)) = form.settled(areas, config) {
                faults.extend(problems.iter().map(|problem| fault("service", key, problem)));
            }
        }
        if faults.is_empty() { Ok(directory) } else { Err(faults) }
    }
}

#[cfg(test)]
impl SampleDirectory {
    /// Keys of the file and forms.
    pub(crate) fn services(&self) -> impl Iterator<Item = &(String, ServiceForm)> {
        self.services.iter()
    }
}

/// Adds a whole directory. Gives how many services that were.
pub fn import(tx: &mut Tx<'_>, areas: &Areas, directory: &SampleDirectory) -> Result<usize> {
    let mut references = BTreeMap::new();
    for (key, form) in &directory.organisations {
        references.insert(key.as_str(), create_organisation(tx, form)?.reference);
    }
    for (_, form) in &directory.services {
        let mut form = form.clone();
        form.organisation = references.get(form.organisation.as_str()).cloned().unwrap_or_default();
        create_service(tx, areas, &form)?;
    }
    Ok(directory.services.len())
}

fn entries<T: crate::input::FromJson>(list: &str, items: &[Json], faults: &mut Vec<String>) -> Vec<(String, T)> {
    let mut read: Vec<(String, T)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = label(item, "key", index);
        match text_of(item, "key") {
            None => faults.push(format!("{list} {name}: has no key")),
            Some(key) if items.iter().take(index).any(|other| text_of(other, "key") == Some(key)) => {
                faults.push(format!("{list} {name}: stands here twice"));
            }
            Some(_) => {}
        }
        if let Some(form) = entry(list, &name, &as_body(item), faults) {
            read.push((name, form));
        }
    }
    read
}

fn text_of<'a>(item: &'a Json, name: &str) -> Option<&'a String> {
    match item.get(name) {
        Some(Json::Text(text)) => Some(text),
        _ => None,
    }
}

/// An entry as a request body would write it: one name for one thing, addresses as a list. A member
/// with no meaning stays, for the reader to refuse.
fn as_body(item: &Json) -> Json {
    let Json::Object(members) = item else { return item.clone() };
    let mut body = Vec::new();
    let mut endpoints = Vec::new();
    for (key, value) in members {
        match key.as_str() {
            "key" => {}
            "name" => body.push(("names".to_owned(), value.clone())),
            "description" => body.push(("descriptions".to_owned(), value.clone())),
            "email" => endpoints.insert(0, mail_address(value)),
            "second_email" => endpoints.push(mail_address(value)),
            _ => body.push((key.clone(), value.clone())),
        }
    }
    if !endpoints.is_empty() {
        body.push(("endpoints".to_owned(), Json::List(endpoints)));
    }
    Json::Object(body)
}

fn mail_address(address: &Json) -> Json {
    Json::Object(vec![("channel".to_owned(), Json::Text("email".to_owned())), ("address".to_owned(), address.clone())])
}
