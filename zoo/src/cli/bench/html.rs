//! The report as one page for a browser.

use bossnas_model::arch::Architecture;
use bossnas_model::cost::cost;
use bossnas_model::draw;
use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Bar, Bars, Distributions, Row};

use super::document::{Document, VariantReport};
use super::notes::NOTES;
use super::print::{compared, facts, operators_of, speeds, spread, starts};

/// The page.
pub(super) fn page(document: &Document) -> anyhow::Result<String> {
    let several = document.has_several_models();
    let mut page = Page::new("How fast is it?");
    let scenario = document.variants.first().map_or("latency", |variant| variant.scenario.name());
    page.lead(&format!(
        "{} variants, scenario {scenario}, measured in turn on {}.",
        document.variants.len(),
        document.machine.processor
    ));
    page.section("Times");
    let rows = document.variants.iter().map(|variant| Row {
        name: variant.label(several),
        samples: variant.samples_ms.concat(),
        interval: variant.times_ms.median.interval,
    });
    let distributions =
        Distributions { title: "Time of a run".to_owned(), axis: Axis::log("milliseconds"), rows: rows.collect() };
    page.figure(&distributions.render()?, "Every run, the quartiles, and the median with its 95 % interval.");
    page.table(&speeds(document));
    page.table(&spread(document));
    page.section("Images in a second");
    let bar = |variant: &VariantReport| Bar {
        label: variant.label(several),
        value: variant.images_per_second.value,
        interval: variant.images_per_second.interval,
    };
    let bars = Bars {
        title: "Throughput".to_owned(),
        axis: Axis::linear("images/s"),
        bars: document.variants.iter().map(bar).collect(),
        reference: None,
    };
    page.figure(&bars.render()?, "Images in a second with 95 % intervals.");
    if let Some(comparisons) = &document.baseline {
        page.section("Against the baseline");
        page.table(&compared(comparisons));
        let bars = Bars {
            title: "Time now in units of the time before".to_owned(),
            axis: Axis::linear("ratio of medians"),
            bars: comparisons
                .iter()
                .map(|it| Bar { label: it.variant.clone(), value: it.ratio, interval: it.interval })
                .collect(),
            reference: Some(1.0),
        };
        page.figure(&bars.render()?, "Below 1 is faster.");
    }
    page.section("Before the steady state");
    page.table(&starts(document));
    for variant in document.variants.iter().filter(|variant| !variant.operators.is_empty()) {
        page.table(&operators_of(variant, several));
    }
    page.section("What was measured, and where");
    page.facts(&facts(document));
    for (name, drawing) in drawings(document) {
        page.figure(&drawing, &name);
    }
    page.section("Not controlled");
    for sentence in &document.not_controlled {
        page.paragraph(sentence);
    }
    page.section("What the numbers mean");
    page.notes(&NOTES);
    Ok(page.render())
}

/// The networks of files of ours, once each.
fn drawings(document: &Document) -> Vec<(String, String)> {
    let mut drawn: Vec<(String, String)> = Vec::new();
    for variant in &document.variants {
        let Some(text) = &variant.model.architecture else { continue };
        if drawn.iter().any(|(name, _)| *name == variant.model.name) {
            continue;
        }
        let size = variant.inputs.first().and_then(|input| input.shape.get(2..4)?.try_into().ok());
        if let Some(svg) = size.and_then(|size| drawing(&variant.model.name, text, size)) {
            drawn.push((variant.model.name.clone(), svg));
        }
    }
    drawn
}

fn drawing(name: &str, text: &str, size: [usize; 2]) -> Option<String> {
    let net: Architecture = text.parse().ok()?;
    let cost = cost(&net.graph().ok()?, size[0], size[1]).ok()?;
    draw::svg(&net, size, name, Some(&cost)).ok()
}
