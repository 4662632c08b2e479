//! Paging the coordinators on duty.

use crate::cases;
use crate::error::Result;
use crate::identity;
use crate::notifications::{self, Channel, GIVE_UP_AFTER, Letter, Promise};
use crate::storage::Tx;

/// Promises a neutral letter about a reference, in an edition of its own each time, to every address
/// of `[oversight] page`, in the house's first language; but to none that is said to be of somebody who
/// must not know of the case it is about. Where that leaves no address the step says that nobody was
/// paged.
pub fn page(
    tx: &mut Tx<'_>,
    case_id: Option<&str>,
    subject: (&str, &str),
    (reference, edition): (&str, i32),
) -> Result<()> {
    let config = tx.setting.config.clone();
    let language = config.place.languages.first().map_or("", String::as_str);
    let spared = must_not_know(tx, case_id)?;
    let is_spared = |whose: Option<&str>| spared.iter().any(|number| Some(number.as_str()) == whose);
    let mut paged = "nobody_to_page";
    for (place, (_, address)) in config.oversight.pagers().enumerate().filter(|(_, (whose, _))| !is_spared(*whose)) {
        let promise = Promise {
            referral_id: None,
            case_id: case_id.map(str::to_owned),
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

/// The numbers of the staff who must not know of a case.
fn must_not_know(tx: &mut Tx<'_>, case_id: Option<&str>) -> Result<Vec<String>> {
    let blocked = case_id.map(|id| cases::blocked(tx.db, id)).transpose()?.unwrap_or_default();
    blocked.staff.iter().map(|id| identity::staff_number(tx.db, id)).collect()
}
