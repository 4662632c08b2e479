//! The code a service's focal point opens referrals with. It is drawn here, once two people want it:
//! with the link alone a letter opens nothing, so nobody alone may hand the other half to somebody.

use super::model::{Service, writes};
use super::{expect_version, find_service, service_by_id};
use crate::error::{Error, Result};
use crate::storage::{Tx, random_bytes};
use crate::vault::{Purpose, Vault};

/// Six random digits, all as good as equally likely.
pub fn draw_code() -> Result<String> {
    let number = u64::from_be_bytes(random_bytes()?) % 1_000_000;
    Ok(format!("{number:06}"))
}

/// The keyed hash of a service's code, as it is stored.
pub fn code_mac(vault: &Vault, service_id: &str, code: &str) -> String {
    let mac = vault.mac(Purpose::PartnerCode, &[service_id.as_bytes(), code.trim().as_bytes()]);
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sets the code a service's focal point opens referrals with, as a keyed hash. Errors: 404.
pub fn set_partner_code(tx: &mut Tx<'_>, service_id: &str, mac: &str) -> Result<()> {
    writes::write_partner_code(tx.db, service_id, mac)?;
    tx.step(("service", service_id), "partner_code_set", None)?;
    let reference = service_by_id(tx.db, service_id)?.reference;
    tx.trail("services.set_partner_code", ("service", &reference), None)
}

/// Asks for a new code. The old one opens until somebody else agrees. Errors: 404, 412.
pub fn want_code(tx: &mut Tx<'_>, reference: &str, seen: i32) -> Result<Service> {
    let service = find_service(tx.db, reference)?;
    expect_version(service.version, seen)?;
    let me = tx.by.staff_id()?.to_owned();
    writes::want_partner_code(tx.db, &service.id, &me)?;
    writes::next_version(tx, &service)?;
    tx.step(("service", &service.id), "partner_code_wanted", None)?;
    tx.trail("services.want_partner_code", ("service", &service.reference), None)?;
    service_by_id(tx.db, &service.id)
}

/// Draws the new code that somebody else asked for; from now on the old one opens nothing. Errors: 404;
/// 409 `nothing_to_confirm`, `second_person_needed` for whoever asked; 412.
pub fn renew_code(tx: &mut Tx<'_>, reference: &str, seen: i32) -> Result<(Service, String)> {
    let service = find_service(tx.db, reference)?;
    expect_version(service.version, seen)?;
    match &service.partner_code_wanted_by {
        None => return Err(Error::conflict("nothing_to_confirm")),
        Some(by) if by == tx.by.staff_id()? => return Err(Error::conflict("second_person_needed")),
        Some(_) => {}
    }
    let code = draw_code()?;
    let mac = code_mac(&tx.setting.vault, &service.id, &code);
    set_partner_code(tx, &service.id, &mac)?;
    writes::next_version(tx, &service)?;
    Ok((service_by_id(tx.db, &service.id)?, code))
}
