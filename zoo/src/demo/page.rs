//! The demonstration as one page for a browser.

use bossnas_model::draw::Drawing;
use bossnas_report::html::Page;
use bossnas_report::statistics::wilson;
use bossnas_report::{Align, Table, units};

use super::{Demo, DemoError, Seen, picture};
use crate::export::Exported;
use crate::parts::parts;
use crate::verify::TOLERANCE;

/// What the words and numbers mean.
const NOTES: [(&str, &str); 5] = [
    ("multiply-adds", "products of convolutions, linear layers and attention for one image, each with its addition"),
    ("peak of activations", "the largest sum of values that are live at once, in float32, nothing computed in place"),
    (
        "verified",
        "tract's outputs of the written file are compared with the network in float64, before anything was folded",
    ),
    ("top-1", "the share of digits whose class has the largest score"),
    ("interval", "Wilson's, of 95 %"),
];

/// The page.
pub fn page(demo: &Demo, drawing: &Drawing, exported: &Exported, seen: &Seen) -> Result<String, DemoError> {
    let metadata = demo.metadata();
    let (right, images) = (seen.score.top1, seen.score.images);
    let mut page = Page::new(&format!("{}, demonstrated", demo.name()));
    page.lead(&format!(
        "{right} of {images} handwritten digits that it has never seen are recognised: {}.",
        top1(seen)
    ));
    let [height, width] = metadata.preprocessing.size;
    let check = exported.verdict.as_ref().map_or_else(
        || "not made".to_owned(),
        |verdict| format!("off by {:.1e} of the largest logit, {TOLERANCE:.0e} is allowed", verdict.error),
    );
    page.facts(&[
        ("architecture", metadata.architecture.to_string()),
        ("weights", metadata.source.to_string()),
        ("input", format!("{height} x {width} pixels")),
        ("parameters", units::count(demo.cost().params)),
        ("multiply-adds", units::count(demo.cost().multiply_adds())),
        ("file", format!("{}, {} nodes", units::bytes(exported.written.bytes), exported.written.nodes)),
        ("verification", check),
    ]);
    page.section("Digits that it has never seen");
    let mut shown = Vec::new();
    for prediction in seen.shown() {
        let [is, said] = [prediction.label, prediction.class].map(|class| demo.label(class));
        let text = format!("{is}: says {said}, {:.1} %", 100.0 * prediction.probability);
        shown.push((seen.image(prediction.index)?, text, prediction.rank == 0));
    }
    page.figure(&picture::svg(&shown), "A few of them, each with what it is and what the network says.");
    page.section("What is taken for what");
    page.paragraph("A row for what the digits are, a column for what the network says.");
    page.table(&seen.confusion.table(&metadata.labels));
    page.section("The network");
    page.figure(&drawing.svg(), &format!("{}: its stages and blocks.", demo.name()));
    page.table(&cost(demo));
    page.notes(&NOTES);
    Ok(page.render())
}

/// `98.61 % (96.78 to 99.41)`.
fn top1(seen: &Seen) -> String {
    let (right, images) = (seen.score.top1, seen.score.images);
    let [low, high] = wilson(right, images).map(|bound| bound * 100.0);
    format!("top-1 {:.2} % ({low:.2} to {high:.2})", 100.0 * right as f64 / images.max(1) as f64)
}

fn cost(demo: &Demo) -> Table {
    let mut table = Table::new([
        ("part", Align::Left),
        ("params", Align::Right),
        ("multiply-adds", Align::Right),
        ("peak of activations", Align::Right),
    ]);
    for part in parts(demo.cost()) {
        let counts = [units::count(part.params), units::count(part.madds), units::bytes(part.peak_activation_bytes)];
        table.row([part.name].into_iter().chain(counts));
    }
    table
}
