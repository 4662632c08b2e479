//! Access tokens: what an API client shows with each request, for ten minutes at most.
//!
//! A token says which staff member, which session and which role, signed with an Ed25519 key that
//! this house alone has. It is worth nothing without its session: whoever takes a token also looks
//! the session up, so that ending the session ends every token made from it.
//!
//! jsonwebtoken signs and verifies; every other rule is ours, because the library's defaults accept
//! a token without `aud` or `iss`, ignore `typ` and `crit`, allow 60 seconds after `exp`, and ask
//! the machine for the time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::{Instant, SECOND};
use crate::error::{Error, Result};
use crate::storage::random_bytes;
use crate::vault::private_file::{self, PrivateFileError};

/// Who may have made it, and for whom. The key is one house's own, so the names need not be.
const ISSUER: &str = "goldaw";
const AUDIENCE: &str = "goldaw-api";
/// Explicit typing (RFC 9068): no other kind of signed document can pass for an access token.
const TYPE: &str = "at+jwt";
/// Ours have about 450 characters; nothing longer is even hashed.
const LONGEST: usize = 1024;
/// Longest value of `sub`, `sid` and `role`.
const LONGEST_NAME: usize = 64;
/// No token lives longer, whatever its signed `exp` says.
const LONGEST_LIFE: i64 = 10 * 60;
/// Two machines of one house may differ by this many seconds in what they call now.
const EARLY: i64 = 2;
/// Verified tokens remembered: far more than there are seats, and under 2 MB.
const REMEMBERED: usize = 4096;

/// The key pair of the house and the tokens it has verified lately. One for the whole program.
pub struct TokenKey {
    signing: EncodingKey,
    verifying: DecodingKey,
    header: Header,
    /// The header as it stands in every token of ours, with the dot after it.
    prefix: String,
    rules: Validation,
    verified: Mutex<HashMap<[u8; 32], Remembered>>,
}

/// For whom a token is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// The staff member's reference.
    pub sub: &'a str,
    /// The session's key, which is a reference.
    pub sid: &'a str,
    /// The role's code at this moment; the staff row has the last word on it.
    pub role: &'a str,
}

/// What a genuine token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The staff member's reference.
    pub sub: String,
    /// The session's key. It may have ended since: look it up.
    pub sid: String,
    /// The role's code when the token was made.
    pub role: String,
    /// From this moment on the token is worth nothing.
    pub expires_at: Instant,
}

#[derive(Clone)]
struct Remembered {
    claims: Claims,
    not_before: i64,
}

/// The payload, exactly: a claim too few, too many or twice is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    role: String,
    jti: String,
    nbf: i64,
    exp: i64,
}

