use std::collections::HashSet;

use super::super::blind::authenticate;
use super::super::material::Material;
use super::super::{BlindField, Purpose};
use super::*;

const NUMBER: &str = "+99365000000";

#[test]
fn a_number_is_found_again_in_its_own_field_only() {
    let (vault, _) = vault();
    assert_eq!(vault.blind_index(BlindField::PersonPhone, NUMBER), vault.blind_index(BlindField::PersonPhone, NUMBER));
    let fields: HashSet<String> = BlindField::ALL.iter().map(|field| vault.blind_index(*field, NUMBER)).collect();
    assert_eq!(fields.len(), BlindField::ALL.len());
}

#[test]
fn another_house_indexes_the_same_number_differently() {
    let index = || vault().0.blind_index(BlindField::PersonPhone, NUMBER);
    assert_ne!(index(), index());
}

#[test]
fn a_proof_holds_for_its_purpose_and_parts_only() {
    let (vault, _) = vault();
    let proof = vault.mac(Purpose::Cursor, &[b"ab", b"c"]);
    assert_eq!(vault.verify_mac(Purpose::Cursor, &[b"ab", b"c"], &proof), Ok(()));
    let refused = Err(VaultError::Tampered);
    assert_eq!(vault.verify_mac(Purpose::Cursor, &[b"a", b"bc"], &proof), refused);
    assert_eq!(vault.verify_mac(Purpose::Cursor, &[b"abc"], &proof), refused);
    assert_eq!(vault.verify_mac(Purpose::Session, &[b"ab", b"c"], &proof), refused);
    assert_eq!(vault.verify_mac(Purpose::Cursor, &[b"ab", b"c"], &proof[..31]), refused);
    assert_eq!(vault.verify_mac(Purpose::Cursor, &[b"ab", b"c"], b""), refused);
}

#[test]
fn a_token_can_be_computed_again_and_fits_a_link() {
    let (vault, _) = vault();
    let token = vault.token(Purpose::PartnerLink, "notification-1");
    assert_eq!(token, vault.token(Purpose::PartnerLink, "notification-1"));
    assert_ne!(token, vault.token(Purpose::PartnerLink, "notification-2"));
    assert_ne!(token, vault.token(Purpose::PartnerCode, "notification-1"));
    assert_eq!(token.len(), 32);
    assert!(token.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()));
}

/// Computed with Python's `hmac` and `struct`, so that another program can check our proofs.
#[test]
fn a_proof_is_plain_hmac_over_length_prefixed_parts() {
    let key = Material::copied_from(&[7; 32]).unwrap();
    let proof = super::super::hex::encode(&authenticate(&key, &[b"ab", b"c"]));
    assert_eq!(proof, "65278a8de462e4690b60295af751e59a1f41fae92d92b2fc35a0ad42a772b551");
}
