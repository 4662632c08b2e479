//! The letter to a partner: that something waits, how soon, and where to read it. Nothing about
//! her, what is needed, or what the service is for; mail is read by machines and neighbours.

use chrono_tz::Tz;

use crate::clock::Instant;
use crate::notifications::{Letter, Words};
use crate::triage::Level;

/// All a letter may be made of. There is no field for anything else.
pub struct Facts<'a> {
    /// The language of the service's letters.
    pub language: &'a str,
    /// The partner's own reference.
    pub reference: &'a str,
    /// Gives the urgency word.
    pub level: Level,
    /// Until when an answer is useful.
    pub answer_by: Instant,
    /// The zone that moment is told in.
    pub zone: Tz,
}

/// The letter that asks. Its link is a placeholder until it is sent.
pub fn request(facts: &Facts<'_>) -> Letter {
    let words = Words::of(facts.language);
    written(words, facts, "letter", &[words.say("letter.footer")])
}

/// The letter that reminds.
pub fn reminder(facts: &Facts<'_>) -> Letter {
    let words = Words::of(facts.language);
    written(words, facts, "reminder", &[words.say("letter.footer")])
}

fn written(words: &Words, facts: &Facts<'_>, kind: &str, below: &[&str]) -> Letter {
    let answer_by = words.time(facts.answer_by, facts.zone);
    let urgency = words.say(&format!("urgency.{}", facts.level.code()));
    let values = [("reference", facts.reference), ("urgency", urgency), ("answer_by", answer_by.as_str())];
    let body = words.fill(&format!("{kind}.body"), &values);
    let mut parts = vec![words.say("letter.greeting").to_owned(), body.trim().to_owned()];
    parts.extend(below.iter().map(|part| (*part).to_owned()));
    Letter::of(words, words.fill(&format!("{kind}.subject"), &values), facts.reference, &parts)
}

#[cfg(test)]
mod tests;
