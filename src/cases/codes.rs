//! The closed lists of a case.

use crate::storage::codes;

codes! {
    /// Whether anyone works on it.
    pub enum Status {
        /// Open.
        Open = "open",
        /// Closed; a new contact opens it again.
        Closed = "closed",
    }
}
codes! {
    /// Why a case, or a ticket of one, was closed.
    pub enum CloseReason {
        /// She has what she asked for.
        NeedsMet = "needs_met",
        /// She wants no more of it.
        HerWish = "her_wish",
        /// She can no longer be reached.
        LostContact = "lost_contact",
        /// She lives elsewhere.
        Moved = "moved",
        /// She is dead.
        Died = "died",
        /// Somebody else goes on.
        Transferred = "transferred",
        /// Something else.
        Other = "other",
    }
}
codes! {
    /// What a consent is for.
    pub enum Scope {
        /// Sending named fields to one named service.
        Referral = "referral",
        /// Counting her, without identity, in statistics.
        Reporting = "reporting",
        /// Being called back.
        Callback = "callback",
        /// Storing who she is.
        Identity = "identity",
    }
}
codes! {
    /// Who gave it.
    pub enum GivenBy {
        /// She herself.
        Survivor = "survivor",
        /// A child who agrees beside a caregiver.
        Assent = "assent",
        /// A caregiver, never one who does it.
        Caregiver = "caregiver",
        /// Nobody could; in her best interest.
        BestInterest = "best_interest",
    }
}
codes! {
    /// In what form.
    pub enum How {
        /// Said on the line.
        Verbal = "verbal",
        /// Signed.
        Written = "written",
        /// In a sign language or by an interpreter.
        Interpreted = "interpreted",
        /// Not at all: a life was at risk, and she could not be asked.
        Emergency = "emergency",
    }
}
codes! {
    /// What can be shared with a service, each by its name.
    pub enum ShareableField {
        /// What she needs.
        Need = "need",
        /// Her age band.
        AgeBand = "age_band",
        /// Her sex.
        Sex = "sex",
        /// Her language.
        Language = "language",
        /// Her province.
        Province = "province",
        /// Her district.
        District = "district",
        /// What she needs to be able to come.
        AccessNeeds = "access_needs",
        /// Children with her.
        ChildrenWithHer = "children_with_her",
        /// How she may be reached.
        SafeContact = "safe_contact",
        /// A warning about an injury.
        InjuryWarning = "injury_warning",
        /// What kind of incident.
        IncidentType = "incident_type",
        /// When.
        IncidentWhen = "incident_when",
        /// A danger to staff.
        StaffAlert = "staff_alert",
        /// Her first name.
        FirstName = "first_name",
        /// Her number.
        Phone = "phone",
        /// Where to fetch her from.
        PickupPlace = "pickup_place",
    }
}
codes! {
    /// What happens when the line drops.
    pub enum DroppedCall {
        /// She calls again.
        SheCalls = "she_calls",
        /// The hotline calls, inside her windows.
        WeCallInWindow = "we_call_in_window",
        /// Nothing.
        DoNothing = "do_nothing",
    }
}
codes! {
    /// Days of the week.
    pub enum Weekday {
        /// Monday.
        Mon = "mon",
        /// Tuesday.
        Tue = "tue",
        /// Wednesday.
        Wed = "wed",
        /// Thursday.
        Thu = "thu",
        /// Friday.
        Fri = "fri",
        /// Saturday.
        Sat = "sat",
        /// Sunday.
        Sun = "sun",
    }
}
