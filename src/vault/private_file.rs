//! Files that hold keys: readable by their owner alone, and either wholly on disk or absent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::hex;
use super::material::fill_random;

/// No file of keys comes near this; a wrong path should not be read into memory whole.
const LARGEST: u64 = 1 << 20;
const GROUP_AND_OTHERS: u32 = 0o077;
const GROUP_MAY_READ: u32 = 0o040;

/// Why a key file could not be read or written. Names the path, never the content.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// There is no such file.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// A file is already there. Overwriting it could make all data unreadable.
    #[error("{0} already exists and is not overwritten")]
    AlreadyThere(PathBuf),
    /// Other accounts on this machine could read, change or replace the file.
    #[error(
        "{path} has mode {mode:04o}: others can read it; run `chmod 0400` on it, and replace the key if others may have seen it"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The path is a folder, a device or far too large.
    #[error("{0} is not a file of keys")]
    NotAKeyFile(PathBuf),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Reads a file that only its owner may read. The mode is that of the opened file, so
/// exchanging the path between check and read gains nothing.
///
/// # Errors
/// [`PrivateFileError::TooOpen`] when group or others have any permission.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    read_allowing(path, 0)
}

/// Reads a systemd credential. These belong to root and are opened to the service by an
/// access list, which the kernel shows as a permission of the group.
///
/// # Errors
/// As [`read`], except that the group may read.
pub fn read_credential(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    read_allowing(path, GROUP_MAY_READ)
}

fn read_allowing(path: &Path, allowed: u32) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let mut file = File::open(path).map_err(|source| io_error(path, source))?;
    let about = file.metadata().map_err(|source| io_error(path, source))?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(PrivateFileError::NotAKeyFile(path.to_owned()));
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & GROUP_AND_OTHERS & !allowed != 0 {
        return Err(PrivateFileError::TooOpen { path: path.to_owned(), mode });
    }
    // Sized beforehand: a growing buffer leaves copies of keys behind.
    let size = usize::try_from(about.len()).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    file.read_to_end(&mut bytes).map_err(|source| io_error(path, source))?;
    Ok(bytes)
}

/// Writes a new file with mode 0400, and its missing folders with mode 0700. When it returns,
/// file and folders are on disk; after a crash the file is whole or absent.
///
/// # Errors
/// [`PrivateFileError::AlreadyThere`] rather than overwriting.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    let failed = |source| io_error(path, source);
    let folder = folder_of(path);
    make_folders(folder).map_err(failed)?;
    let draft = write_draft(path, bytes)?;
    // A link, unlike a rename, refuses to take the place of an existing file.
    let linked = fs::hard_link(&draft, path);
    let removed = fs::remove_file(&draft);
    linked.and(removed).and_then(|()| sync_folder(folder)).map_err(failed)
}

/// Puts a file with mode 0400 in the place of an older one, in one step: after a crash either
/// the old or the new one is there.
///
/// # Errors
/// Those of the operating system.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    let draft = write_draft(path, bytes)?;
    let renamed = fs::rename(&draft, path);
    if renamed.is_err() {
        let _ = fs::remove_file(&draft); // already failing; the first error says why
    }
    renamed.and_then(|()| sync_folder(folder_of(path))).map_err(|source| io_error(path, source))
}

fn write_draft(path: &Path, bytes: &[u8]) -> Result<PathBuf, PrivateFileError> {
    let mut suffix = [0; 8];
    fill_random(&mut suffix).map_err(|_| PrivateFileError::NoRandomness)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", hex::encode(&suffix)));
    let draft = PathBuf::from(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    match written {
        Ok(()) => Ok(draft),
        Err(source) => {
            let _ = fs::remove_file(&draft); // already failing; the first error says why
            Err(io_error(path, source))
        }
    }
}

fn make_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|part| !is_there(part)).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A folder is only safe once the folder that names it is on disk.
    missing.into_iter().try_for_each(|made| sync_folder(folder_of(made)))
}

fn is_there(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn io_error(path: &Path, source: io::Error) -> PrivateFileError {
    match source.kind() {
        ErrorKind::NotFound => PrivateFileError::Missing(path.to_owned()),
        ErrorKind::AlreadyExists => PrivateFileError::AlreadyThere(path.to_owned()),
        _ => PrivateFileError::Io { path: path.to_owned(), source },
    }
}
