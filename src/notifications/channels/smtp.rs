//! E-mail. One fresh connection for each letter: a connection that another letter left half-used
//! can answer for the wrong one.
//!
//! Success is a 2yz reply to the final dot and nothing else. What the library leaves to us:
//! - It takes 3yz for success; so every code is checked here.
//! - It does not say whether sending failed before the final dot or after. Its message is an
//!   iterator, which is asked for more only after the part before was written; when it is asked and
//!   has no more, only the final dot is left. A failure to write those last five bytes counts as
//!   doubt, though they may never have left.
//! - It keeps whatever the server said too early, also across STARTTLS, as the answer to the next
//!   command. Answers out of step are noticed because DATA must be answered by exactly 354 and the
//!   good-bye by 221. Someone in the line who can forge every answer before STARTTLS can make a
//!   letter look sent; `tls = "required"` leaves no such moment.
//! - Its time limits are for each read and not for the letter; a server that sends a byte now and
//!   then would hold the thread. The worker's own deadline ends the attempt all the same, and the
//!   closed gate keeps the thread from sending later.

use std::cell::Cell;
use std::error::Error as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;

use super::{Carrier, Delivery, Gate, Outgoing, mime};
use crate::config;
use crate::config::SmtpTls;
use crate::notifications::Class;

/// How long the server may take to say good-bye. The letter is sent by then.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// A mail server.
pub struct Smtp {
    host: String,
    port: u16,
    tls: SmtpTls,
    parameters: Option<TlsParameters>,
    /// Account and password file. The file is read for each letter, so that a password can change.
    login: Option<(String, PathBuf)>,
    from: Mailbox,
    hello: ClientId,
}

/// The last thing that was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Starttls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Body,
    Dot,
}

/// What came back instead of what was hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// A reply with another code.
    Code(u16),
    /// TLS went wrong.
    Tls,
    /// The server does not offer what we insist on.
    Lacks,
    /// Nothing, a closed line, or something that is no reply.
    Nothing,
}

type Fault = (Step, Said);

impl Smtp {
    /// The server of the configuration. Errors: a sentence for the person who started the program.
    pub fn new(config: &config::Smtp) -> Result<Smtp, String> {
        let parameters = match config.tls {
            SmtpTls::None => None,
            SmtpTls::Required | SmtpTls::Starttls => Some(parameters(config)?),
        };
        if config.hello.chars().any(|c| c.is_control() || c == ' ') {
            return Err("[smtp] hello: the name of a machine".into());
        }
        let hello = if config.hello.is_empty() { ClientId::default() } else { ClientId::Domain(config.hello.clone()) };
        let login = (!config.username.is_empty()).then(|| (config.username.clone(), config.password_file.clone()));
        let from = mime::sender(&config.from)?;
        Ok(Smtp { host: config.host.clone(), port: config.port, tls: config.tls, parameters, login, from, hello })
    }

    /// Everything that comes before a letter, and no letter. Errors: how far it came, such as
    /// `auth 535`.
    pub fn reach(&self, limit: Duration) -> Result<(), String> {
        let gate = Gate::new(limit, || false);
        let talk = || -> Result<(), Fault> {
            let mut line = self.connect(&gate)?;
            self.encrypt(&mut line, &gate)?;
            self.sign_in(&mut line, &gate)?;
            part_in_step(&mut line)
        };
        talk().map_err(|(step, said)| cause(step, said))
    }

    /// Everything up to the server's yes to the whole letter.
    fn converse(&self, envelope: &Envelope, message: &[u8], gate: &Gate) -> Result<(), Fault> {
        let mut line = self.connect(gate)?;
        self.encrypt(&mut line, gate)?;
        self.sign_in(&mut line, gate)?;
        let mail = Mail::new(envelope.from().cloned(), Vec::new());
        ask(&mut line, gate, Step::Mail, |line| line.command(mail)).and_then(|reply| completed(Step::Mail, &reply))?;
        for to in envelope.to() {
            let rcpt = Rcpt::new(to.clone(), Vec::new());
            ask(&mut line, gate, Step::Rcpt, |line| line.command(rcpt))
                .and_then(|reply| completed(Step::Rcpt, &reply))?;
        }
        let reply = ask(&mut line, gate, Step::Data, |line| line.command(Data))?;
        if code(&reply) != 354 {
            return Err((Step::Data, Said::Code(code(&reply))));
        }
        if !gate.open() {
            // Nothing of the letter has left: the server forgets it when the line closes.
            return Err((Step::Data, Said::Nothing));
        }
        send_body(&mut line, gate, message)?;
        part_in_step(&mut line)
    }

