//! The permissions and who has them: the one table to read.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::{Actor, Role};
use crate::error::Error;

/// Something a role may do.
pub trait Permission: 'static {
    /// Its name in the trail and in the matrix.
    const NAME: &'static str;
    /// Who has it.
    const ROLES: &'static [Role];
}

macro_rules! permissions {
    ($($(#[$meta:meta])* $name:ident = $code:literal for $($role:ident)+;)+) => {
        $($(#[$meta])* #[derive(Debug, Clone, Copy)] pub struct $name;
        impl Permission for $name {
            const NAME: &'static str = $code;
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        })+
    };
}

permissions! {
    /// Anything of one's own: session, passphrase.
    SignedIn = "signed_in" for Operator Counselor Coordinator Partner Admin Auditor;
    /// Hear what happens to what one may see.
    Listen = "events.listen" for Operator Counselor Coordinator Partner Admin;
    /// Open a call, change it, finish it.
    RecordContacts = "contacts.record" for Operator Counselor;
    /// Read calls; the verb decides which, and how much of each.
    ReadContacts = "contacts.read" for Operator Counselor Coordinator;
    /// Set a level beside that of the rules; a lower one is reviewed.
    SetLevels = "contacts.override" for Operator Counselor Coordinator;
    /// Read rules and try answers against them.
    ReadRules = "rules.read" for Operator Counselor Coordinator Admin Auditor;
    /// Approve rules that were proposed.
    PublishRules = "rules.publish" for Coordinator;
    /// Find a case again, by reference, code word or number.
    LookUpCases = "cases.look_up" for Operator Counselor;
    /// Read a case's file and write in it; the verb decides which.
    KeepCases = "cases.keep" for Operator Counselor;
    /// Merge two cases that are one woman's.
    MergeCases = "cases.merge" for Counselor;
    /// Read organisations, services and areas.
    ReadDirectory = "directory.read" for Operator Counselor Coordinator Partner Admin Auditor;
    /// Change them.
    WriteDirectory = "directory.write" for Coordinator;
    /// Say how many places are free.
    StateCapacity = "directory.capacity" for Coordinator Partner;
    /// Preview which services fit.
    MatchServices = "services.match" for Operator Counselor;
    /// Issue a ticket from a call.
    IssueTickets = "tickets.issue" for Operator Counselor;
    /// See queues and tickets; the verb decides how much.
    ReadTickets = "tickets.read" for Operator Counselor Coordinator;
    /// Claim a ticket, work on it, close it.
    WorkTickets = "tickets.work" for Counselor;
    /// Give a ticket to somebody.
    AssignTickets = "tickets.assign" for Coordinator;
    /// See who could take a ticket; the verb decides of which.
    SuggestHelpers = "tickets.suggest" for Counselor Coordinator;
    /// See a referral; the verb decides which.
    ReadReferrals = "referrals.read" for Operator Counselor Coordinator Partner;
    /// Move a referral; the state table decides which moves.
    MoveReferrals = "referrals.move" for Counselor Coordinator Partner;
    /// See the outbox, try again, cancel.
    KeepOutbox = "notifications.keep" for Coordinator Admin;
    /// See and settle what a person must do by a time.
    KeepTasks = "tasks.keep" for Operator Counselor Coordinator;
    /// See what a shift leaves open, and take it over.
    TakeOver = "handover.take" for Operator Counselor Coordinator;
    /// Look a second time at what somebody else decided.
    DecideReviews = "reviews.decide" for Coordinator;
    /// Complain of a service, of somebody or of the hotline.
    Complain = "complaints.make" for Operator Counselor Coordinator Admin Auditor;
    /// Read what others complain of.
    HearComplaints = "complaints.read" for Coordinator;
    /// Response times and counts.
    ReadReports = "reports.read" for Coordinator Auditor;
    /// Who did what.
    ReadTrail = "audit.read" for Coordinator Admin Auditor;
    /// When and where those who help are at work, and how much they carry.
    KeepDuty = "staff.duty" for Coordinator Admin;
    /// Staff accounts.
    ManageStaff = "staff.manage" for Admin;
}

/// Proof that the caller is signed in and has `P`. Made only by the route table, before anything
/// of the request's body is read.
pub struct Permit<P> {
    actor: Actor,
    of: PhantomData<P>,
}

/// The actor, once a route's guard has let it pass `P`.
pub(super) struct Passed<P> {
    pub(super) actor: Actor,
    pub(super) of: PhantomData<P>,
}

impl<P> Deref for Permit<P> {
    type Target = Actor;
    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl<P: Permission> FromRequest for Permit<P> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let passed = request.extensions_mut().remove::<Passed<P>>();
        ready(passed.map(|passed| Permit { actor: passed.actor, of: PhantomData }).ok_or(Error::SignedOut))
    }
}

/// For the few addresses anyone may ask: health, sign-in, a partner's link.
pub struct Open;

impl FromRequest for Open {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Open))
    }
}
