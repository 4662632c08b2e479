//! A mail server that plays a part: what it says at each step, and when it falls silent.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does at one step.
#[derive(Clone)]
pub enum Act {
    Say(&'static str),
    /// Says it a byte at a time, with this pause before each.
    Drip(Duration, &'static str),
    Wait(Duration, &'static str),
    /// After 354 only: reads so many bytes of the letter and is gone.
    CutAfter(usize),
    Close,
}
use Act::Say;

/// One connection's part. Starts as a good server; a story changes what it is about.
#[derive(Clone)]
pub struct Part {
    pub banner: Act,
    pub ehlo: Act,
    pub starttls: Act,
    pub auth: Act,
    pub mail: Act,
    pub rcpt: Act,
    pub data: Act,
    pub dot: Act,
    pub quit: Act,
    /// TLS from the first byte.
    pub tls: bool,
}

impl Default for Part {
    fn default() -> Part {
        Part {
            banner: Say("220 here\r\n"),
            ehlo: Say("250 here\r\n"),
            starttls: Say("220 go on\r\n"),
            auth: Say("235 welcome\r\n"),
            mail: Say("250 yes\r\n"),
            rcpt: Say("250 yes\r\n"),
            data: Say("354 go on\r\n"),
            dot: Say("250 taken\r\n"),
            quit: Say("221 bye\r\n"),
            tls: false,
        }
    }
}

/// What the server has seen.
#[derive(Default)]
pub struct Seen {
    /// First words of all commands.
    pub commands: Vec<String>,
    /// Letters that came whole, to the final dot, whatever was said about them.
    pub letters: Vec<String>,
}

impl Seen {
    pub fn has(&self, command: &str) -> bool {
        self.commands.iter().any(|seen| seen == command)
    }
}

pub struct MailServer {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl MailServer {
    /// Plays the parts one after the other, one for each connection, and the last for all others.
    pub fn playing(parts: impl IntoIterator<Item = Part>) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut parts: VecDeque<Part> = parts.into_iter().collect();
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let part = if parts.len() > 1 { parts.pop_front() } else { parts.front().cloned() };
                let (part, seen) = (part.unwrap_or_default(), shared.clone());
                std::thread::spawn(move || part.play(stream.unwrap(), &seen));
            }
        });
        MailServer { port, seen }
    }

    pub fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

struct Line {
    stream: Box<dyn Stream>,
    ahead: Vec<u8>,
}

impl Line {
    fn act(&mut self, act: &Act) -> Option<()> {
        match act {
            Act::Say(text) => self.stream.write_all(text.as_bytes()).ok()?,
            Act::Drip(pause, text) => {
                for byte in text.bytes() {
                    sleep(*pause);
                    self.stream.write_all(&[byte]).ok()?;
                }
            }
            Act::Wait(pause, text) => {
                sleep(*pause);
                self.stream.write_all(text.as_bytes()).ok()?;
            }
            Act::CutAfter(bytes) => {
                self.stream.write_all(b"354 go on\r\n").ok()?;
                self.stream.flush().ok()?;
                self.stream.read_exact(&mut vec![0; *bytes]).ok()?;
                return None;
            }
            Act::Close => return None,
        }
        self.stream.flush().ok()
    }

    /// Up to and without `end`; `None` when the line closed first.
    fn until(&mut self, end: &[u8]) -> Option<String> {
        let mut from = 0;
        loop {
            if let Some(at) = self.ahead[from..].windows(end.len()).position(|w| w == end).map(|at| at + from) {
                let rest = self.ahead.split_off(at + end.len());
                let mut line = std::mem::replace(&mut self.ahead, rest);
                line.truncate(at);
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            from = self.ahead.len().saturating_sub(end.len());
            let mut more = [0; 65536];
            match self.stream.read(&mut more) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.ahead.extend_from_slice(&more[..count]),
            }
        }
    }
}

impl Part {
    fn play(&self, stream: TcpStream, seen: &Mutex<Seen>) -> Option<()> {
        let raw = stream.try_clone().unwrap();
        let stream: Box<dyn Stream> = if self.tls { encrypted(stream) } else { Box::new(stream) };
        let mut line = Line { stream, ahead: Vec::new() };
        line.act(&self.banner)?;
        let mut to_encrypt = Some(raw);
        loop {
            let said = line.until(b"\r\n")?;
            let command = said.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            seen.lock().unwrap().commands.push(command.clone());
            match command.as_str() {
                "EHLO" => line.act(&self.ehlo)?,
                "STARTTLS" => {
                    line.act(&self.starttls)?;
                    line = Line { stream: encrypted(to_encrypt.take()?), ahead: Vec::new() };
                }
                "AUTH" => line.act(&self.auth)?,
                "MAIL" => line.act(&self.mail)?,
                "RCPT" => line.act(&self.rcpt)?,
                "DATA" => {
                    line.act(&self.data)?;
                    let letter = line.until(b"\r\n.\r\n")?;
                    seen.lock().unwrap().letters.push(letter);
                    line.act(&self.dot)?;
                }
                "QUIT" => {
                    line.act(&self.quit);
                    return None;
                }
                _ => line.act(&Say("500 what\r\n"))?,
            }
        }
    }
}

fn encrypted(stream: TcpStream) -> Box<dyn Stream> {
    let chain = CertificateDer::from_pem_slice(include_bytes!("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    Box::new(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream))
}
