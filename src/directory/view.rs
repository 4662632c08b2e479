//! What leaves the directory. A confidential location has no member here that could hold it.

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
#[derive(Debug, Serialize)]
pub struct OrganisationView<'a> {
    id: &'a str,
    version: i32,
    kind: OrganisationKind,
    names: &'a Names,
    status: OrganisationStatus,
    updated_at: Instant,
}

impl<'a> OrganisationView<'a> {
    /// Shows an organisation.
    pub fn of(organisation: &'a Organisation) -> Self {
        OrganisationView {
            id: &organisation.reference,
            version: organisation.version,
            kind: organisation.form.kind,
            names: &organisation.form.names,
            status: organisation.form.status,
            updated_at: organisation.updated_at,
        }
    }
}

/// A service, for the hotline's own staff.
#[derive(Debug, Serialize)]
pub struct ServiceView<'a> {
    id: &'a str,
    version: i32,
    organisation: &'a str,
    #[serde(rename = "type")]
    kind: ServiceType,
    names: &'a Names,
    descriptions: &'a Names,
    status: ServiceStatus,
    areas: &'a [String],
    /// `None` where it is confidential or not known: the two look the same but for the flag.
    location_area: Option<&'a str>,
    location_confidential: bool,
    hours: &'a Week,
    exceptions: &'a [Exception],
    languages: &'a [Language],
    eligibility: &'a Eligibility,
    access: &'a [AccessNeed],
    stock: Stock,
    capacity: CapacityView,
    duty_to_report: bool,
    preference: i32,
    endpoints: Vec<EndpointView<'a>>,
    focal_points: &'a [FocalPoint],
    phone: Option<&'a str>,
    letter_language: &'a Language,
    verified_at: Option<Instant>,
    updated_at: Instant,
}

/// What was stated, and when.
#[derive(Debug, Serialize)]
struct CapacityView {
    #[serde(flatten)]
    stated: Capacity,
    stated_at: Instant,
}

/// An address; which of several is meant follows from its order.
#[derive(Debug, Serialize)]
struct EndpointView<'a> {
    channel: EndpointChannel,
    address: &'a str,
    status: EndpointStatus,
}

impl<'a> ServiceView<'a> {
    /// Shows a service.
    pub fn of(service: &'a Service) -> Self {
        let form = &service.form;
        let endpoint = |endpoint: &'a Endpoint| EndpointView {
            channel: endpoint.channel,
            address: &endpoint.address,
            status: endpoint.status,
        };
        ServiceView {
            id: &service.reference,
            version: service.version,
            organisation: &service.organisation.reference,
            kind: form.kind,
            names: &form.names,
            descriptions: &form.descriptions,
            status: form.status,
            areas: &form.areas,
            location_area: form.location_area.as_deref().filter(|_| !form.location_confidential),
            location_confidential: form.location_confidential,
            hours: &form.hours.week,
            exceptions: &form.hours.exceptions,
            languages: &form.languages,
            eligibility: &form.eligibility,
            access: &form.access,
            stock: form.stock,
            capacity: CapacityView { stated: form.capacity, stated_at: service.capacity_stated_at },
            duty_to_report: form.duty_to_report,
            preference: form.preference,
            endpoints: service.endpoints.iter().map(endpoint).collect(),
            focal_points: &form.focal_points,
            phone: form.phone.as_deref(),
            letter_language: &form.letter_language,
            verified_at: form.verified_at,
            updated_at: service.updated_at,
        }
    }
}

/// An area.
#[derive(Debug, Serialize)]
pub struct AreaView<'a> {
    code: &'a str,
    kind: AreaKind,
    parent: Option<&'a str>,
    names: &'a Names,
    valid_from: chrono::NaiveDate,
    valid_to: Option<chrono::NaiveDate>,
    succeeded_by: Option<&'a str>,
}

impl<'a> AreaView<'a> {
    /// Shows an area.
    pub fn of(area: &'a Area) -> Self {
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
