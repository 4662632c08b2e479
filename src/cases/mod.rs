//! One survivor's file, under a name that is not hers: who she is again when she calls again, how
//! she may be reached safely, what she agreed to, and who must not know.
//!
//! A case is found by its reference or by the code word she chose. A phone number alone gives only
//! "possible, verify the word", and nobody who calls is ever told whether somebody is known here.
//! What she said about reaching her is sealed under the case's own key; without such terms nobody
//! reaches out to her at all.
//!
//! A case is closed for a reason and opens again with her next contact. Two that turn out to be one
//! woman's are merged: the one that is kept has everything of both, and both references lead to it.

pub mod api;
pub mod codes;
pub mod consents;
mod ending;
mod file;
mod merging;
pub mod model;
pub mod phone;
pub mod safe_contact;
mod safety_plan;
pub mod view;

pub use consents::{ConsentForm, Heard, holds, may_be_called_back, record_consent, record_without_yes};
pub use ending::{close, resume};
pub use file::{
    Blocked, File, Found, LookUp, block, blocked, find_again, find_in, joinable, open, read, reference_of,
    remember_phone, set_safe_contact, set_safety_plan, terms,
};
pub use merging::unite;
pub use model::CaseRow;
pub use safe_contact::SafeContact;
pub use safety_plan::SafetyPlan;
