//! What a page promises: nothing in it is markup, nothing comes from elsewhere.

use super::Page;
use crate::plot::{Axis, Bar, Bars};
use crate::{Align, Table};

const EVIL: &str = "</title><script>alert(1)</script><img src=x onerror='y' a=\"b\">&amp;\u{0}";
const DRAWING: &str = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"20\">\
                       <style>h1 { color: red; }</style><script>alert('1')</script><text id=\"a\">é 50 % #</text></svg>\n";

/// A page with `text` in every place for text.
fn page(text: &str) -> Page {
    let mut page = Page::new(text);
    page.lead(text);
    page.section(text);
    page.paragraph(text);
    page.facts(&[(text, text)]);
    page.command(text);
    page.listing(text);
    let mut table = Table::new([(text, Align::Left), ("n", Align::Right)]);
    table.row([text, "1"]);
    page.table(&table);
    let bar = Bar { label: text.into(), value: 1.0, interval: None };
    let bars = Bars { title: text.into(), axis: Axis::linear(text), bars: vec![bar], reference: None };
    let svg = bars.render().expect("drawn");
    page.figure(&svg, text);
    page.figure(&svg, text);
    page.figure(DRAWING, text);
    page.notes(&[(text, text)]);
    page
}

/// Names of the tags, in order.
fn tags(html: &str) -> Vec<&str> {
    let names = html.split('<').skip(1).map(|rest| rest.split([' ', '>', '\n']).next().unwrap_or_default());
    names.collect()
}

#[test]
fn text_never_becomes_markup() {
    let html = page(EVIL).render();
    assert_eq!(tags(&html), tags(&page("harmless").render()));
    assert!(!html.contains("<script") && !html.contains("onerror='") && !html.contains('\u{0}'));
    assert!(html.contains("&#60;script&#62;alert(1)"));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let html = page("x").render().replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "url(", "@import", "<link", "<script", "<iframe", "src=\"", "href"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("src=").count(), html.matches("src='data:image/svg+xml,").count());
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"));
    assert!(
        html.contains("<meta name=\"viewport\"")
            && html.contains("@media print")
            && html.contains("(prefers-color-scheme: dark)")
    );
}

#[test]
fn a_drawing_keeps_its_styles_to_itself_and_comes_back_whole() {
    let html = page("x").render();
    assert!(!html.contains("color: red; }</style>"));
    let address =
        html.rsplit("src='data:image/svg+xml,").next().and_then(|rest| rest.split('\'').next()).expect("an image");
    let svg = percent_encoding::percent_decode_str(address).decode_utf8().expect("UTF-8");
    assert_eq!(svg, DRAWING.trim());
    assert!(roxmltree::Document::parse(&svg).is_ok());
}

#[test]
fn narrow_figures_stand_together_and_wide_ones_alone() {
    let html = page("x").render();
    assert_eq!(html.matches("<div class=\"figures\">").count(), 1);
    let together =
        html.split("<div class=\"figures\">").nth(1).and_then(|rest| rest.split("<figure class=\"wide\">").next());
    assert_eq!(together.expect("wide after narrow").matches("<figure>").count(), 2);
    assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
}

#[test]
fn what_is_not_there_leaves_no_trace() {
    let mut page = Page::new("x");
    let none: [(&str, &str); 0] = [];
    page.facts(&none);
    page.notes(&none);
    let html = page.render();
    assert!(!html.contains("<dl") && !html.contains("<footer"));
}

#[test]
fn numbers_stand_on_the_right() {
    let html = page("x").render();
    assert!(html.contains("<th scope=\"col\" class=\"right\">n</th>") && html.contains("<td class=\"right\">1</td>"));
}
