//! The second factor: six digits from an app on one's own phone (TOTP, RFC 6238: SHA-1, 30
//! seconds), each good for one sign-in.
//!
//! The app's clock may be a step early or late. A step that was used, and all before it, are spent:
//! whoever reads the digits over a shoulder is too late.

use totp_rs::{Algorithm, Builder, Secret};

use crate::clock::{Instant, SECOND};
use crate::error::{Error, Result};
use crate::storage::random_bytes;
use crate::vault::{Sensitive, Vault};

const STEP_SECONDS: i64 = 30;
const BYTES: usize = 20;

/// A new secret of 160 bits.
///
/// # Errors
/// 503 when the operating system gives no random bytes.
pub fn draw() -> Result<Sensitive<Vec<u8>>> {
    Ok(Sensitive::from(random_bytes::<BYTES>()?.to_vec()))
}

/// As it is typed into the app: base32.
pub fn spelled(secret: &Sensitive<Vec<u8>>) -> Sensitive<String> {
    Sensitive::from(Secret::from(secret.reveal().clone()).to_base32())
}

/// As it is stored, for this member of staff only.
///
/// # Errors
/// 503 when the operating system gives no random bytes.
pub fn seal(vault: &Vault, staff_id: &str, secret: &Sensitive<Vec<u8>>) -> Result<Vec<u8>> {
    vault.seal_secret(&label(staff_id), secret.reveal()).map_err(|_| Error::Unavailable)
}

/// The step this code belongs to, if it is right at `now` and later than the last one used.
///
/// # Errors
/// 500 when what is stored is not what was sealed.
pub fn step_of(
    vault: &Vault,
    (staff_id, sealed): (&str, &[u8]),
    code: &str,
    now: Instant,
    last_step: i64,
) -> Result<Option<i64>> {
    let secret =
        vault.open_secret(&label(staff_id), sealed).map_err(|_| Error::Internal("a second factor cannot be opened"))?;
    let current = now.0.div_euclid(STEP_SECONDS * SECOND);
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(0)
        .with_step_duration(STEP_SECONDS.unsigned_abs())
        .with_secret(Secret::from(secret.reveal().clone()))
        .build()
        .map_err(|_| Error::Internal("a second factor is too short"))?;
    let mut open = (current - 1..=current + 1).filter(|step| *step > last_step);
    Ok(open.find(|step| {
        u64::try_from(step.saturating_mul(STEP_SECONDS)).is_ok_and(|seconds| totp.check(code, seconds).is_some())
    }))
}

fn label(staff_id: &str) -> String {
    format!("staff.totp/{staff_id}")
}
