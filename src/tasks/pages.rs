//! Paging the coordinators on duty.

use crate::error::Result;
use crate::notifications::{self, Channel, GIVE_UP_AFTER, Letter, Promise};
use crate::storage::Tx;

/// [`page_but`], with nobody to be spared.
pub fn page(tx: &mut Tx<'_>, subject: (&str, &str), letter: (&str, i32)) -> Result<()> {
    page_but(tx, &[], subject, letter)
}

/// Promises a neutral letter about a reference, in an edition of its own each time, to every address
/// of `[oversight] page` but those of these staff numbers, in the house's first language. Without an address
/// the step says that nobody was paged.
pub fn page_but(
    tx: &mut Tx<'_>,
    spared: &[String],
    subject: (&str, &str),
    (reference, edition): (&str, i32),
) -> Result<()> {
    let config = tx.setting.config.clone();
    let language = config.place.languages.first().map_or("", String::as_str);
    let is_spared = |whose: Option<&str>| spared.iter().any(|number| Some(number.as_str()) == whose);
    let mut paged = "nobody_to_page";
    for (place, (_, address)) in config.oversight.pagers().enumerate().filter(|(_, (whose, _))| !is_spared(*whose)) {
        let promise = Promise {
            referral_id: None,
            service_id: None,
            // One letter for each thing and address, however often it is promised.
            endpoint_id: format!("{reference}/{place}"),
            channel: Channel::Email,
            address: address.to_owned(),
            kind: "page".to_owned(),
            revision: edition,
            urgent: true,
            letter: Letter::notice(language, reference),
            give_up_after: GIVE_UP_AFTER,
        };
        notifications::promise(tx, &promise)?;
        paged = "paged";
    }
    tx.step(subject, paged, None)
}
