//! The closed lists of a contact, as 3-domain names them (GBVIMS codes where those exist).

mod incident;
mod person;

pub use incident::{
    Abduction, Bracket, Context, ElapsedBand, FamilySide, GbvType, LegalAction, LocationType, PerpetratorRole,
    Position, Practice, Precision, ReferredFrom, Relationship, ReportedElsewhere, TimeOfDay,
};
pub use person::{AgeBand, Disability, DisplacementStage, DisplacementStatus, MaritalStatus, Sex, Unaccompanied};

use crate::storage::codes;

codes! {
    /// What kind of contact it was. The first two are counted as data; any may be triaged.
    pub enum Kind {
        /// Help for somebody hurt or in danger.
        Support = "support",
        /// A question; no danger form, one safety question.
        Information = "information",
        /// Nobody spoke. May be her with him beside her.
        Silent = "silent",
        /// Ended before a word.
        HangUp = "hang_up",
        /// Meant for somebody else, or so it was said.
        WrongNumber = "wrong_number",
        /// Not meant.
        Prank = "prank",
        /// Meant to hurt the operator.
        Abusive = "abusive",
        /// Our own.
        Test = "test",
    }
}
codes! {
    /// Whether it can still be edited freely.
    pub enum Status {
        /// Being written; every change is saved.
        Draft = "draft",
        /// Changes only by amendment.
        Finished = "finished",
    }
}
codes! {
    /// How it reached the hotline.
    pub enum Channel {
        /// A call.
        Phone = "phone",
        /// Text messages.
        Sms = "sms",
        /// A chat.
        Chat = "chat",
        /// At the door.
        WalkIn = "walk_in",
        /// Staff went out.
        Outreach = "outreach",
        /// Another way.
        Other = "other",
    }
}
codes! {
    /// Who reached for whom.
    pub enum Direction {
        /// She or somebody called.
        Inbound = "inbound",
        /// The hotline called, inside her terms.
        Outbound = "outbound",
    }
}
codes! {
    /// Who speaks.
    pub enum CallerRole {
        /// The person it happened to.
        Survivor = "survivor",
        /// Her family.
        Family = "family",
        /// A friend or neighbour.
        FriendNeighbour = "friend_neighbour",
        /// Somebody in their work.
        Professional = "professional",
        /// The one who does it.
        Perpetrator = "perpetrator",
        /// Somebody else.
        Other = "other",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// The language she is most at home in.
    pub enum Language {
        /// Turkmen.
        Tk = "tk",
        /// Russian.
        Ru = "ru",
        /// English.
        En = "en",
        /// Uzbek.
        Uz = "uz",
        /// A sign language.
        Sign = "sign",
        /// Another.
        Other = "other",
    }
}
codes! {
    /// Whose voice she wants to hear.
    pub enum Voice {
        /// A woman's only.
        WomanOnly = "woman_only",
    }
}
codes! {
    /// An answer to a plain question. Absent means not asked, which is not the same as unknown.
    pub enum Tri {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// Asked, and not known.
        Unknown = "unknown",
    }
}
codes! {
    /// What she wants. `only_to_be_heard` is a full outcome, never a failure.
    pub enum Wish {
        /// A doctor.
        Medical = "medical",
        /// Somebody to talk to.
        Psychosocial = "psychosocial",
        /// A safe place.
        SafeHouse = "safe_house",
        /// A lawyer.
        Legal = "legal",
        /// The police.
        Police = "police",
        /// Social support.
        SocialSupport = "social_support",
        /// Protection for a child.
        ChildProtection = "child_protection",
        /// Work, money, skills.
        Livelihoods = "livelihoods",
        /// School.
        Education = "education",
        /// A way to get there.
        Transport = "transport",
        /// Something else.
        Other = "other",
        /// Nothing but to be heard.
        OnlyToBeHeard = "only_to_be_heard",
    }
}
codes! {
    /// Why a finished contact is changed.
    pub enum AmendReason {
        /// It was written down wrong.
        Correction = "correction",
        /// More became known.
        NewInformation = "new_information",
        /// It was about somebody else.
        WrongPerson = "wrong_person",
        /// The classification was reviewed.
        Classification = "classification",
        /// Another reason.
        Other = "other",
    }
}
