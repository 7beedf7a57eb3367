//! One connection: requests are read, answered and recorded until either side has enough.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConnection, StreamOwned};

use super::answer::{self, Answer, Reply};
use super::behaviour::Behaviour;
use super::delivery;
use super::fault::Fault;
use super::request::Request;
use super::{Shared, lock};

/// Answers the requests of a connection. What ends it is between the client and the test, and nothing of ours.
pub(super) fn serve(socket: Arc<TcpStream>, shared: &Shared) {
    let socket = Socket(socket);
    let _ = match &shared.tls {
        None => answer_all(socket, shared),
        Some(config) => ServerConnection::new(Arc::clone(config))
            .map_err(io::Error::other)
            .and_then(|connection| answer_all(StreamOwned::new(connection, socket), shared)),
    };
}

fn answer_all(mut stream: impl Connection, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        match Request::read(&mut stream, &mut buffer) {
            Ok(Some(request)) => {
                if !answer(&mut stream, request, shared)? {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                let refusal = Answer::text(400, "text/plain", format!("{error}\n"));
                stream.write_all(delivery::head(&refusal, true).as_bytes())?;
                stream.write_all(refusal.body())?;
                return stream.finish();
            }
        }
    }
}

/// Answers one request. Returns whether another may follow.
fn answer(stream: &mut impl Connection, mut request: Request, shared: &Shared) -> io::Result<bool> {
    let fault = lock(&shared.plans).get_mut(&request.path).map_or(Fault::Ordinary, super::plan::Plan::next);
    let behaviour = Behaviour::from(fault);
    let file = {
        let mut files = lock(&shared.files);
        if let (Some(bytes), Some(file)) = (&behaviour.replacement, files.get_mut(&request.path)) {
            *file = file.replaced(Arc::clone(bytes));
        }
        files.get(&request.path).cloned()
    };
    let reply = answer::reply(&request, file.as_ref(), &behaviour);
    let close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let head_only = request.method == "HEAD";
    request.tls = shared.tls.is_some();
    request.status = if let Reply::Answer(answer) = &reply { Some(answer.status) } else { None };
    let index = {
        let mut requests = lock(&shared.requests);
        requests.push(request);
        requests.len() - 1
    };
    match reply {
        Reply::Silence => {
            shared.stop.wait();
            Ok(false)
        }
        Reply::Close => Ok(false),
        Reply::Raw(bytes) => {
            stream.write_all(bytes)?;
            stream.flush()?;
            Ok(false)
        }
        Reply::Answer(answer) if head_only => {
            stream.write_all(delivery::head(&answer, close).as_bytes())?;
            stream.flush()?;
            Ok(!close)
        }
        Reply::Answer(answer) => {
            let count = |sent| lock(&shared.requests)[index].sent += sent;
            let more = delivery::send(stream, &answer, behaviour.pace, close, &shared.stop, count)?;
            let whole = lock(&shared.requests)[index].sent == answer.body().len() as u64;
            if !more && whole {
                stream.finish()?;
            }
            Ok(more)
        }
    }
}

/// A stream that can be ended in good order.
trait Connection: Read + Write {
    /// Says that nothing more will be sent.
    fn finish(&mut self) -> io::Result<()>;
}

/// A socket that the server can shut down while a connection's thread waits for it.
struct Socket(Arc<TcpStream>);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for Socket {
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for StreamOwned<ServerConnection, Socket> {
    fn finish(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}
