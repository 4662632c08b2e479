//! Tickets and referrals: from what she said yes to on a call, to help received.
//!
//! When a call ends with needs that others can meet, the operator *issues a ticket*. It holds one
//! *referral* for each need. A referral asks one service at a time, and only services that she said
//! yes to by name, in her order; each is shown only what she agreed to show it. The letter to the
//! first service is promised in the same moment, so it never waits for anybody here. It says that
//! something waits and how soon, and nothing else.
//!
//! A counselor *claims* the ticket from the *queue* and stays with it. A claim is held while there
//! is work and returns to the queue when there is none, so no ticket lies with somebody who went
//! home. Of two who claim at once, one gets it and the other is told who.
//!
//! The partner says "seen", then "yes" or "no". A "no" asks the next service she named; when none
//! is left, the referral is *unroutable* until she has been asked again. A "yes" takes one place,
//! and the last place is given once. Then she is told where and when to come and which word she will
//! say at the door; help begins, and is given, or fails. What can follow what stands in one table
//! ([`states::TABLE`]); nothing else happens. Every move has its time, its actor and its row in the
//! trail.
//!
//! The verbs: [`match`](preview::preview), [`issue`](issue::issue), [`claim`](claim::claim),
//! [`release`](claim::release), [`assign`](claim::assign), [`note`](claim::note),
//! [`close`](claim::close), [`make`](moves::make) a move,
//! [`consent_withdrawn`](moves::consent_withdrawn), [`follow`] a level, [`list`](queue::list) a queue;
//! for her whole case, those of [`casework`]; for who takes up a ticket, those of [`people`]; and for
//! partners without an account, those of [`partner`].

mod afterwards;
pub mod api;
mod asking;
pub mod casework;
pub mod claim;
pub mod clocks;
pub mod emergency;
pub mod escalation;
mod follow;
pub mod issue;
pub mod letter;
pub mod matching;
pub mod model;
pub mod moves;
mod notices;
pub mod partner;
pub mod people;
pub mod preview;
pub mod queue;
pub mod states;
pub mod views;

pub use afterwards::heard_from_her;
pub use follow::follow;
