use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::private_file::{self, PrivateFileError};
use super::super::{KeyringError, RootKeyError};
use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_new_root_key_is_private_and_comes_back_the_same() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("etc/goldaw/root.key");
    let made = RootKey::create(&path).unwrap();
    let loaded = RootKey::load(&path).unwrap();
    assert_eq!(made.derive("x").bytes(), loaded.derive("x").bytes());
    assert_ne!(made.derive("x").bytes(), made.derive("y").bytes());
    assert_eq!(mode(&path), 0o400);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&home.path().join("etc")), 0o700);
    assert_eq!(names(path.parent().unwrap()), ["root.key"]);
}

#[test]
fn a_root_key_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("root.key");
    RootKey::create(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = refusal(RootKey::create(&path));
    assert!(matches!(refused, RootKeyError::File(PrivateFileError::AlreadyThere(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(home.path()), ["root.key"]);
}

#[test]
fn a_root_key_that_others_may_touch_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("root.key");
    RootKey::create(&path).unwrap();
    for open_mode in [0o440, 0o404, 0o420, 0o410, 0o402, 0o401, 0o644, 0o777] {
        set_mode(&path, open_mode);
        let refused = refusal(RootKey::load(&path));
        assert!(refused.to_string().contains(&format!("mode {open_mode:04o}")), "{refused}");
    }
    set_mode(&path, 0o600);
    assert!(RootKey::load(&path).is_ok());
}

#[test]
fn a_systemd_credential_may_be_open_to_its_group_and_no_further() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("root");
    RootKey::create(&path).unwrap();
    set_mode(&path, 0o440);
    assert!(RootKey::load_credential(&path).is_ok());
    set_mode(&path, 0o444);
    assert!(RootKey::load_credential(&path).is_err());
}

#[test]
fn what_is_not_a_root_key_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("root.key");
    assert!(matches!(refusal(RootKey::load(&path)), RootKeyError::File(PrivateFileError::Missing(_))));
    let folder = refusal(RootKey::load(home.path()));
    assert!(matches!(folder, RootKeyError::File(PrivateFileError::NotAKeyFile(_))));
    let most = "0".repeat(63);
    for text in ["", "\n", "secret", &most, &format!("{most}g"), &format!("{most}000")] {
        private_file::replace(&path, text.as_bytes()).unwrap();
        assert!(matches!(refusal(RootKey::load(&path)), RootKeyError::Malformed), "{text}");
    }
    private_file::replace(&path, format!("{most}F\r\n").as_bytes()).unwrap();
    assert!(RootKey::load(&path).is_ok());
}

#[test]
fn a_keyring_file_is_made_once_and_then_replaced_whole() {
    let (home, root) = (tempfile::tempdir().unwrap(), root());
    let path = home.path().join("keyring");
    let mut keyring = Keyring::create().unwrap();
    keyring.save_new(&path, &root).unwrap();
    let again = keyring.save_new(&path, &root);
    assert!(matches!(again, Err(KeyringError::File(PrivateFileError::AlreadyThere(_)))));

    keyring.rotate_wrapping().unwrap();
    keyring.save(&path, &root).unwrap();
    assert_eq!(Keyring::load(&path, &root).unwrap().wrapping().0, 2);
    assert_eq!((mode(&path), names(home.path())), (0o400, vec!["keyring".to_owned()]));
}

#[test]
fn an_older_keyring_is_completed_on_disk_before_use_and_only_when_asked_to() {
    let (home, root) = (tempfile::tempdir().unwrap(), root());
    let path = home.path().join("keyring");
    let mut keyring = Keyring::create().unwrap();
    keyring.drop_key("mac.csrf");
    keyring.save_new(&path, &root).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(refusal(Keyring::load(&path, &root)), KeyringError::Incomplete(_)));
    assert_eq!(fs::read(&path).unwrap(), before);
    let first = *Keyring::load_completed(&path, &root).unwrap().newest("mac.csrf").bytes();
    let second = *Keyring::load(&path, &root).unwrap().newest("mac.csrf").bytes();
    assert_eq!(first, second);
}
