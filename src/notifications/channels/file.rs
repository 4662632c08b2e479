//! Letters as `.eml` files, for trying things out and for closed networks where another program
//! carries them on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use lettre::message::Mailbox;

use super::{Carrier, Delivery, Gate, Outgoing, mime};
use crate::config::Config;
use crate::notifications::Class;

/// A folder of letters. Each has the name of its notification's reference, so that a repeat is the
/// same file and not a second letter; for that reason the gate is passed without a record.
pub struct Files {
    folder: PathBuf,
    from: Mailbox,
}

impl Files {
    /// The folder of the configuration. Errors: a sentence when the sender cannot be one.
    pub fn new(config: &Config) -> Result<Files, String> {
        Ok(Files { folder: config.files.mail_dir.clone(), from: mime::sender(&config.smtp.from)? })
    }

    fn write(&self, outgoing: &Outgoing, message: &[u8]) -> io::Result<()> {
        make_folder(&self.folder)?;
        let whole = self.folder.join(format!("{}.eml", outgoing.reference));
        let draft = self.folder.join(format!(".{}-{}.part", outgoing.reference, outgoing.attempt));
        // A draft left by a crash is in the way of nobody but this very attempt.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(message)?;
        file.sync_all()?;
        fs::rename(&draft, &whole)?;
        File::open(&self.folder)?.sync_all()
    }
}

impl Carrier for Files {
    fn carry(&self, outgoing: &Outgoing, gate: &Gate) -> Delivery {
        let message = match mime::message(&self.from, outgoing) {
            Ok((_, message)) => message,
            Err(fault) => return Delivery::new(Class::Permanent, fault),
        };
        if !gate.pass() {
            return Delivery::new(Class::Retry, "deadline");
        }
        match self.write(outgoing, &message) {
            Ok(()) => Delivery::new(Class::Sent, "file"),
            Err(error) => match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::NotADirectory | ErrorKind::ReadOnlyFilesystem => {
                    Delivery::new(Class::Config, "folder")
                }
                _ => Delivery::new(Class::Retry, "disk"),
            },
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A folder is only safe once the folder that names it is on disk.
    folder.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), |above| File::open(above)?.sync_all())
}
