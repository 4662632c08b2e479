//! The letter as a mail message: the same bytes for SMTP and for files, and at every repeat.

use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::Outgoing;

/// The plain text is filled up to this many bytes, the HTML to twice as many, or to the next
/// doubling; so the size tells neither the language nor the urgency.
const CLASS: usize = 4096;

/// The neutral sender. Errors: a sentence for the person who started the program.
pub(super) fn sender(from: &str) -> Result<Mailbox, String> {
    let fault = "[smtp] from: an address such as desk@example.org or Duty desk <desk@example.org>";
    if from.chars().any(char::is_control) {
        return Err(fault.into());
    }
    from.parse().map_err(|_| fault.into())
}

/// Envelope and message. Errors: what about the letter cannot be mailed at all. Checked here
/// because the library panics over a line break in a header.
pub(super) fn message(from: &Mailbox, outgoing: &Outgoing) -> Result<(Envelope, Vec<u8>), &'static str> {
    let address = &outgoing.address;
    if !address.is_ascii() || address.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err("address");
    }
    let to: Address = address.parse().map_err(|_| "address")?;
    let letter = &outgoing.letter;
    if letter.subject.chars().any(char::is_control) {
        return Err("subject");
    }
    let name = outgoing.reference.replace('-', "").to_lowercase();
    let parts = MultiPart::alternative()
        .boundary(format!("part-{name}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &letter.text, CLASS)?)
        .singlepart(part(ContentType::TEXT_HTML, &letter.html, 2 * CLASS)?);
    let date = Duration::from_micros(u64::try_from(outgoing.date.0).unwrap_or_default());
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(letter.subject.clone())
        .date(SystemTime::UNIX_EPOCH + date)
        .message_id(Some(format!("<{name}@{}>", from.email.domain())))
        .multipart(parts)
        .map_err(|_| "message")?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![to]).map_err(|_| "envelope")?;
    Ok((envelope, message.formatted()))
}

/// Base64, because its size depends on the number of bytes only and its lines never need stuffing.
fn part(kind: ContentType, content: &str, class: usize) -> Result<SinglePart, &'static str> {
    let mut content = content.replace("\r\n", "\n").replace('\n', "\r\n");
    let mut size = class;
    while size < content.len() {
        size *= 2;
    }
    content.extend(std::iter::repeat_n(' ', size - content.len()));
    let body = Body::new_with_encoding(content, ContentTransferEncoding::Base64).map_err(|_| "body")?;
    Ok(SinglePart::builder().header(kind).body(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;
    use crate::notifications::Letter;

    fn outgoing(address: &str, subject: &str, text: &str) -> Outgoing {
        let letter = Letter {
            subject: subject.into(),
            text: text.into(),
            html: format!("<p>{text}</p>"),
            reference: "P-1".into(),
        };
        Outgoing {
            reference: "N-7K4M-9QX2-PDH".into(),
            attempt: 1,
            address: address.into(),
            letter,
            date: Instant(1_700_000_000_000_000),
        }
    }

    #[test]
    fn a_repeat_is_the_same_bytes_with_neutral_headers() {
        let from = sender("Duty desk <desk@example.org>").unwrap();
        let (_, first) = message(&from, &outgoing("a@b.example", "A request", "Hello\nyou")).unwrap();
        let mut later = outgoing("a@b.example", "A request", "Hello\nyou");
        later.attempt = 9;
        assert_eq!(message(&from, &later).unwrap().1, first);
        let text = String::from_utf8(first).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let mut names: Vec<&str> =
            head.lines().filter(|l| !l.starts_with(' ')).map(|l| l.split(':').next().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]);
        assert!(head.contains("Message-ID: <n7k4m9qx2pdh@example.org>"), "{head}");
        assert!(text.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn letters_in_two_alphabets_have_one_size() {
        let from = sender("desk@example.org").unwrap();
        let size = |text: &str| message(&from, &outgoing("a@b.example", "x", text)).unwrap().1.len();
        assert_eq!(size("Dear colleague,\n"), size(&"Уважаемые коллеги,\n".repeat(40)));
    }

    #[test]
    fn what_would_break_a_header_is_refused_before_it_is_built() {
        let from = sender("desk@example.org").unwrap();
        let refused = |address: &str, subject: &str| message(&from, &outgoing(address, subject, "x")).err();
        assert_eq!(refused("a@b.example\r\nBcc: x@y.example", "x"), Some("address"));
        assert_eq!(refused("Name <a@b.example>", "x"), Some("address"));
        assert_eq!(refused("почта@b.example", "x"), Some("address"));
        assert_eq!(refused("", "x"), Some("address"));
        assert_eq!(refused("a@b.example", "x\r\nBcc: y@z.example"), Some("subject"));
        assert!(sender("Duty\r\ndesk <desk@example.org>").is_err());
        assert!(sender("nobody").is_err());
    }
}
