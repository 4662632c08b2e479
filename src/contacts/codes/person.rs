//! The closed lists of what is known about her: age, sex, family, displacement, disability.

use crate::storage::codes;

codes! {
    /// Age in the domain's bands.
    pub enum AgeBand {
        /// 0 to 11.
        To11 = "0_11",
        /// 12 to 17.
        To17 = "12_17",
        /// 18 to 25.
        To25 = "18_25",
        /// 26 to 40.
        To40 = "26_40",
        /// 41 to 60.
        To60 = "41_60",
        /// 61 and over.
        Over60 = "61_plus",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// Sex as she gives it.
    pub enum Sex {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Other.
        Other = "other",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// GBVIMS marital status.
    pub enum MaritalStatus {
        /// Single.
        Single = "single",
        /// Married or living together.
        MarriedCohabiting = "married_cohabiting",
        /// Divorced or separated.
        DivorcedSeparated = "divorced_separated",
        /// Widowed.
        Widowed = "widowed",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// GBVIMS displacement status.
    pub enum DisplacementStatus {
        /// Lives here.
        Resident = "resident",
        /// Displaced inside the country.
        Idp = "idp",
        /// Refugee.
        Refugee = "refugee",
        /// Without a state.
        StatelessPerson = "stateless_person",
        /// Came back.
        Returnee = "returnee",
        /// A foreign national.
        ForeignNational = "foreign_national",
        /// Seeks asylum.
        AsylumSeeker = "asylum_seeker",
    }
}
codes! {
    /// GBVIMS stage of displacement at the time of the incident.
    pub enum DisplacementStage {
        /// Not displaced.
        NotDisplaced = "not_displaced",
        /// Before.
        PreDisplacement = "pre_displacement",
        /// On the way.
        DuringFlight = "during_flight",
        /// In refuge.
        DuringRefuge = "during_refuge",
        /// On the way back.
        DuringReturnTransit = "during_return_transit",
        /// After.
        PostDisplacement = "post_displacement",
    }
}
codes! {
    /// GBVIMS disability.
    pub enum Disability {
        /// None.
        None = "none",
        /// Mental.
        Mental = "mental",
        /// Physical.
        Physical = "physical",
        /// Both.
        Both = "both",
    }
}
codes! {
    /// A child without the adults who should be there.
    pub enum Unaccompanied {
        /// No.
        No = "no",
        /// Unaccompanied minor.
        UnaccompaniedMinor = "unaccompanied_minor",
        /// Separated child.
        SeparatedChild = "separated_child",
        /// Another vulnerable child.
        OtherVulnerableChild = "other_vulnerable_child",
    }
}