impl TokenKey {
    /// Reads the key file, making it first if there is none. Errors: a sentence for the person who
    /// started the program.
    pub fn load_or_create(path: &Path) -> Result<TokenKey, String> {
        match private_file::read(path) {
            Ok(pkcs8) => Self::from_pkcs8(&pkcs8),
            Err(PrivateFileError::Missing(_)) => {
                let fresh = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| "token key: the operating system gave no random bytes".to_owned())?;
                let fresh = Zeroizing::new(fresh.as_ref().to_vec());
                match private_file::create(path, &fresh) {
                    Ok(()) => Self::from_pkcs8(&fresh),
                    // Another process of this house was first: theirs is the key.
                    Err(PrivateFileError::AlreadyThere(_)) => {
                        private_file::read(path).map_err(told).and_then(|pkcs8| Self::from_pkcs8(&pkcs8))
                    }
                    Err(error) => Err(told(error)),
                }
            }
            Err(error) => Err(told(error)),
        }
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<TokenKey, String> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| "token key: the file is damaged".to_owned())?;
        let public = pair.public_key().as_ref();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(fingerprint(public));
        let mut rules = Validation::new(Algorithm::EdDSA);
        // The claims are checked here, against the Clock, not by the library.
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let mut key = TokenKey {
            signing: EncodingKey::from_ed_der(pkcs8),
            verifying: DecodingKey::from_ed_der(public),
            header,
            prefix: String::new(),
            rules,
            verified: Mutex::new(HashMap::new()),
        };
        let sample = key.sign(&()).map_err(|_| "token key: it does not sign".to_owned())?;
        key.prefix = sample.split_inclusive('.').next().unwrap_or_default().to_owned();
        Ok(key)
    }

    /// A token for this bearer that lives `minutes` from `now`: 1 at least, 10 at most.
    ///
    /// # Errors
    /// 503 when the operating system gives no random bytes.
    pub fn mint(&self, bearer: Bearer<'_>, now: Instant, minutes: i64) -> Result<String> {
        let from = seconds(now);
        self.sign(&Payload {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: bearer.sub.to_owned(),
            sid: bearer.sid.to_owned(),
            role: bearer.role.to_owned(),
            jti: format!("{:032x}", u128::from_be_bytes(random_bytes()?)),
            nbf: from,
            exp: from.saturating_add((minutes.saturating_mul(60)).clamp(60, LONGEST_LIFE)),
        })
    }

    /// What the token says, if it is ours and `now` is within its life.
    ///
    /// # Errors
    /// 401, for every fault the same.
    pub fn verify(&self, token: &str, now: Instant) -> Result<Claims> {
        if token.len() > LONGEST {
            return Err(Error::SignedOut);
        }
        // A signature costs some 60 µs, a digest one or two; clients repeat one token for minutes.
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        let (genuine, fresh) = match known {
            Some(genuine) => (genuine, false),
            None => (self.genuine(token).ok_or(Error::SignedOut)?, true),
        };
        // Also for a remembered one: time has passed since.
        let alive = genuine.claims.expires_at > now && genuine.not_before <= seconds(now).saturating_add(EARLY);
        if !alive {
            return Err(Error::SignedOut);
        }
        if fresh {
            self.remember(digest, genuine.clone(), now);
        }
        Ok(genuine.claims)
    }

    /// Everything that does not depend on the time of day.
    fn genuine(&self, token: &str) -> Option<Remembered> {
        // The header is compared whole, as bytes: `alg`, `typ` and `kid` are exactly ours, and there
        // is no room for `crit`, `jwk`, `b64` or anything else somebody might learn to obey.
        if !token.starts_with(&self.prefix) {
            return None;
        }
        let told: Payload = jsonwebtoken::decode(token, &self.verifying, &self.rules).ok()?.claims;
        let named = [&told.sub, &told.sid, &told.role].iter().all(|name| (1..=LONGEST_NAME).contains(&name.len()));
        let unique = told.jti.len() == 32 && told.jti.bytes().all(|b| b.is_ascii_hexdigit());
        let life = told.exp.checked_sub(told.nbf)?;
        let sound = told.iss == ISSUER
            && told.aud == AUDIENCE
            && named
            && unique
            && told.nbf > 0
            && (1..=LONGEST_LIFE).contains(&life);
        sound.then(|| Remembered {
            not_before: told.nbf,
            claims: Claims {
                sub: told.sub,
                sid: told.sid,
                role: told.role,
                expires_at: Instant(told.exp.saturating_mul(SECOND)),
            },
        })
    }

    fn remember(&self, digest: [u8; 32], genuine: Remembered, now: Instant) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED {
            verified.retain(|_, kept| kept.claims.expires_at > now);
        }
        // Still full: forgetting only costs signatures.
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, genuine);
    }

    fn sign(&self, payload: &impl Serialize) -> Result<String> {
        jsonwebtoken::encode(&self.header, payload, &self.signing)
            .map_err(|_| Error::Internal("a token was not signed"))
    }
}

/// Whole seconds since 1970, rounded down.
fn seconds(at: Instant) -> i64 {
    at.0.div_euclid(SECOND)
}

