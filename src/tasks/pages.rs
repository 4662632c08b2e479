//! Paging the coordinators on duty.

use crate::error::Result;
use crate::notifications::{self, Channel, GIVE_UP_AFTER, Letter, Promise};
use crate::storage::Tx;

/// Promises a neutral letter about a reference, in an edition of its own each time, to every address
/// of `[oversight] page`, in the house's first language. `case_id` is that of the case it is about.
/// Without an address the step says that nobody was paged.
pub fn page(
    tx: &mut Tx<'_>,
    subject: (&str, &str),
    (reference, edition): (&str, i32),
    case_id: Option<&str>,
) -> Result<()> {
    let config = tx.setting.config.clone();
    let language = config.place.languages.first().map_or("", String::as_str);
    for (place, address) in config.oversight.page.iter().enumerate() {
        let promise = Promise {
            referral_id: None,
            case_id: case_id.map(str::to_owned),
            service_id: None,
            // One letter for each thing and address, however often it is promised.
            endpoint_id: format!("{reference}/{place}"),
            channel: Channel::Email,
            address: address.clone(),
            kind: "page".to_owned(),
            revision: edition,
            urgent: true,
            letter: Letter::notice(language, reference),
            give_up_after: GIVE_UP_AFTER,
        };
        notifications::promise(tx, &promise)?;
    }
    let paged = if config.oversight.page.is_empty() { "nobody_to_page" } else { "paged" };
    tx.step(subject, paged, None)
}
