//! What stands before sign-in, beside the delay of each account: the line for hashing, a limit for
//! each address, and a count of names that nobody has.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::passphrase::Hashing;
use crate::clock::{Instant, MINUTE};
use crate::config::Staff;
use crate::error::{Error, Result};

/// Sign-ins a minute from one address, and at once: a whole shift behind one router may begin
/// together.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// Addresses remembered before those at rest are forgotten.
const ADDRESSES: usize = 10_000;

/// One for the whole program.
pub struct Door {
    /// Passphrase hashing and the line before it.
    pub hashing: Hashing,
    /// Runs on the machine's monotonic clock: setting the time back must not shut everybody out.
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    strangers: Mutex<Strangers>,
}

/// Failed sign-ins under names nobody has, since the last trail row about them.
#[derive(Default)]
struct Strangers {
    told_at: Option<Instant>,
    times: u32,
}

impl Door {
    /// Prepares sign-in; computes one hash. Errors: a sentence naming the key.
    pub fn new(settings: &Staff) -> Result<Door, String> {
        Ok(Door {
            hashing: Hashing::new(settings)?,
            addresses: RateLimiter::keyed(Quota::per_minute(A_MINUTE)),
            strangers: Mutex::default(),
        })
    }

    /// Counts an attempt from this address. This machine itself is not limited: behind a proxy that
    /// is not in `trusted_proxies` everybody would be one address.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub fn admit(&self, address: IpAddr) -> Result<()> {
        if address.is_loopback() {
            return Ok(());
        }
        if self.addresses.len() > ADDRESSES {
            self.addresses.retain_recent();
        }
        self.addresses.check_key(&household(address)).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Error::TooMany { retry_after: wait.as_secs().saturating_add(1) }
        })
    }

    /// Counts a stranger. Some count when a trail row is due: the first, then at most one a minute.
    pub(super) fn stranger(&self, now: Instant) -> Option<u32> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.times = strangers.times.saturating_add(1);
        if strangers.told_at.is_some_and(|told| (0..MINUTE).contains(&now.since(told))) {
            return None;
        }
        strangers.told_at = Some(now);
        Some(std::mem::take(&mut strangers.times))
    }
}

/// Where a request comes from: the peer, or, when that is a trusted proxy, the last address in
/// `X-Forwarded-For` that is not one too.
pub fn address(peer: IpAddr, forwarded: &str, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.to_canonical();
    for told in forwarded.rsplit(',') {
        if !trusted.contains(&address) {
            break;
        }
        // What cannot be read was not written by a proxy of ours; nothing before it counts either.
        let Ok(told) = told.trim().parse::<IpAddr>() else { break };
        address = told.to_canonical();
    }
    address
}

/// One line has a /64 of IPv6 addresses to choose from.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        let mut settings = crate::config::Config::defaults(std::path::Path::new("/tmp/x")).unwrap().staff;
        settings.hash_memory_kib = 64;
        Door::new(&settings).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_the_address() {
        let proxies = [ip("127.0.0.1"), ip("10.0.0.2")];
        for (peer, forwarded, expected) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("127.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("127.0.0.1", "198.51.100.7, nonsense", "127.0.0.1"),
            ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(address(ip(peer), forwarded, &proxies), ip(expected), "{peer} {forwarded}");
        }
    }

    #[test]
    fn an_address_may_try_thirty_times_at_once_and_others_are_not_disturbed() {
        let door = door();
        for _ in 0..30 {
            door.admit(ip("2001:db8::1")).unwrap();
        }
        assert!(matches!(door.admit(ip("2001:db8::2")), Err(Error::TooMany { retry_after: 1..=3 })));
        assert!(door.admit(ip("2001:db8:0:1::1")).is_ok());
        assert!((0..100).all(|_| door.admit(ip("127.0.0.1")).is_ok()));
    }

    #[test]
    fn strangers_are_counted_and_told_of_once_a_minute() {
        let door = door();
        let told: Vec<_> = (0..4).map(|n| door.stranger(Instant(n))).collect();
        assert_eq!(told, [Some(1), None, None, None]);
        assert_eq!(door.stranger(Instant(MINUTE)), Some(4));
    }
}
