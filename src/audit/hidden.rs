//! What the trail keeps from whoever must not know of a case. A row names a thing by its reference, so
//! whatever belongs to the case is looked for in every room that could have named it.

use diesel::prelude::*;

use crate::storage::Db;
use crate::storage::schema::{
    blocked_parties, cases, complaints, consents, contacts, notifications, referrals, reviews, tasks, tickets, trail,
};

type Query = trail::BoxedQuery<'static, <Db as Connection>::Backend>;

/// What is between the house and its auditor, because the row names nothing that it could be hidden with:
/// whether a call's number or word was known, and that a contact reports one event with another.
const FOR_AUDITORS: [&str; 2] = ["cases.look_up", "contacts.link"];

/// The cases that must not be seen by a member of staff, and those that were merged into them.
macro_rules! hidden_cases {
    ($staff:expr) => {{
        let blocked = blocked_parties::table
            .filter(blocked_parties::party_kind.eq("staff"))
            .filter(blocked_parties::party_id.eq($staff.to_owned()))
            .select(blocked_parties::case_id);
        let into_blocked = cases::merged_into.assume_not_null().eq_any(blocked.clone());
        cases::table.filter(cases::id.eq_any(blocked).or(cases::merged_into.is_not_null().and(into_blocked)))
    }};
}

/// Rows about nothing that is hidden from a member of staff, nor about a complaint of themselves.
pub(super) fn without(rows: Query, staff: &str) -> Query {
    let ids = hidden_cases!(staff).select(cases::id);
    let of_contacts = contacts::table.filter(contacts::case_id.assume_not_null().eq_any(ids.clone()));
    let of_tickets = tickets::table.filter(tickets::case_id.eq_any(ids.clone()));
    let of_referrals = referrals::table.filter(referrals::ticket_id.eq_any(of_tickets.clone().select(tickets::id)));
    let of_case = complaints::case_id.assume_not_null().eq_any(ids.clone());
    let of_complaints = complaints::table
        .filter(complaints::case_id.is_not_null().and(of_case).or(complaints::about_id.eq(staff.to_owned())));
    let of_reviews = reviews::table.filter(
        reviews::subject_id
            .eq_any(ids.clone())
            .or(reviews::subject_id.eq_any(of_contacts.clone().select(contacts::id)))
            .or(reviews::subject_id.eq_any(of_complaints.clone().select(complaints::id))),
    );
    let of_consents = consents::table.filter(consents::case_id.eq_any(ids.clone()));
    let of_tasks = tasks::table.filter(tasks::case_id.assume_not_null().eq_any(ids.clone()));
    let of_letters = notifications::table.filter(notifications::case_id.assume_not_null().eq_any(ids));
    rows.filter(trail::action.ne_all(FOR_AUDITORS))
        .filter(trail::subject.ne_all(hidden_cases!(staff).select(cases::reference)))
        .filter(trail::subject.ne_all(of_contacts.select(contacts::reference)))
        .filter(trail::subject.ne_all(of_tickets.select(tickets::reference)))
        .filter(trail::subject.ne_all(of_referrals.select(referrals::reference)))
        .filter(trail::subject.ne_all(of_complaints.select(complaints::reference)))
        .filter(trail::subject.ne_all(of_reviews.select(reviews::reference)))
        .filter(trail::subject.ne_all(of_consents.select(consents::reference)))
        .filter(trail::subject.ne_all(of_tasks.select(tasks::reference)))
        .filter(trail::subject.ne_all(of_letters.select(notifications::reference)))
}
