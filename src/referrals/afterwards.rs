//! After help has ended: she is asked how it went, and her own word is kept apart from the partner's.

use super::model::{self, Referral, Ticket};
use crate::cases;
use crate::clock::DAY;
use crate::error::Result;
use crate::storage::Tx;
use crate::tasks::task::Kind;
use crate::tasks::{self, About};

/// Has somebody ask her, `[tasks] feedback_days` from now, if she may be called: in the safe window on
/// or after that day. Where her terms end before it, the day moves towards today, but not to today.
/// Where there is none, nobody asks. Help ends once, so this is asked once.
pub(super) fn ask_her(tx: &mut Tx<'_>, ticket: &Ticket, referral: &Referral) -> Result<()> {
    let about = About {
        case_id: Some(&ticket.case_id),
        ticket_id: Some(&ticket.id),
        referral_id: Some(&referral.id),
        service_id: Some(&referral.service_id),
        level: Some(&referral.level),
        notification_id: None,
    };
    for days in (1..=tx.setting.config.tasks.feedback_days).rev() {
        let day = tx.now.plus(days * DAY);
        if cases::may_be_called_back(tx.db, &ticket.case_id, day)?
            && tasks::open_when_safe(tx, Kind::Feedback, about, day)?
        {
            break;
        }
    }
    Ok(())
}

/// Keeps what she herself said of whether help came. What a partner reported stays as it was.
pub fn heard_from_her(tx: &mut Tx<'_>, referral_id: &str, came: bool) -> Result<()> {
    let read = model::referral(tx.db, referral_id)?;
    let heard = Referral { help_confirmed: Some(came), ..read.clone() };
    model::save_referral(tx.db, &read, &heard)?;
    tx.step(("referral", referral_id), if came { "help_confirmed" } else { "help_denied" }, None)
}
