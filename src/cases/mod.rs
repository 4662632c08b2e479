//! One survivor's file, under a name that is not hers: who she is again when she calls again, how
//! she may be reached safely, what she agreed to, and who must not know.
//!
//! A case is found by its reference or by the code word she chose. A phone number alone gives only
//! "possible, verify the word", and nobody who calls is ever told whether somebody is known here.
//! What she said about reaching her is sealed under the case's own key; without such terms nobody
//! reaches out to her at all.

pub mod api;
pub mod codes;
pub mod consents;
mod file;
pub mod model;
pub mod phone;
pub mod safe_contact;

pub use consents::{ConsentForm, Heard, holds, record_consent};
pub use file::{
    Blocked, File, Found, LookUp, Party, block, blocked, find_again, find_in, joinable, open, read, reference_of,
    remember_phone, set_safe_contact, terms,
};
pub use model::CaseRow;
pub use safe_contact::SafeContact;
