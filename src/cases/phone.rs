//! Phone numbers: any local spelling to E.164. What cannot be read is kept as it was said, because
//! a number must never stand between a woman and her record.

use schemars::JsonSchema;
use serde::Serialize;

use crate::input::{At, FromJson, Json, text};

/// A number as E.164, or the words it was given in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Phone(String);

impl FromJson for Phone {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        text(json, at, 40).map(Phone)
    }
}

impl Phone {
    /// As stored.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// In E.164 if `region` (ISO 3166-1) and the number allow it; else as it was.
    pub fn normal(self, region: &str) -> Phone {
        match e164(&self.0, region) {
            Some(number) => Phone(number),
            None => self,
        }
    }

    /// Set when it is a number that can be dialled and looked up.
    pub fn e164(&self) -> Option<&str> {
        let digits = self.0.strip_prefix('+')?;
        (digits.len() >= 7 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(self.0.as_str())
    }
}

/// The E.164 form of a number in any spelling of `region`. Number plans grow faster than lists of
/// them (Turkmenistan's 72 is younger than the one built in), so a number of full length is one
/// even where the list does not know its prefix. One that is too short is not: dialled, it would
/// reach nobody or somebody else.
pub fn e164(said: &str, region: &str) -> Option<String> {
    let country = region.parse().ok();
    // Many countries dial 00 for abroad, and those who learnt it there write it anywhere.
    let abroad = said.trim().strip_prefix("00").map(|rest| format!("+{rest}"));
    let number = phonenumber::parse(country, abroad.as_deref().unwrap_or(said)).ok()?;
    (is_full(&number) || phonenumber::is_valid(&number))
        .then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// True for as many digits as a mobile or fixed number of its country has.
fn is_full(number: &phonenumber::PhoneNumber) -> bool {
    let digits = number.national().to_string().len();
    let Some(plan) = number.metadata(&phonenumber::metadata::DATABASE) else { return false };
    let kinds = [plan.descriptors().mobile(), plan.descriptors().fixed_line()];
    kinds.into_iter().flatten().any(|kind| {
        let length = u16::try_from(digits).unwrap_or(u16::MAX);
        kind.possible_length().contains(&length) || kind.example().is_some_and(|example| example.len() == digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_spellings_of_one_mobile_are_one_number() {
        for said in ["8 65 123456", "65 12-34-56", "+993 65 123456", "8 (65) 12 34 56"] {
            assert_eq!(e164(said, "TM").as_deref(), Some("+99365123456"), "{said}");
        }
    }

    #[test]
    fn the_newer_mobile_prefixes_are_known() {
        assert_eq!(e164("71 123456", "TM").as_deref(), Some("+99371123456"));
        assert_eq!(e164("72 123456", "TM").as_deref(), Some("+99372123456"));
    }

    #[test]
    fn what_is_no_number_is_kept_as_it_was_said() {
        let said = Phone("ask the neighbour".into());
        assert_eq!(said.clone().normal("TM"), said);
        assert_eq!(said.e164(), None);
        assert_eq!(e164("103", "TM"), None);
    }
}
