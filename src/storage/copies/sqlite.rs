//! Copies of a SQLite file. `VACUUM INTO` reads one snapshot and holds no writer up; it writes only
//! live rows, so that nothing deleted, and no destroyed key, travels in a free page. (The backup
//! API in steps begins anew at every write of another process: under load it does not end.) While it
//! reads, the write-ahead log cannot be emptied: it grows by what is written meanwhile and no more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Contents, told};
use crate::storage::{Db, Place, checkup};

/// How often what was copied is sent to the disk. All at once at the end, it would stand in the way
/// of every commit's own flush.
const PACE: Duration = Duration::from_millis(10);

pub(super) fn take(path: &Path, into: &Path) -> Result<Contents, String> {
    if !path.exists() {
        return Err(format!("there is no database at {}", path.display()));
    }
    let text = into.to_str().ok_or("the path of the copy is not valid text")?;
    let mut db = Place::Sqlite(path.to_path_buf()).connect()?;
    let Db::Sqlite(connection) = &mut db else { return Err("not SQLite".into()) };
    let file = private(into).map_err(|error| cannot(into, &error))?;
    let done = AtomicBool::new(false);
    let copied = std::thread::scope(|scope| {
        let flushing = scope.spawn(|| flush_until(&file, &done));
        let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(text).execute(connection);
        done.store(true, Ordering::Release);
        flushing.join().unwrap_or_else(|_| Err(io::Error::other("the flushing thread died"))).map(|()| copied)
    });
    copied
        .map_err(|error| cannot(into, &error))?
        .map_err(|_| "the database could not be copied: it is damaged, or the disk is full".to_owned())?;
    check(into)
}

fn flush_until(file: &File, done: &AtomicBool) -> io::Result<()> {
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(PACE);
        file.sync_data()?;
    }
    file.sync_all()
}

/// Every page, row and reference of a copy.
fn check(path: &Path) -> Result<Contents, String> {
    let text = path.to_str().ok_or("the path of the copy is not valid text")?;
    let connection = SqliteConnection::establish(&format!("file:{}?mode=ro", escaped(text)));
    let mut db = Db::Sqlite(connection.map_err(|_| "the copy cannot be opened".to_owned())?);
    checkup::whole(&mut db)
        .map_err(|told| format!("the copy is not sound, so the database is not: {told}; run `goldaw doctor`"))?;
    told(&mut db)
}

pub(super) fn put_back(path: &Path, from: &Path) -> Result<(), String> {
    let copy = || -> io::Result<()> {
        make_folder(path)?;
        let mut file = private(path)?;
        io::copy(&mut File::open(from)?, &mut file)?;
        file.sync_all()?;
        sync_folder(path)
    };
    copy().map_err(|error| cannot(path, &error))
}

pub(super) fn mark(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(mark_of(path)) {
        Ok(note) => Ok(Some(note)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(cannot(&mark_of(path), &error)),
    }
}

pub(super) fn begin(path: &Path, note: &str) -> Result<(), String> {
    let write = || -> io::Result<()> {
        make_folder(path)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(mark_of(path))?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        sync_folder(path)
    };
    write().map_err(|error| cannot(&mark_of(path), &error))
}

pub(super) fn clear(path: &Path) -> Result<(), String> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let file = beside(path, end);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(&file, &error)),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn finish(path: &Path) -> Result<(), String> {
    let remove = || fs::remove_file(mark_of(path)).and_then(|()| sync_folder(path));
    remove().map_err(|error| cannot(&mark_of(path), &error))
}

fn mark_of(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A new file that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// A path inside a `file:` URL.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
