//! Stories about the directory.

mod areas;
mod hours;
mod import;

use super::{
    Address, Candidate, Endpoint, EndpointStatus, Names, Organisation, OrganisationForm, OrganisationKind,
    OrganisationStatus, Service, ServiceForm,
};
use crate::config::Config;

fn config() -> Config {
    Config::defaults("/tmp".as_ref()).unwrap()
}

fn turkmenistan() -> super::Areas {
    super::Areas::load(&config()).unwrap()
}

impl Candidate {
    /// A service that is in no database, for stories about matching: its reference is `name`, its
    /// key `id-name`, its organisation's key `of-name`.
    pub(crate) fn sketch(name: &str, form: ServiceForm) -> Candidate {
        let now = crate::clock::Instant(0);
        let endpoint = |address: &Address| Endpoint {
            id: String::new(),
            service_id: format!("id-{name}"),
            position: 0,
            channel: address.channel,
            address: address.address.clone(),
            status: EndpointStatus::Active,
            proposed_by: None,
            updated_at: now,
        };
        let organisation = Organisation {
            id: format!("of-{name}"),
            reference: String::new(),
            version: 1,
            form: OrganisationForm {
                kind: OrganisationKind::State,
                names: Names::default(),
                status: OrganisationStatus::Active,
            },
            updated_at: now,
        };
        let service = Service {
            id: format!("id-{name}"),
            reference: name.to_owned(),
            version: 1,
            organisation,
            endpoints: form.endpoints.iter().map(endpoint).collect(),
            form,
            capacity_stated_at: now,
            partner_code_mac: None,
            phone_wanted: None,
            partner_code_wanted_by: None,
            updated_at: now,
        };
        Candidate { service: service.into(), accepted_since: 0, load: 0 }
    }
}
