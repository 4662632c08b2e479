//! What issuing leaves behind, and what it refuses.

use goldaw::clock::{HOUR, MINUTE};
use goldaw::error::Error;
use goldaw::referrals::states::State;

use super::{Desk, FIELDS, conflict, needs};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_yes_on_the_line_becomes_a_ticket_a_consent_for_each_name_and_one_letter,
    two_needs_for_the_same_help_are_refused_while_one_is_live,
    everything_wrong_with_the_needs_is_told_at_once_and_nothing_is_kept,
    somebody_else_s_call_is_not_there,
];

fn a_yes_on_the_line_becomes_a_ticket_a_consent_for_each_name_and_one_letter(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    let now = hotline.clock.now();
    assert_eq!(ticket.level, "critical");
    assert_eq!(ticket.claim_due, now.plus(5 * MINUTE));
    assert_eq!((referral.accept_due, referral.start_due), (now.plus(15 * MINUTE), now.plus(2 * HOUR)));
    assert_eq!((referral.state, &referral.service_id), (State::Requested, &desk.first.id));
    assert_eq!(hotline.count("consents"), 2);
    let letters = desk.letters(&referral);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].address, "first@example.org");
    assert!(letters[0].urgent && letters[0].letter.contains(&desk.hops(&referral)[0].partner_reference));
    assert!(!letters[0].letter.contains(&referral.reference), "the hotline's own reference stays here");
    assert_eq!(desk.steps(&referral.id), ["issued", "asked"]);
}

fn two_needs_for_the_same_help_are_refused_while_one_is_live(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    let contact = desk.read(|db| goldaw::contacts::model::by_id(db, &ticket.contact_id)).reference;
    let again = desk.issue(&contact, &needs("safe_house", &[&desk.second], FIELDS));
    assert_eq!(conflict(again), ("need_already_live", Some("safe_house".into())));
    assert!(desk.issue(&contact, &needs("medical", &[&desk.clinic], FIELDS)).is_ok());
}

fn everything_wrong_with_the_needs_is_told_at_once_and_nothing_is_kept(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let body = needs("safe_house", &[&desk.clinic, &desk.first, &desk.first], FIELDS)
        .replace("\"given\":true", "\"given\":false");
    let Err(Error::Invalid(problems)) = desk.issue(&desk.call(), &body) else { panic!("it was issued") };
    let told: Vec<_> = problems.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect();
    assert_eq!(
        told,
        [
            ("/needs/0/services/0", "other_type"),
            ("/needs/0/services/2", "named_twice"),
            ("/needs/0/consent/given", "consent_needed"),
        ]
    );
    for table in ["tickets", "referrals", "cases", "consents", "notifications"] {
        assert_eq!(hotline.count(table), 0, "{table}");
    }
}

fn somebody_else_s_call_is_not_there(hotline: &Hotline) {
    let mut desk = Desk::at(hotline);
    let contact = desk.call();
    desk.operator = super::hire(hotline, "op-08", goldaw::access::Role::Operator, None);
    let outcome = desk.issue(&contact, &needs("safe_house", &[&desk.first], FIELDS));
    assert!(matches!(outcome, Err(Error::NotFound)));
    assert_eq!(hotline.count("referrals"), 0);
}
