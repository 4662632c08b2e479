//! What a letter says, and the link that is put into it at the last moment.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::model::{self, Notification};
use super::words::Words;
use crate::error::{Error, Result};
use crate::storage::{Db, read_reference};
use crate::vault::{Purpose, Vault};

/// The letter of every notification's reference.
pub(super) const LETTER: char = 'N';
/// Where a letter wants its link.
pub const LINK: &str = "{link}";
/// Characters of a reference without its dashes: the letter, ten symbols, the check.
const REFERENCE: usize = 12;

/// A rendered letter, nothing about her in it. Stored as it stands, with [`LINK`] where the link
/// will be.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The partner's own reference for the request, as the letter names it.
    pub reference: String,
}

impl Letter {
    /// Paragraphs in one language as a letter, as text and as HTML: no picture, no style from
    /// elsewhere, nothing that tells when it is read. A part may hold [`LINK`].
    pub fn of(words: &Words, subject: String, reference: &str, parts: &[String]) -> Letter {
        Letter {
            subject,
            html: html(words, parts),
            text: format!("{}\n\n{}\n", parts.join("\n\n"), words.say("letter.sender")),
            reference: reference.to_owned(),
        }
    }

    /// To somebody who can sign in: that there is news, and nothing else.
    pub fn notice(language: &str, reference: &str) -> Letter {
        let words = Words::of(language);
        let values = [("reference", reference)];
        let parts = [
            words.say("notice.greeting").to_owned(),
            words.fill("notice.body", &values),
            words.say("notice.footer").to_owned(),
        ];
        Letter::of(words, words.fill("notice.subject", &values), reference, &parts)
    }

    /// The letter with its link. In HTML the link is escaped; its own characters need none, but a
    /// configured address might.
    pub(super) fn with_link(&self, link: &str) -> Letter {
        Letter {
            subject: self.subject.clone(),
            text: self.text.replace(LINK, link),
            html: self.html.replace(LINK, &escaped(link)),
            reference: self.reference.clone(),
        }
    }
}

fn html(words: &Words, parts: &[String]) -> String {
    let open = escaped(words.say("letter.open"));
    let paragraphs: String = parts
        .iter()
        .flat_map(|part| part.split("\n\n"))
        .map(|part| {
            let linked = format!("<a href=\"{LINK}\">{open}</a>");
            format!("<p>{}</p>\n", escaped(part).replace(LINK, &linked).replace('\n', "<br>\n"))
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"></head><body>\n{paragraphs}<p>{}</p>\n</body></html>\n",
        words.code,
        escaped(words.say("letter.sender"))
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The token in the link: the notification's random reference, which finds the row, and a proof
/// over its key, which nobody can make without the keyring. 44 characters, computed when needed
/// and never stored. The key itself is not in it, because a key tells when she called.
pub fn token(vault: &Vault, notification: &Notification) -> String {
    let reference = notification.reference.replace('-', "").to_lowercase();
    format!("{reference}{}", vault.token(Purpose::PartnerLink, &notification.id))
}

/// The link a partner opens.
pub fn link(public_url: &str, vault: &Vault, notification: &Notification) -> String {
    format!("{public_url}/p/{}", token(vault, notification))
}

/// The notification a link was made for, whatever its state: whether the page still opens is for
/// the caller to say, from `created_at` and `state`. Errors: 404 for anything but a token of ours.
pub fn find_by_token(db: &mut Db, vault: &Vault, token: &str) -> Result<Notification> {
    let (reference, proof) = token.split_at_checked(REFERENCE).ok_or(Error::NotFound)?;
    let reference = read_reference(LETTER, reference).ok_or(Error::NotFound)?;
    let found = model::by_reference(db, None, &reference)?.ok_or(Error::NotFound)?;
    let expected = vault.token(Purpose::PartnerLink, &found.id);
    if expected.as_bytes().ct_eq(proof.as_bytes()).into() { Ok(found) } else { Err(Error::NotFound) }
}
