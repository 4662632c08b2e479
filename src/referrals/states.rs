//! The state table of a referral, as data: a move that is not in it does not exist.

use crate::access::Role;
pub use crate::cases::codes::CloseReason;
use crate::error::{Error, Result};
use crate::storage::codes;

codes! {
    /// Where a referral stands. Names follow HL7 FHIR Task.
    pub enum State {
        /// Issued; the partner has been promised a letter.
        Requested = "requested",
        /// Somebody at the partner said that they have seen it.
        Received = "received",
        /// The partner will help; a place is taken.
        Accepted = "accepted",
        /// The first real contact between service and survivor happened.
        InProgress = "in_progress",
        /// Help was received.
        Completed = "completed",
        /// It could not be given.
        Failed = "failed",
        /// Called off.
        Cancelled = "cancelled",
    }
}

impl State {
    /// Those in which something is still expected of somebody. One need has at most one such
    /// referral.
    pub const LIVE: [State; 4] = [State::Requested, State::Received, State::Accepted, State::InProgress];

    /// True while something is still expected of somebody.
    pub fn is_live(self) -> bool {
        Self::LIVE.contains(&self)
    }
}

codes! {
    /// What can be done with a referral.
    pub enum Move {
        Acknowledge = "acknowledge",
        Accept = "accept",
        Decline = "decline",
        /// She knows where to come, when, and the word at the door.
        Told = "told",
        Start = "start",
        Complete = "complete",
        Fail = "fail",
        HandBack = "hand_back",
        Cancel = "cancel",
        /// The next service she named is asked, because this one stays silent.
        Reroute = "reroute",
        /// A failed one is tried again.
        Reopen = "reopen",
    }
}

codes! {
    /// Why a service does not take it, or gives it back.
    pub enum DeclineReason {
        NoCapacity = "no_capacity",
        OutOfArea = "out_of_area",
        NotEligible = "not_eligible",
        OutsideHours = "outside_hours",
        ConflictOfInterest = "conflict_of_interest",
        CannotProvide = "cannot_provide",
        Other = "other",
    }
}

codes! {
    /// Why help could not be given.
    pub enum FailReason {
        NotReached = "not_reached",
        UnsafeToContact = "unsafe_to_contact",
        NoShow = "no_show",
        LeftArea = "left_area",
        ServiceUnavailable = "service_unavailable",
        Other = "other",
    }
}

codes! {
    /// Why it was called off.
    pub enum CancelReason {
        SurvivorDeclined = "survivor_declined",
        ConsentWithdrawn = "consent_withdrawn",
        Duplicate = "duplicate",
        EnteredInError = "entered_in_error",
        NeedMetElsewhere = "need_met_elsewhere",
        Died = "died",
        Other = "other",
    }
}

/// The table: from where, by which move, to where.
pub const TABLE: &[(State, Move, State)] = &[
    (State::Requested, Move::Acknowledge, State::Received),
    (State::Requested, Move::Accept, State::Accepted),
    (State::Requested, Move::Decline, State::Requested),
    (State::Requested, Move::Reroute, State::Requested),
    (State::Requested, Move::Cancel, State::Cancelled),
    (State::Received, Move::Accept, State::Accepted),
    (State::Received, Move::Decline, State::Requested),
    (State::Received, Move::Reroute, State::Requested),
    (State::Received, Move::Cancel, State::Cancelled),
    (State::Accepted, Move::Told, State::Accepted),
    (State::Accepted, Move::Start, State::InProgress),
    (State::Accepted, Move::Fail, State::Failed),
    (State::Accepted, Move::HandBack, State::Requested),
    (State::Accepted, Move::Cancel, State::Cancelled),
    (State::InProgress, Move::Complete, State::Completed),
    (State::InProgress, Move::Fail, State::Failed),
    (State::InProgress, Move::HandBack, State::Requested),
    (State::InProgress, Move::Cancel, State::Cancelled),
    (State::Failed, Move::Reopen, State::Requested),
];

