use proptest::prelude::*;

use super::super::sealing::spelled;
use super::super::{Padding, Place, open, seal};
use super::*;

const HERE: Place<'_> = Place { table: "contacts", column: "document", row: "0197-a" };

fn sealed_size(key: &DataKey, length: usize) -> usize {
    seal(key, &HERE, &vec![b'x'; length], Padding::SizeClass).unwrap().len()
}

#[test]
fn what_is_sealed_opens_in_its_place() {
    let key = vault().0.new_data_key().unwrap();
    for padding in [Padding::None, Padding::SizeClass] {
        let sealed = seal(&key, &HERE, "Ol maňa haýbat atýar".as_bytes(), padding).unwrap();
        assert_eq!(open(&key, &HERE, &sealed).unwrap().reveal(), "Ol maňa haýbat atýar".as_bytes());
    }
}

#[test]
fn the_same_words_sealed_twice_look_different() {
    let key = vault().0.new_data_key().unwrap();
    let seal_once = || seal(&key, &HERE, b"yes", Padding::SizeClass).unwrap();
    assert_ne!(seal_once(), seal_once());
}

#[test]
fn another_row_column_or_table_is_refused() {
    let key = vault().0.new_data_key().unwrap();
    let sealed = seal(&key, &HERE, b"narrative", Padding::SizeClass).unwrap();
    for elsewhere in [
        Place { row: "0197-b", ..HERE },
        Place { column: "narrative", ..HERE },
        Place { table: "revisions", ..HERE },
        Place { table: "contactsdocument", column: "", ..HERE },
    ] {
        assert_eq!(refusal(open(&key, &elsewhere, &sealed)), VaultError::Tampered);
    }
}

#[test]
fn another_key_is_refused() {
    let (vault, _) = vault();
    let (hers, other) = (vault.new_data_key().unwrap(), vault.new_data_key().unwrap());
    let sealed = seal(&hers, &HERE, b"narrative", Padding::SizeClass).unwrap();
    assert_eq!(refusal(open(&other, &HERE, &sealed)), VaultError::Tampered);
}

#[test]
fn a_value_sealed_under_an_older_key_is_refused_in_the_same_place() {
    let (vault, _) = vault();
    let (old, new) = (vault.new_data_key().unwrap(), vault.new_data_key().unwrap());
    let before = seal(&old, &HERE, b"before", Padding::SizeClass).unwrap();
    let after = seal(&new, &HERE, b"after", Padding::SizeClass).unwrap();
    assert_eq!(refusal(open(&new, &HERE, &before)), VaultError::Tampered);
    assert_eq!(open(&new, &HERE, &after).unwrap().reveal(), b"after");
}

#[test]
fn the_same_key_bytes_under_another_id_or_version_are_refused() {
    let keyring = Keyring::create().unwrap();
    let (key, wrapped) = DataKey::mint(&keyring).unwrap();
    let sealed = seal(&key, &HERE, b"narrative", Padding::SizeClass).unwrap();
    for (id, version) in [("00", key.version()), (key.id(), key.version() + 1)] {
        let disguised = DataKey::disguised(&key, id, version);
        assert_eq!(refusal(open(&disguised, &HERE, &sealed)), VaultError::Tampered);
    }
    assert!(open(&DataKey::unwrap_from(&wrapped, &keyring).unwrap(), &HERE, &sealed).is_ok());
}

#[test]
fn flipping_any_single_bit_is_refused() {
    let key = vault().0.new_data_key().unwrap();
    let sealed = seal(&key, &HERE, b"she said", Padding::SizeClass).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refusal(open(&key, &HERE, &bent)), VaultError::Tampered, "bit {bit}");
    }
}

