//! Tests of the built program, run as a user runs it: with arguments, files, and servers on the loopback.
//!
//! - [`program`] finds the binary, runs it and holds what came back;
//! - [`network`] makes a known network's checkpoint, input and logits;
//! - [`small`] makes the checkpoint of a small one, [`searched`] run folders of small searches;
//! - [`npy`] reads and writes arrays with code of its own, so that the program's is tested too;
//! - [`server`] serves files over HTTP and misbehaves as it is told;
//! - [`nginx`] serves a folder with a server that others wrote;
//! - [`proxy`] passes connections on;
//! - [`authority`] makes the certificates of both;
//! - [`client`] asks them without the program, to test them;
//! - [`offline`] runs the program where opening a network socket is its death;
//! - [`shelf`] is a registry of one thing to fetch, with a cache; [`patience`] waits for what another process does;
//! - [`strict`] says what becomes of a test that lacks something.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when it cannot go on")]

pub mod authority;
pub mod client;
pub mod network;
pub mod nginx;
pub mod npy;
pub mod offline;
pub mod onnxruntime;
pub mod patience;
pub mod program;
pub mod proxy;
pub mod searched;
pub mod server;
pub mod shelf;
pub mod small;
pub mod strict;
