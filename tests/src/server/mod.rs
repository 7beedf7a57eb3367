//! A server on the loopback that serves files over HTTP/1.1 and misbehaves as it is told.
//!
//! Files go in as bytes; a [`Fault`] says what goes wrong with a request, and a plan gives the first, the second, ...
//! request for a path its fault. Without one it does what RFC 9110 says: ranges, `If-Range`, 206 and 416. What it was
//! asked, and how much of each body it has sent, is kept as [`Request`]s. Dropping it ends every connection.
//!
//! One request comes from a `connection`, the plan makes a `behaviour` of it, that an `answer`, and `delivery`
//! sends it.

mod answer;
mod behaviour;
mod connection;
mod delivery;
mod fault;
mod file;
mod gzip;
mod plan;
mod request;
mod stop;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use rustls::ServerConfig;

use crate::authority::Authority;
use file::File;
use plan::Plan;
use stop::Stop;

pub use fault::Fault;
pub use request::Request;

/// A running server.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the threads of a server have in common.
struct Shared {
    files: Mutex<HashMap<String, File>>,
    plans: Mutex<HashMap<String, Plan>>,
    requests: Mutex<Vec<Request>>,
    tls: Option<Arc<ServerConfig>>,
    stop: Stop,
}

impl Server {
    /// Serves these files, each under its path, over plain HTTP.
    pub fn start<P: Into<String>, B: Into<Arc<[u8]>>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        Self::listen(files, None)
    }

    /// The same over TLS, with the authority's certificate for servers.
    pub fn start_tls<P: Into<String>, B: Into<Arc<[u8]>>>(
        files: impl IntoIterator<Item = (P, B)>,
        authority: &Authority,
    ) -> Self {
        Self::listen(files, Some(tls::config(authority)))
    }

    fn listen<P: Into<String>, B: Into<Arc<[u8]>>>(
        files: impl IntoIterator<Item = (P, B)>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let files = files.into_iter().map(|(path, bytes)| (rooted(&path.into()), File::new(bytes.into())));
        let shared = Arc::new(Shared {
            files: Mutex::new(files.collect()),
            plans: Mutex::default(),
            requests: Mutex::default(),
            tls,
            stop: Stop::default(),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared))
        };
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, rooted(path))
    }

    /// Gives the next requests for a path these faults, one each, and all further ones `then`; replaces an earlier plan.
    pub fn plan(&self, path: &str, first: impl IntoIterator<Item = Fault>, then: impl Into<Option<Fault>>) {
        let plan = Plan::new(first, then.into().unwrap_or(Fault::Ordinary));
        lock(&self.shared.plans).insert(rooted(path), plan);
    }

    /// The `ETag` that a file has now.
    pub fn etag(&self, path: &str) -> String {
        lock(&self.shared.files).get(&rooted(path)).expect("a file that is served").etag()
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The requests so far for one path.
    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.path == rooted(path)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.raise();
        // Wakes the acceptor, which sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// Takes connections until the server is to stop, and then ends those that are left.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections: Vec<(Weak<TcpStream>, JoinHandle<()>)> = Vec::new();
    while let Ok((socket, _)) = listener.accept() {
        if shared.stop.raised() {
            break;
        }
        let socket = Arc::new(socket);
        let weak = Arc::downgrade(&socket);
        let shared = Arc::clone(shared);
        connections.push((weak, std::thread::spawn(move || connection::serve(socket, &shared))));
    }
    for (socket, thread) in connections {
        if let Some(socket) = socket.upgrade() {
            // Ends whatever its thread is reading or writing.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        let _ = thread.join();
    }
}

/// The path as a request names it: with a slash before it.
fn rooted(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
