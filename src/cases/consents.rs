//! Stub, until the cases room is merged.
#![expect(missing_docs, reason = "a stub")]
use crate::clock::Instant;
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::codes;

codes! {
    /// What may be shown to a service.
    pub enum ShareableField {
        Need = "need",
        AgeBand = "age_band",
        Sex = "sex",
        Language = "language",
        Province = "province",
        District = "district",
        AccessNeeds = "access_needs",
        ChildrenWithHer = "children_with_her",
        SafeContact = "safe_contact",
        InjuryWarning = "injury_warning",
        IncidentType = "incident_type",
        IncidentWhen = "incident_when",
        StaffAlert = "staff_alert",
        FirstName = "first_name",
        Phone = "phone",
        PickupPlace = "pickup_place",
    }
}

codes! {
    /// Who gave it.
    pub enum GivenBy {
        Survivor = "survivor",
        Assent = "assent",
        Caregiver = "caregiver",
        BestInterest = "best_interest",
    }
}

codes! {
    /// How.
    pub enum How {
        Verbal = "verbal",
        Written = "written",
    }
}

codes! {
    /// For what.
    pub enum Scope {
        Referral = "referral",
        Reporting = "reporting",
        Callback = "callback",
        Identity = "identity",
    }
}

#[derive(Debug, Clone)]
pub struct ConsentForm {
    pub scope: Scope,
    pub service_id: Option<String>,
    pub given: bool,
    pub given_by: GivenBy,
    pub how: How,
    pub fields: Vec<ShareableField>,
    pub named_aloud: bool,
    pub duty_to_report_read: Option<bool>,
    pub consented_at: Option<Instant>,
    pub expires_at: Option<Instant>,
}

impl FromJson for ConsentForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (given, given_by, how) = (f.required("given"), f.required("given_by"), f.required("how"));
            let named_aloud = f.optional("named_aloud").unwrap_or(false);
            let fields = f.list("fields");
            let duty_to_report_read = f.optional("duty_to_report_read");
            let (consented_at, expires_at) = (f.optional("consented_at"), f.optional("expires_at"));
            Some(ConsentForm {
                scope: Scope::Referral,
                service_id: None,
                given: given?,
                given_by: given_by?,
                how: how?,
                fields,
                named_aloud,
                duty_to_report_read,
                consented_at,
                expires_at,
            })
        })
    }
}