#[test]
fn every_cut_and_every_lengthening_is_refused() {
    let key = vault().0.new_data_key().unwrap();
    let sealed = seal(&key, &HERE, b"she said", Padding::SizeClass).unwrap();
    for length in 0..sealed.len() {
        assert_eq!(refusal(open(&key, &HERE, &sealed[..length])), VaultError::Tampered);
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert_eq!(refusal(open(&key, &HERE, &longer)), VaultError::Tampered);
}

#[test]
fn within_a_size_class_the_length_does_not_show() {
    let key = vault().0.new_data_key().unwrap();
    for (shortest, longest) in [(0, 252), (253, 508), (765, 1020), (1789, 2044), (2045, 4092)] {
        assert_eq!(sealed_size(&key, shortest), sealed_size(&key, longest));
        assert!(sealed_size(&key, longest) < sealed_size(&key, longest + 1));
    }
}

#[test]
fn a_secret_of_the_house_opens_only_under_its_label() {
    let (vault, _) = vault();
    let sealed = vault.seal_secret("staff.totp/17", b"seed").unwrap();
    assert_eq!(vault.open_secret("staff.totp/17", &sealed).unwrap().reveal(), b"seed");
    assert_eq!(refusal(vault.open_secret("staff.totp/18", &sealed)), VaultError::Tampered);
    let (stranger, _) = super::vault();
    assert_eq!(refusal(stranger.open_secret("staff.totp/17", &sealed)), VaultError::Tampered);
}

#[test]
#[ignore = "a measurement; run with --release"]
fn sealing_two_kilobytes_takes_microseconds() {
    let key = vault().0.new_data_key().unwrap();
    let text = vec![b'x'; 2000];
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        std::hint::black_box(seal(&key, &HERE, &text, Padding::SizeClass).unwrap());
    }
    let sealing = began.elapsed() / 10_000;
    let sealed = seal(&key, &HERE, &text, Padding::SizeClass).unwrap();
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        std::hint::black_box(open(&key, &HERE, &sealed).unwrap());
    }
    println!("seal {sealing:?}, open {:?}", began.elapsed() / 10_000);
    assert!(sealing.as_micros() < 100);
}

proptest! {
    #[test]
    fn anything_sealed_anywhere_opens_there_and_only_there(
        content in prop::collection::vec(any::<u8>(), 0..5000),
        here in prop::array::uniform3("[a-c|]{0,3}"),
        there in prop::array::uniform3("[a-c|]{0,3}"),
        padded in any::<bool>(),
    ) {
        let (key, _) = DataKey::mint(&Keyring::create().unwrap()).unwrap();
        let place = |p: &'_ [String; 3]| -> [String; 3] { p.clone() };
        let (h, t) = (place(&here), place(&there));
        let at = Place { table: &h[0], column: &h[1], row: &h[2] };
        let away = Place { table: &t[0], column: &t[1], row: &t[2] };
        let padding = if padded { Padding::SizeClass } else { Padding::None };
        let sealed = seal(&key, &at, &content, padding).unwrap();
        prop_assert!(open(&key, &at, &sealed).unwrap().reveal() == &content);
        prop_assert_eq!(open(&key, &away, &sealed).is_ok(), here == there);
    }

    #[test]
    fn any_changed_byte_is_refused(
        content in prop::collection::vec(any::<u8>(), 0..3000),
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let (key, _) = DataKey::mint(&Keyring::create().unwrap()).unwrap();
        let mut sealed = seal(&key, &HERE, &content, Padding::SizeClass).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        prop_assert_eq!(refusal(open(&key, &HERE, &sealed)), VaultError::Tampered);
    }

    #[test]
    fn bytes_from_nowhere_never_open(junk in prop::collection::vec(any::<u8>(), 0..600)) {
        let (key, _) = DataKey::mint(&Keyring::create().unwrap()).unwrap();
        prop_assert_eq!(refusal(open(&key, &HERE, &junk)), VaultError::Tampered);
    }

    #[test]
    fn two_lists_of_parts_are_never_spelled_alike(
        one in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
        two in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
    ) {
        let spell = |parts: &[Vec<u8>]| spelled(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(spell(&one) == spell(&two), one == two);
    }
}
