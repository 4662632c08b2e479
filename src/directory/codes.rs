//! The closed lists of the directory.

use crate::storage::codes;

codes! {
    /// What help is: one list for a wish, a need and a service.
    pub enum ServiceType {
        Medical = "medical",
        Psychosocial = "psychosocial",
        SafeHouse = "safe_house",
        Legal = "legal",
        Police = "police",
        SocialSupport = "social_support",
        ChildProtection = "child_protection",
        Livelihoods = "livelihoods",
        Education = "education",
        Transport = "transport",
        Other = "other",
    }
}

codes! {
    /// Whether a service takes anybody at all.
    pub enum ServiceStatus {
        Active = "active",
        TemporarilyClosed = "temporarily_closed",
        Inactive = "inactive",
    }
}

codes! {
    /// Who stands behind a service.
    pub enum OrganisationKind {
        State = "state",
        CivilSociety = "civil_society",
        RedCrescent = "red_crescent",
        International = "international",
        Private = "private",
    }
}

codes! {
    /// Whether an organisation still works with the hotline. With it, all its services end.
    pub enum OrganisationStatus {
        Active = "active",
        Inactive = "inactive",
    }
}

codes! {
    /// What a service counts when it says how much is free.
    pub enum CapacityUnit {
        Places = "places",
        Appointments = "appointments",
        Visits = "visits",
        Cars = "cars",
        Grants = "grants",
    }
}

codes! {
    /// What a survivor may need to be able to use a service, and what a service offers. Needs, not
    /// diagnoses.
    pub enum AccessNeed {
        StepFree = "step_free",
        AccessibleToilet = "accessible_toilet",
        WheelchairTransport = "wheelchair_transport",
        SignLanguage = "sign_language",
        Interpreter = "interpreter",
        FemaleStaff = "female_staff",
        HomeVisit = "home_visit",
    }
}

codes! {
    /// Whom a service may be limited to. Unknown is the absence of one of these.
    pub enum Sex {
        Female = "female",
        Male = "male",
        Other = "other",
    }
}

codes! {
    /// How a service is reached.
    pub enum EndpointChannel {
        Email = "email",
        Webhook = "webhook",
        Phone = "phone",
        Paper = "paper",
    }
}

codes! {
    /// Whether letters go to an address.
    pub enum EndpointStatus {
        /// Letters go there.
        Active = "active",
        /// Changed, and waiting for a second person to confirm it.
        Proposed = "proposed",
        /// Asked to be removed; letters go there until a second person agrees.
        Leaving = "leaving",
        /// Letters came back.
        Failing = "failing",
        /// No longer used; kept because old letters name it.
        Removed = "removed",
    }
}

impl EndpointStatus {
    /// Where letters go: what a second person has yet to agree to changes nothing.
    pub const IN_USE: [EndpointStatus; 2] = [EndpointStatus::Active, EndpointStatus::Leaving];

    /// True if a second person has yet to agree to it.
    pub fn is_waiting(self) -> bool {
        matches!(self, EndpointStatus::Proposed | EndpointStatus::Leaving)
    }
}

codes! {
    /// What an area is.
    pub enum AreaKind {
        Country = "country",
        Province = "province",
        City = "city",
        District = "district",
        Borough = "borough",
    }
}
