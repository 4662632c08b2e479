//! The machine: room on the disk, how fast it flushes, what time it is, who may read the files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant as Ticks;

use super::Finding;
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::storage::newest_known;

/// Below this nothing may be recorded soon.
const LITTLE: u64 = 256 << 20;
/// Below this share, or this much, somebody should know.
const SHARE: u64 = 10;
const ROOM: u64 = 2 << 30;
/// Flushes that are measured.
const FLUSHES: usize = 21;
/// A slower disk makes callers wait.
const SLOW_MILLIS: f64 = 20.0;

pub(super) fn disk(config: &Config) -> Vec<Finding> {
    // A folder that is not there yet will be made on this disk.
    let Some(folder) = config.data.ancestors().find(|part| part.is_dir()).map(Path::to_path_buf) else {
        return vec![room(Path::new("."))];
    };
    if folder == config.data { vec![room(&folder), flush(&folder)] } else { vec![room(&folder)] }
}

fn room(folder: &Path) -> Finding {
    let Ok(known) = rustix::fs::statvfs(folder) else {
        return Finding::fault("disk", format!("{} cannot be looked at", folder.display()), "mount | grep ro,");
    };
    let free = known.f_bavail.saturating_mul(known.f_frsize);
    let all = known.f_blocks.saturating_mul(known.f_frsize).max(1);
    let share = free.saturating_mul(100) / all;
    let told = format!("{:.1} GB free, {share} % of the disk of {}", gigabytes(free), folder.display());
    let fix = "free some room on that disk, or move the data to a larger one";
    if free < LITTLE {
        Finding::fault("disk", told, fix)
    } else if free < ROOM || share < SHARE {
        Finding::warning("disk", told, fix)
    } else {
        Finding::ok("disk", told)
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// What every acknowledged call waits for.
fn flush(folder: &Path) -> Finding {
    let path = folder.join(".goldaw-doctor");
    let measure = || -> std::io::Result<f64> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        let mut millis = Vec::with_capacity(FLUSHES);
        for _ in 0..FLUSHES {
            let begun = Ticks::now();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            millis.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        millis.sort_by(f64::total_cmp);
        Ok(millis.get(FLUSHES / 2).copied().unwrap_or_default())
    };
    let measured = measure();
    let _ = fs::remove_file(&path);
    match measured {
        Ok(millis) if millis > SLOW_MILLIS => Finding::warning(
            "flush",
            format!("a flush to this disk takes {millis:.1} ms; every answer waits for one"),
            "move the data folder to a disk of its own",
        ),
        Ok(millis) => Finding::ok("flush", format!("a flush to this disk takes {millis:.2} ms")),
        Err(error) => Finding::fault(
            "flush",
            format!("{} cannot be written to: {error}", folder.display()),
            "run as the user the service runs as; see that the disk is neither full nor read-only",
        ),
    }
}

pub(super) fn clock(clock: &Clock) -> Vec<Finding> {
    let fix = "timedatectl set-ntp true";
    let now = clock.now();
    let built = newest_known().ok().and_then(|version| day(&version));
    if built.is_some_and(|built| now < built) {
        let told = format!("the clock says {now}, which is before this program was made");
        return vec![Finding::fault("clock", told, fix)];
    }
    vec![match synchronised() {
        Some(true) => Finding::ok("clock", format!("{now}, kept right by the system")),
        Some(false) => Finding::warning("clock", format!("{now}; the system does not keep it right"), fix),
        None => Finding::ok("clock", format!("{now}; whether it is kept right, this system does not tell")),
    }]
}

/// `20261122…` as its midnight.
fn day(version: &str) -> Option<Instant> {
    let day = chrono::NaiveDate::parse_from_str(version.get(..8)?, "%Y%m%d").ok()?;
    Some(Instant::from(day.and_time(chrono::NaiveTime::MIN).and_utc()))
}

fn synchronised() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let told = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match String::from_utf8(told.stdout).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The data folder and what is directly in it: closed to others, and all of one owner.
pub(super) fn permissions(config: &Config) -> Vec<Finding> {
    let folder = &config.data;
    let Ok(known) = fs::metadata(folder) else { return Vec::new() };
    let mut open: Vec<PathBuf> = Vec::new();
    let mut strange: Vec<PathBuf> = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in entries.chain([folder.clone()]) {
        // A file that went away meanwhile is nobody's fault.
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if about.permissions().mode() & 0o077 != 0 && !about.is_symlink() {
            open.push(path.clone());
        }
        if about.uid() != known.uid() {
            strange.push(path);
        }
    }
    if open.is_empty() && strange.is_empty() {
        return vec![Finding::ok("permissions", format!("{} is closed to others", folder.display()))];
    }
    let mut findings = Vec::new();
    if !open.is_empty() {
        let told = format!("others on this machine can read {}", listed(&open));
        findings.push(Finding::fault("permissions", told, format!("chmod -R go-rwx {}", folder.display())));
    }
    if !strange.is_empty() {
        let told = format!("these belong to another user than the folder: {}", listed(&strange));
        let fix = format!("chown -R --reference={0} {0}", folder.display());
        findings.push(Finding::fault("permissions", told, fix));
    }
    findings
}

fn listed(paths: &[PathBuf]) -> String {
    let mut names: Vec<String> = paths.iter().take(3).map(|path| path.display().to_string()).collect();
    if paths.len() > names.len() {
        names.push(format!("and {} more", paths.len() - names.len()));
    }
    names.join(", ")
}