/// 64 bits that tell one public key from another.
fn fingerprint(public: &[u8]) -> String {
    Sha256::digest(public).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn told(error: PrivateFileError) -> String {
    format!("token key: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::os::unix::fs::PermissionsExt;

    const NOW: Instant = Instant(1_795_340_000 * SECOND);
    const ANNA: Bearer<'static> = Bearer { sub: "S-ANNA", sid: "N-1", role: "operator" };

    fn key() -> TokenKey {
        let folder = tempfile::tempdir().unwrap();
        TokenKey::load_or_create(&folder.path().join("token.key")).unwrap()
    }

    fn claims() -> Value {
        let from = seconds(NOW);
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "S-ANNA", "sid": "N-1", "role": "operator",
               "jti": "00112233445566778899aabbccddeeff", "nbf": from, "exp": from + 600})
    }

    fn refused(key: &TokenKey, token: &str, why: &str) {
        assert!(matches!(key.verify(token, NOW), Err(Error::SignedOut)), "accepted: {why}");
    }

    /// Signed with the right key, so that only the change itself can be why it is refused.
    fn with_header(key: &TokenKey, change: impl FnOnce(&mut Header)) -> String {
        let mut header = key.header.clone();
        change(&mut header);
        jsonwebtoken::encode(&header, &claims(), &key.signing).unwrap()
    }

    #[test]
    fn a_token_says_what_it_was_made_for_until_it_expires() {
        let key = key();
        let token = key.mint(ANNA, NOW, 10).unwrap();
        let told = key.verify(&token, NOW).unwrap();
        assert_eq!((told.sub.as_str(), told.sid.as_str(), told.role.as_str()), ("S-ANNA", "N-1", "operator"));
        assert_eq!(told.expires_at, NOW.plus(600 * SECOND));
        assert_eq!(key.verify(&token, NOW.plus(600 * SECOND - 1)).unwrap(), told);
        // Remembered by now, and refused all the same, to the microsecond.
        assert!(key.verify(&token, NOW.plus(600 * SECOND)).is_err());
        assert!(key.verify(&token, NOW.plus(-3 * SECOND)).is_err());
        assert!(key.verify(&token, NOW.plus(-2 * SECOND)).is_ok());
        assert_ne!(token, key.mint(ANNA, NOW, 10).unwrap());
    }

    #[test]
    fn no_token_lives_longer_than_ten_minutes() {
        let key = key();
        let told = key.verify(&key.mint(ANNA, NOW, 600).unwrap(), NOW).unwrap();
        assert_eq!(told.expires_at, NOW.plus(600 * SECOND));
    }

    #[test]
    fn a_header_that_is_not_exactly_ours_is_refused() {
        let key = key();
        assert!(key.verify(&with_header(&key, |_| ()), NOW).is_ok());
        type Change = fn(&mut Header);
        let changes: [(&str, Change); 8] = [
            ("typ JWT", |h| h.typ = Some("JWT".into())),
            ("no typ", |h| h.typ = None),
            ("another kid", |h| h.kid = Some("0123456789abcdef".into())),
            ("no kid", |h| h.kid = None),
            ("crit", |h| h.crit = Some(vec!["exp".into()])),
            ("empty crit", |h| h.crit = Some(vec![])),
            ("jku", |h| h.jku = Some("https://example.org".into())),
            ("b64", |h| h.extras.insert("b64", false)),
        ];
        for (why, change) in changes {
            refused(&key, &with_header(&key, change), why);
        }
    }

    #[test]
    fn another_algorithm_is_refused() {
        let key = key();
        let good = key.mint(ANNA, NOW, 10).unwrap();
        let payload = good.split('.').nth(1).unwrap();
        // {"typ":"at+jwt","alg":"none"}
        for alg_none in ["eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0", "eyJhbGciOiJub25lIn0"] {
            refused(&key, &format!("{alg_none}.{payload}."), "alg none");
        }
        // The classic: the public key, which is no secret, used as a shared secret.
        let public = key.verifying.try_get_as_bytes().unwrap();
        let mut header = key.header.clone();
        header.alg = Algorithm::HS256;
        let forged = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(public)).unwrap();
        refused(&key, &forged, "HS256");
        refused(&key, &with_parts(&good, 2, ""), "no signature");
    }

    #[test]
    fn a_token_of_another_house_is_refused_even_under_our_header() {
        let (ours, theirs) = (key(), key());
        refused(&ours, &theirs.mint(ANNA, NOW, 10).unwrap(), "another house");
        let forged = jsonwebtoken::encode(&ours.header, &claims(), &theirs.signing).unwrap();
        refused(&ours, &forged, "another key under our kid");
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        let key = key();
        let sign = |claims: &Value| key.sign(claims).unwrap();
        assert!(key.verify(&sign(&claims()), NOW).is_ok());
        for name in ["iss", "aud", "sub", "sid", "role", "jti", "nbf", "exp"] {
            let mut missing = claims();
            missing.as_object_mut().unwrap().remove(name);
            refused(&key, &sign(&missing), name);
            let mut empty = claims();
            empty[name] = json!("");
            refused(&key, &sign(&empty), name);
            let mut null = claims();
            null[name] = Value::Null;
            refused(&key, &sign(&null), name);
        }
        let from = seconds(NOW);
        for (name, value) in [
            ("iss", json!("other")),
            ("aud", json!("other")),
            ("aud", json!([AUDIENCE])),
            ("jti", json!("short")),
            ("sub", json!("x".repeat(65))),
            ("exp", json!(from)),
            ("exp", json!(from + 601)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(1e12)),
            ("nbf", json!(from + 3)),
            ("nbf", json!(i64::MIN)),
            ("admin", json!(true)),
        ] {
            let mut changed = claims();
            changed[name] = value.clone();
            refused(&key, &sign(&changed), &format!("{name} {value}"));
        }
    }

    /// Writes its members as they come, so that one name can come twice.
    struct Twice(Vec<(&'static str, Value)>);
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
            to.collect_map(
                claims()
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, v)| (k.as_str(), v))
                    .chain(self.0.iter().map(|(k, v)| (*k, v))),
            )
        }
    }

    #[test]
    fn a_claim_given_twice_is_refused() {
        let key = key();
        assert!(key.verify(&key.sign(&Twice(vec![])).unwrap(), NOW).is_ok());
        refused(&key, &key.sign(&Twice(vec![("role", json!("admin"))])).unwrap(), "role twice");
    }

    #[test]
    fn the_key_file_is_private_and_the_same_key_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.key");
        let token = TokenKey::load_or_create(&path).unwrap().mint(ANNA, NOW, 5).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        assert!(TokenKey::load_or_create(&path).unwrap().verify(&token, NOW).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(TokenKey::load_or_create(&path).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let key = key();
        for life in 0..(REMEMBERED as i64 + 10) {
            let claims = Claims { sub: "S".into(), sid: "N".into(), role: "r".into(), expires_at: NOW.plus(life + 1) };
            let digest = Sha256::digest(life.to_be_bytes()).into();
            key.remember(digest, Remembered { claims, not_before: 0 }, NOW);
        }
        assert!(key.verified.lock().unwrap().len() <= REMEMBERED);
    }

    fn with_parts(token: &str, part: usize, text: &str) -> String {
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[part] = text;
        parts.join(".")
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_is_accepted(text in "\\PC{0,200}") {
            prop_assert!(key_once().verify(&text, NOW).is_err());
        }

        #[test]
        fn no_parts_under_our_header_are_accepted(payload in "[A-Za-z0-9_=.-]{0,300}", signature in "[A-Za-z0-9_-]{0,100}") {
            let key = key_once();
            let forged = format!("{}{payload}.{signature}", key.prefix);
            prop_assert!(key.verify(&forged, NOW).is_err());
        }

        #[test]
        fn one_changed_character_is_refused(place in 0usize..2000, bit in 0u32..7) {
            let key = key_once();
            let good = key.mint(ANNA, NOW, 10).unwrap();
            let mut bytes = good.clone().into_bytes();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(key.verify(&good, NOW).is_ok());
            prop_assert!(key.verify(&changed, NOW).is_err());
        }
    }

    fn key_once() -> &'static TokenKey {
        static KEY: std::sync::OnceLock<TokenKey> = std::sync::OnceLock::new();
        KEY.get_or_init(key)
    }
}
