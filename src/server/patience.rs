//! How long a connection may be held without a whole request in it.
//!
//! actix gives the first head of a connection its deadline. The heads after it have no limit,
//! and neither has a client that does not read its answer; so each connection has a guard, which
//! ends it when too much time has passed since it was opened, or since its last answer was ready,
//! without another request. It cannot be waited out by sending or reading a byte now and then.

use std::any::Any;
use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant as Stopwatch};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::{Shutdown, shutdown};
use tokio::sync::oneshot;

/// A connection, as its requests and its guard know it.
#[derive(Clone)]
pub(super) struct Line(Rc<Held>);

struct Held {
    /// Since when the client has the word; `None` while we have it.
    waiting: Cell<Option<Stopwatch>>,
    /// Dropped with the connection, which its guard hears.
    _open: oneshot::Sender<()>,
}

impl Line {
    /// A request has come.
    pub(super) fn busy(&self) {
        self.0.waiting.set(None);
    }

    /// Its answer is ready to be read.
    pub(super) fn answered(&self) {
        self.0.waiting.set(Some(Stopwatch::now()));
    }
}

/// Puts a guard beside a connection that was just accepted. One that cannot be guarded is closed.
pub(super) fn guard(io: &dyn Any, data: &mut Extensions, patience: Duration) {
    let Some(socket) = socket(io) else { return };
    let Ok(copy) = socket.try_clone_to_owned() else {
        let _ = shutdown(socket, Shutdown::Both);
        return;
    };
    let (open, gone) = oneshot::channel();
    let held = Rc::new(Held { waiting: Cell::new(Some(Stopwatch::now())), _open: open });
    actix_web::rt::spawn(wait(copy, Rc::downgrade(&held), gone, patience));
    data.insert(Line(held));
}

fn socket(io: &dyn Any) -> Option<BorrowedFd<'_>> {
    let tls = io.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    Some(tls.or_else(|| io.downcast_ref::<TcpStream>())?.as_fd())
}

async fn wait(socket: OwnedFd, line: Weak<Held>, mut gone: oneshot::Receiver<()>, patience: Duration) {
    while let Some(held) = line.upgrade() {
        let waited = held.waiting.get().map_or(Duration::ZERO, |since| since.elapsed());
        drop(held);
        if waited >= patience {
            // The connection's own task finds it closed, and ends.
            let _ = shutdown(&socket, Shutdown::Both);
            return;
        }
        if tokio::time::timeout(patience - waited, &mut gone).await.is_ok() {
            return;
        }
    }
}