    /// A quarter of the time for getting through: three answers are waited for here.
    fn connect(&self, gate: &Gate) -> Result<SmtpConnection, Fault> {
        let left = gate.remaining().ok_or((Step::Connect, Said::Nothing))?;
        let from_first_byte = if self.tls == SmtpTls::Required { self.parameters.as_ref() } else { None };
        let server = (self.host.as_str(), self.port);
        SmtpConnection::connect(server, Some(left / 4), &self.hello, from_first_byte, None).map_err(|error| {
            let said = if from_first_byte.is_some() { said_in_handshake(&error) } else { said(&error) };
            (Step::Connect, said)
        })
    }

    fn encrypt(&self, line: &mut SmtpConnection, gate: &Gate) -> Result<(), Fault> {
        if self.tls != SmtpTls::Starttls {
            return Ok(());
        }
        let parameters = self.parameters.as_ref().ok_or((Step::Starttls, Said::Lacks))?;
        if !line.can_starttls() {
            return Err((Step::Starttls, Said::Lacks));
        }
        limit(line, gate, Step::Starttls)?;
        line.starttls(parameters, &self.hello).map_err(|error| (Step::Starttls, said_in_handshake(&error)))?;
        if line.is_encrypted() { Ok(()) } else { Err((Step::Starttls, Said::Tls)) }
    }

    fn sign_in(&self, line: &mut SmtpConnection, gate: &Gate) -> Result<(), Fault> {
        let Some((account, file)) = &self.login else { return Ok(()) };
        let content = fs::read_to_string(file).map_err(|_| (Step::Auth, Said::Lacks))?;
        let password = content.lines().next().unwrap_or_default().to_owned();
        let credentials = Credentials::new(account.clone(), password);
        let reply = ask(line, gate, Step::Auth, |line| line.auth(&[Mechanism::Plain, Mechanism::Login], &credentials))?;
        completed(Step::Auth, &reply)
    }
}

impl Carrier for Smtp {
    fn carry(&self, outgoing: &Outgoing, gate: &Gate) -> Delivery {
        let (envelope, message) = match mime::message(&self.from, outgoing) {
            Ok(ready) => ready,
            Err(fault) => return Delivery::new(Class::Permanent, fault),
        };
        match self.converse(&envelope, &message, gate) {
            Ok(()) => Delivery::new(Class::Sent, "dot 2yz"),
            Err((step, said)) => Delivery::new(classify(step, said), cause(step, said)),
        }
    }
}

fn parameters(config: &config::Smtp) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if !config.ca_file.as_os_str().is_empty() {
        let pem = fs::read(&config.ca_file).map_err(|_| "[smtp] ca_file: cannot be read")?;
        let authority = Certificate::from_pem(&pem).map_err(|_| "[smtp] ca_file: no certificate in PEM form")?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(|_| "[smtp] tls: the certificates to trust cannot be used".into())
}

/// Writes the letter and its final dot, and hears the answer.
fn send_body(line: &mut SmtpConnection, gate: &Gate, message: &[u8]) -> Result<(), Fault> {
    limit(line, gate, Step::Body)?;
    let only_the_dot_is_left = Cell::new(false);
    let parts = iter::once(message).chain(iter::from_fn(|| {
        only_the_dot_is_left.set(true);
        None
    }));
    let answer = line.message_iter(parts);
    let step = if only_the_dot_is_left.get() { Step::Dot } else { Step::Body };
    let reply = answer.map_err(|error| (step, said(&error)))?;
    completed(step, &reply)
}

/// Says good-bye. A server that does not answer has still taken the letter; one that answers with
/// another reply was speaking of something else when it said yes.
fn part_in_step(line: &mut SmtpConnection) -> Result<(), Fault> {
    if line.set_timeout(Some(GOOD_BYE)).is_err() {
        return Ok(());
    }
    let heard = match line.command(Quit) {
        Ok(reply) => Some(code(&reply)),
        Err(error) => error.status().map(u16::from),
    };
    match heard {
        None | Some(221 | 421) => Ok(()),
        Some(_) => Err((Step::Dot, Said::Nothing)),
    }
}

fn ask(
    line: &mut SmtpConnection,
    gate: &Gate,
    step: Step,
    question: impl FnOnce(&mut SmtpConnection) -> Result<Response, SmtpError>,
) -> Result<Response, Fault> {
    limit(line, gate, step)?;
    question(line).map_err(|error| (step, said(&error)))
}

