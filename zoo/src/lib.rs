//! What `bossnas-zoo` does, as a library: the binary adds the command line.
//!
//! - [`demo`] shows everything at work;
//! - [`runtime`] executes ONNX files;
//! - [`tune`] finds the best way to run a file on a machine;
//! - [`validate`] compares runtimes with each other and with the network, [`compare`] tensors;
//! - [`verify`] compares a file with the float64 evaluator;
//! - [`run_folder`] is what a search wrote, [`best`] finds its best whole architectures under limits;
//! - [`bench`](mod@bench) measures how fast files run;
//! - [`eval`] counts how often a file is right;
//! - [`export`] turns an architecture and weights into a verified file;
//! - [`embedded`] opens the networks that are part of the program;
//! - [`fetch`] brings published files onto this machine, and is all that ever opens a connection;
//! - [`images`] turns image files into what networks read;
//! - [`score`](mod@score) runs a classifier on images;
//! - [`ports`] are the inputs that a file declares;
//! - [`parts`] sums what a network costs by stem, stages and head; [`predict`] names the likeliest classes;
//! - [`rank`] brings ratings of searched architectures together with their accuracies.

pub mod bench;
pub mod best;
pub mod compare;
pub mod demo;
pub mod embedded;
pub mod eval;
pub mod export;
pub mod fetch;
pub mod images;
pub mod parts;
pub mod ports;
pub mod predict;
pub mod rank;
pub mod run_folder;
pub mod runtime;
pub mod score;
pub mod tune;
pub mod validate;
pub mod verify;
