//! What leaves the directory. A confidential location has no member here that could hold it.

use schemars::JsonSchema;
use serde::Serialize;

use super::areas::Area;
use super::codes::{AccessNeed, AreaKind, EndpointChannel, EndpointStatus, OrganisationKind, OrganisationStatus};
use super::codes::{ServiceStatus, ServiceType};
use super::hours::{Exception, Week};
use super::model::{Endpoint, Organisation, Service};
use super::names::{Language, Names};
use super::offer::{Capacity, Eligibility, FocalPoint, Stock};
use crate::clock::Instant;

/// An organisation.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrganisationView {
    id: String,
    version: i32,
    kind: OrganisationKind,
    names: Names,
    status: OrganisationStatus,
    updated_at: Instant,
}

impl From<Organisation> for OrganisationView {
    fn from(organisation: Organisation) -> Self {
        OrganisationView {
            id: organisation.reference,
            version: organisation.version,
            kind: organisation.form.kind,
            names: organisation.form.names,
            status: organisation.form.status,
            updated_at: organisation.updated_at,
        }
    }
}

/// A service, for everyone who signs in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceView {
    id: String,
    version: i32,
    organisation: OrganisationName,
    #[serde(rename = "type")]
    kind: ServiceType,
    names: Names,
    descriptions: Names,
    status: ServiceStatus,
    areas: Vec<String>,
    /// `null` where it is confidential or not known: the two look the same but for the flag.
    location_area: Option<String>,
    location_confidential: bool,
    hours: Week,
    exceptions: Vec<Exception>,
    languages: Vec<Language>,
    eligibility: Eligibility,
    access: Vec<AccessNeed>,
    stock: Stock,
    capacity: CapacityView,
    duty_to_report: bool,
    preference: i32,
    letter_language: Language,
    verified_at: Option<Instant>,
    updated_at: Instant,
    /// How it is reached: for the hotline's own staff, and for nobody at another organisation.
    #[serde(flatten)]
    reached: Option<Reached>,
}

/// Whose a service is.
#[derive(Debug, Serialize, JsonSchema)]
struct OrganisationName {
    id: String,
    names: Names,
    status: OrganisationStatus,
}

/// What was stated, and when.
#[derive(Debug, Serialize, JsonSchema)]
struct CapacityView {
    #[serde(flatten)]
    stated: Capacity,
    stated_at: Instant,
}

/// How a service is reached.
#[derive(Debug, Serialize, JsonSchema)]
struct Reached {
    endpoints: Vec<EndpointView>,
    focal_points: Vec<FocalPoint>,
    phone: Option<String>,
    /// A change of that number that waits for a second person; until then the old one is called.
    phone_wanted: Option<PhoneWantedView>,
    /// Whether its focal point has a code, and whether somebody wants it renewed.
    has_partner_code: bool,
    partner_code_wanted: bool,
}

/// The number it shall have; `null`: none.
#[derive(Debug, Serialize, JsonSchema)]
struct PhoneWantedView {
    number: Option<String>,
}

/// An address; which of several is meant follows from its order.
#[derive(Debug, Serialize, JsonSchema)]
struct EndpointView {
    channel: EndpointChannel,
    address: String,
    status: EndpointStatus,
}

impl ServiceView {
    /// A service; `inside` shows how it is reached, too.
    pub fn of(service: Service, inside: bool) -> Self {
        let reached = inside.then(|| Reached::of(&service));
        let form = service.form;
        ServiceView {
            id: service.reference,
            version: service.version,
            organisation: OrganisationName {
                id: service.organisation.reference,
                names: service.organisation.form.names,
                status: service.organisation.form.status,
            },
            kind: form.kind,
            names: form.names,
            descriptions: form.descriptions,
            status: form.status,
            areas: form.areas,
            location_area: form.location_area.filter(|_| !form.location_confidential),
            location_confidential: form.location_confidential,
            hours: form.hours.week,
            exceptions: form.hours.exceptions,
            languages: form.languages,
            eligibility: form.eligibility,
            access: form.access,
            stock: form.stock,
            capacity: CapacityView { stated: form.capacity, stated_at: service.capacity_stated_at },
            duty_to_report: form.duty_to_report,
            preference: form.preference,
            letter_language: form.letter_language,
            verified_at: form.verified_at,
            updated_at: service.updated_at,
            reached,
        }
    }
}

impl Reached {
    fn of(service: &Service) -> Reached {
        let view = |endpoint: &Endpoint| EndpointView {
            channel: endpoint.channel,
            address: endpoint.address.clone(),
            status: endpoint.status,
        };
        Reached {
            endpoints: service.endpoints.iter().map(view).collect(),
            focal_points: service.form.focal_points.clone(),
            phone: service.form.phone.clone(),
            phone_wanted: service.phone_wanted.as_ref().map(|one| PhoneWantedView { number: one.number.clone() }),
            has_partner_code: service.partner_code_mac.is_some(),
            partner_code_wanted: service.partner_code_wanted_by.is_some(),
        }
    }
}

/// A service with its new code, the once it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RenewedView {
    /// The service.
    pub service: String,
    /// For its focal point, by another way than letters go. Nowhere to be read again: `null` when this
    /// is asked for once more.
    pub code: Option<String>,
}

/// An area.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AreaView<'a> {
    code: &'a str,
    kind: AreaKind,
    parent: Option<&'a str>,
    names: &'a Names,
    valid_from: chrono::NaiveDate,
    valid_to: Option<chrono::NaiveDate>,
    succeeded_by: Option<&'a str>,
}

impl<'a> From<&'a Area> for AreaView<'a> {
    fn from(area: &'a Area) -> Self {
        AreaView {
            code: &area.code,
            kind: area.kind,
            parent: area.parent.as_deref(),
            names: &area.names,
            valid_from: area.valid_from,
            valid_to: area.valid_to,
            succeeded_by: area.succeeded_by.as_deref(),
        }
    }
}
