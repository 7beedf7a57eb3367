//! Reports as one HTML file that needs nothing beside it.
//!
//! A [`Page`] is filled from the top down with text, tables and figures and rendered once. Whatever goes in is text, never
//! markup: it is escaped on its way. Figures are embedded as images, which keeps their styles and names to themselves. The
//! document runs no script, asks for nothing from elsewhere and says so to the browser; it is made for the width of a
//! phone, for dark rooms and for paper.

mod escape;
mod figure;
mod page;

pub use page::Page;

#[cfg(test)]
mod tests;
