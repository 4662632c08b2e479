//! What a demo remembers from one start to the next: passphrases and codes, in clear, because
//! everybody in them is invented. A real house never has such a file.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::{Faults, told};
use crate::directory::{self, Service};
use crate::state::App;
use crate::storage::{By, Tx};

/// Somebody who may sign in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) role: String,
    pub(super) name: String,
    pub(super) passphrase: String,
    pub(super) totp_secret: Option<String>,
}

/// What a focal point types on the partner's page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PartnerCode {
    /// The service's reference.
    pub(super) service: String,
    pub(super) name: String,
    pub(super) code: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    staff: Vec<Person>,
    partner_codes: Vec<PartnerCode>,
    /// Four weeks were made up; once is enough.
    #[serde(default)]
    past: bool,
}

/// The file, and where it is.
pub(super) struct Kept {
    path: PathBuf,
    file: File,
}

impl Kept {
    /// Reads it, or marks a fresh folder as a demo. Errors: a sentence, also for a folder that
    /// holds a real house: a demo would let everybody into it.
    pub(super) fn load(folder: &Path) -> Result<Kept, Faults> {
        let path = folder.join("demo.json");
        if path.exists() {
            let text = std::fs::read_to_string(&path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
            let file = serde_json::from_str(&text).map_err(|_| vec![format!("{} is damaged", path.display())])?;
            return Ok(Kept { path, file });
        }
        if folder.join("keyring.json").exists() {
            return Err(vec![format!("{} holds a house that is not a demo; choose another folder", folder.display())]);
        }
        super::super::house::create_folder(folder).map_err(|told| vec![told])?;
        let kept = Kept { path, file: File::default() };
        kept.save()?;
        Ok(kept)
    }

    /// Writes it, readable by its owner only.
    pub(super) fn save(&self) -> Result<(), Faults> {
        let wrong = |error: std::io::Error| vec![format!("{}: {error}", self.path.display())];
        let text = serde_json::to_string_pretty(&self.file).unwrap_or_default();
        let fresh = self.path.with_extension("new");
        let open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh);
        open.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(wrong)?;
        std::fs::rename(&fresh, &self.path).map_err(wrong)
    }

    pub(super) fn staff(&self) -> &[Person] {
        &self.file.staff
    }

    pub(super) fn codes(&self) -> &[PartnerCode] {
        &self.file.partner_codes
    }

    pub(super) fn has_a_past(&self) -> bool {
        self.file.past
    }

    pub(super) fn remember_past(&mut self) -> Result<(), Faults> {
        self.file.past = true;
        self.save()
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.file.staff.iter().any(|person| person.name == name)
    }

    pub(super) fn remember(&mut self, person: Person) -> Result<(), Faults> {
        self.file.staff.push(person);
        self.save()
    }

    /// Gives every service without one a code of six digits.
    pub(super) fn give_codes(&mut self, app: &App, services: &[Service]) -> Result<(), Faults> {
        let languages = &app.config.place.languages;
        let known = |service: &Service| self.file.partner_codes.iter().any(|code| code.service == service.reference);
        let (mut fresh, mut macs) = (Vec::new(), Vec::new());
        for service in services.iter().filter(|service| !known(service)) {
            let code = directory::draw_code().map_err(told)?;
            macs.push((service.id.clone(), directory::code_mac(&app.vault, &service.id, &code)));
            let name = service.form.names.name_in("en", languages).to_owned();
            fresh.push(PartnerCode { service: service.reference.clone(), name, code });
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let write =
            move |tx: &mut Tx<'_>| macs.iter().try_for_each(|(id, mac)| directory::set_partner_code(tx, id, mac));
        app.store.write_blocking(By::system(), write).map_err(told)?;
        self.file.partner_codes.extend(fresh);
        self.save()
    }
}