/// Who may make which move. Staff of the hotline record what a partner says by phone.
const HANDS: &[(Move, &[Role])] = &[
    (Move::Acknowledge, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Accept, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Decline, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Told, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Start, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Complete, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Fail, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::HandBack, &[Role::Partner, Role::Counselor, Role::Coordinator]),
    (Move::Cancel, &[Role::Counselor, Role::Coordinator]),
    (Move::Reroute, &[Role::Counselor, Role::Coordinator]),
    (Move::Reopen, &[Role::Coordinator]),
];

impl Move {
    /// Where it leads. `None` where the table has no such move.
    pub fn from(self, state: State) -> Option<State> {
        TABLE.iter().find(|(from, by, _)| *from == state && *by == self).map(|(_, _, to)| *to)
    }

    /// Errors: 403 where this is never for that role.
    pub fn is_for(self, role: Role) -> Result<()> {
        let may = HANDS.iter().any(|(known, roles)| *known == self && roles.contains(&role));
        if may { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// What the step is called once it is made; response times read these.
    pub fn step(self) -> &'static str {
        match self {
            Move::Acknowledge => "received",
            Move::Accept => "accepted",
            Move::Decline => "declined",
            Move::Told => "told",
            Move::Start => "in_progress",
            Move::Complete => "completed",
            Move::Fail => "failed",
            Move::HandBack => "handed_back",
            Move::Cancel => "cancelled",
            Move::Reroute => "rerouted",
            Move::Reopen => "reopened",
        }
    }
}

/// True for a step of a referral that the service asked may hear of: that it is asked, and every move. What
/// the hotline does because nobody answers, and what she herself says of the help, is not for them.
pub fn is_for_partners(step: &str) -> bool {
    matches!(step, "issued" | "asked") || Move::ALL.iter().any(|mv| mv.step() == step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3-domain's table once more, by hand: state, then the moves it has and where they lead.
    const WRITTEN: &[(&str, &[(&str, &str)])] = &[
        (
            "requested",
            &[
                ("acknowledge", "received"),
                ("accept", "accepted"),
                ("decline", "requested"),
                ("reroute", "requested"),
                ("cancel", "cancelled"),
            ],
        ),
        (
            "received",
            &[("accept", "accepted"), ("decline", "requested"), ("reroute", "requested"), ("cancel", "cancelled")],
        ),
        (
            "accepted",
            &[
                ("told", "accepted"),
                ("start", "in_progress"),
                ("fail", "failed"),
                ("hand_back", "requested"),
                ("cancel", "cancelled"),
            ],
        ),
        (
            "in_progress",
            &[("complete", "completed"), ("fail", "failed"), ("hand_back", "requested"), ("cancel", "cancelled")],
        ),
        ("completed", &[]),
        ("failed", &[("reopen", "requested")]),
        ("cancelled", &[]),
    ];

    #[test]
    fn every_state_has_exactly_the_moves_that_are_written_down() {
        for state in State::ALL {
            let (_, moves) = WRITTEN.iter().find(|(code, _)| *code == state.code()).unwrap();
            for mv in Move::ALL {
                let expected = moves.iter().find(|(code, _)| *code == mv.code()).map(|(_, to)| *to);
                assert_eq!(mv.from(*state).map(State::code), expected, "{state} by {mv}");
            }
        }
    }

    #[test]
    fn an_ended_referral_moves_only_by_a_coordinator() {
        for (state, mv, _) in TABLE.iter().filter(|(from, _, _)| !from.is_live()) {
            assert_eq!((*state, *mv), (State::Failed, Move::Reopen));
        }
        for role in Role::ALL {
            assert_eq!(Move::Reopen.is_for(*role).is_ok(), *role == Role::Coordinator);
        }
    }

    #[test]
    fn nobody_outside_the_work_moves_anything_and_no_partner_calls_it_off() {
        for mv in Move::ALL {
            for role in [Role::Operator, Role::Admin, Role::Auditor] {
                assert!(mv.is_for(role).is_err(), "{mv} by {role}");
            }
        }
        assert!(Move::Cancel.is_for(Role::Partner).is_err() && Move::Reroute.is_for(Role::Partner).is_err());
    }
}