/// No single wait is longer than what is left for the whole letter.
fn limit(line: &mut SmtpConnection, gate: &Gate, step: Step) -> Result<(), Fault> {
    let left = gate.remaining().ok_or((step, Said::Nothing))?;
    line.set_timeout(Some(left)).map_err(|_| (step, Said::Nothing))
}

/// The library calls 3yz positive as well.
fn completed(step: Step, reply: &Response) -> Result<(), Fault> {
    match code(reply) {
        200..=299 => Ok(()),
        other => Err((step, Said::Code(other))),
    }
}

fn code(reply: &Response) -> u16 {
    reply.code().into()
}

fn said(error: &SmtpError) -> Said {
    match error.status() {
        Some(code) => Said::Code(code.into()),
        None if error.is_tls() => Said::Tls,
        None if error.is_client() => Said::Lacks,
        None => Said::Nothing,
    }
}

/// [`said`] while TLS is being agreed. A refused certificate comes as invalid data from the line,
/// which anywhere else would be a garbled reply.
fn said_in_handshake(error: &SmtpError) -> Said {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::InvalidData) {
            return Said::Tls;
        }
        source = cause.source();
    }
    said(error)
}

/// The table of 6-safety, line by line. Where it is silent (a 5yz to MAIL or to AUTH, a relay that
/// refuses us) the fault is in the settings and not in the partner's address.
fn classify(step: Step, said: Said) -> Class {
    match (step, said) {
        (Step::Dot, Said::Code(400..=499)) => Class::Retry,
        (Step::Dot, Said::Code(500..=599)) => Class::Permanent,
        (Step::Dot, _) => Class::Ambiguous,
        (Step::Connect, Said::Code(_)) | (_, Said::Code(400..=499)) => Class::Retry,
        (_, Said::Tls) => Class::Config,
        (Step::Starttls | Step::Auth, Said::Lacks) => Class::Config,
        (Step::Starttls | Step::Auth | Step::Mail, Said::Code(500..=599)) => Class::Config,
        (_, Said::Code(503 | 530 | 535 | 538)) | (Step::Rcpt, Said::Code(554)) => Class::Config,
        (Step::Rcpt | Step::Data, Said::Code(500..=599)) => Class::Permanent,
        _ => Class::Retry,
    }
}

fn cause(step: Step, said: Said) -> String {
    let step = match step {
        Step::Connect => "connect",
        Step::Starttls => "starttls",
        Step::Auth => "auth",
        Step::Mail => "mail",
        Step::Rcpt => "rcpt",
        Step::Data => "data",
        Step::Body => "body",
        Step::Dot => "dot",
    };
    match said {
        Said::Code(code) => format!("{step} {code}"),
        Said::Tls => format!("{step} tls"),
        Said::Lacks => format!("{step} lacks"),
        Said::Nothing => format!("{step} nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_are_those_of_the_safety_page() {
        use Said::{Code, Lacks, Nothing, Tls};
        let table: &[(Class, &[Fault])] = &[
            (
                Class::Retry,
                &[
                    (Step::Connect, Nothing),
                    (Step::Connect, Code(421)),
                    (Step::Connect, Code(554)),
                    (Step::Mail, Code(421)),
                    (Step::Auth, Code(454)),
                    (Step::Mail, Code(451)),
                    (Step::Rcpt, Code(450)),
                    (Step::Data, Code(451)),
                    (Step::Data, Code(250)),
                    (Step::Body, Nothing),
                    (Step::Dot, Code(451)),
                ],
            ),
            (
                Class::Config,
                &[
                    (Step::Connect, Tls),
                    (Step::Starttls, Tls),
                    (Step::Starttls, Lacks),
                    (Step::Auth, Lacks),
                    (Step::Auth, Code(535)),
                    (Step::Mail, Code(530)),
                    (Step::Mail, Code(550)),
                    (Step::Rcpt, Code(554)),
                ],
            ),
            (
                Class::Permanent,
                &[
                    (Step::Rcpt, Code(550)),
                    (Step::Rcpt, Code(551)),
                    (Step::Rcpt, Code(553)),
                    (Step::Dot, Code(550)),
                    (Step::Dot, Code(554)),
                ],
            ),
            (Class::Ambiguous, &[(Step::Dot, Nothing), (Step::Dot, Code(354)), (Step::Dot, Tls)]),
        ];
        for (class, faults) in table {
            for (step, said) in *faults {
                assert_eq!(classify(*step, *said), *class, "{}", cause(*step, *said));
            }
        }
    }
}
