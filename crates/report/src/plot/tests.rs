//! What every plot promises: documents that are well-formed, the same for the same data, of bounded size, for any numbers.

use proptest::prelude::*;
use roxmltree::Document;

use super::*;

fn scatter(points: Vec<Point>, scale: Scale, joined: bool) -> Scatter {
    let axis = |label: &str| Axis { label: label.into(), scale };
    let series = vec![Series { name: "a".into(), points, joined }];
    Scatter { title: "points".into(), x: axis("x"), y: axis("y"), series }
}

fn distributions(samples: Vec<f64>, interval: Option<[f64; 2]>, scale: Scale) -> Distributions {
    let rows = vec![Row { name: "row".into(), samples, interval }];
    Distributions { title: "distributions".into(), axis: Axis { label: "ms".into(), scale }, rows }
}

fn bars(values: &[f64], interval: Option<[f64; 2]>, reference: Option<f64>, scale: Scale) -> Bars {
    let bars = values.iter().enumerate().map(|(index, &value)| Bar { label: format!("bar {index}"), value, interval });
    Bars { title: "bars".into(), axis: Axis { label: "share".into(), scale }, bars: bars.collect(), reference }
}

/// All text of the document, a line for each element.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed");
    let texts = document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

/// That every coordinate is a number on the sheet or near it.
fn is_on_the_sheet(svg: &str) -> bool {
    let document = Document::parse(svg).expect("well-formed");
    let view: Vec<f64> = document
        .root_element()
        .attribute("viewBox")
        .expect("view")
        .split(' ')
        .map(|number| number.parse().expect("number"))
        .collect();
    let inside = |name: &str, text: &str, size: f64| {
        let value: f64 = text.parse().unwrap_or_else(|_| panic!("{name} is {text}"));
        (-50.0..=size + 50.0).contains(&value)
    };
    document.descendants().filter(roxmltree::Node::is_element).all(|node| {
        let attributes = node.attributes().all(|attribute| match attribute.name() {
            name @ ("x" | "cx" | "x1" | "x2") => inside(name, attribute.value(), view[2]),
            name @ ("y" | "cy" | "y1" | "y2") => inside(name, attribute.value(), view[3]),
            name @ ("width" | "height") if node.has_tag_name("rect") => inside(name, attribute.value(), f64::INFINITY),
            _ => true,
        });
        let points = node.attribute("points").unwrap_or_default().split_whitespace().all(|point| {
            point.split_once(',').is_some_and(|(x, y)| inside("x", x, view[2]) && inside("y", y, view[3]))
        });
        attributes && points
    })
}

#[test]
fn text_from_outside_stays_text() {
    let evil = "<script>alert('x')</script> & \"y\" \u{0}\u{b}\u{202e}\u{fffe}\n";
    let mut plots = (
        scatter(vec![Point { x: 1.0, y: 2.0, label: Some(evil.into()) }], Scale::Linear, true),
        distributions(vec![1.0, 2.0], None, Scale::Linear),
        bars(&[1.0], None, None, Scale::Linear),
    );
    plots.0.series.push(Series { name: evil.into(), points: vec![], joined: false });
    (plots.0.title, plots.0.x.label, plots.0.y.label) = (evil.into(), evil.into(), evil.into());
    (plots.1.title, plots.1.axis.label, plots.1.rows[0].name) = (evil.into(), evil.into(), evil.into());
    (plots.2.title, plots.2.axis.label, plots.2.bars[0].label) = (evil.into(), evil.into(), evil.into());
    for svg in [plots.0.render(), plots.1.render(), plots.2.render()].map(|svg| svg.expect("drawn")) {
        assert!(!svg.contains("<script"), "{svg}");
        assert!(texts(&svg).iter().any(|text| text.contains("<script>")), "{svg}");
        assert!(!svg.replace("http://www.w3.org/2000/svg", "").contains("http"), "{svg}");
    }
}

#[test]
fn a_plot_scales_and_says_what_it_is() {
    let svg = bars(&[1.0, 2.0], None, Some(1.5), Scale::Linear).render().expect("drawn");
    let document = Document::parse(&svg).expect("well-formed");
    let root = document.root_element();
    assert!(root.has_attribute("viewBox") && root.attribute("role") == Some("img"));
    let title = root.first_element_child().expect("title");
    assert_eq!((title.tag_name().name(), title.text()), ("title", Some("bars")));
    assert_eq!(texts(&svg)[0], "bars");
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let points: Vec<Point> = (0..9000).map(|i| Point::new(f64::from(i % 97), f64::from(i % 89))).collect();
    let plot = scatter(points, Scale::Linear, false);
    assert_eq!(plot.render(), plot.clone().render());
}

#[test]
fn many_points_make_no_large_file() {
    let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / 1e4 + 1.0;
    let many = 200_000;
    for joined in [false, true] {
        let points = (0..many).map(|i| Point::new(f64::from(i) + 1.0, noise(i))).collect();
        let svg = scatter(points, Scale::Log, joined).render().expect("drawn");
        assert!(svg.len() < 500_000, "{} bytes", svg.len());
    }
    let mut plot = distributions((0..many).map(noise).collect(), None, Scale::Linear);
    plot.rows = vec![plot.rows[0].clone(); 20];
    let svg = plot.render().expect("drawn");
    assert!(svg.len() < 500_000, "{} bytes", svg.len());
}

#[test]
fn numbers_without_a_place_are_refused_by_name() {
    let nan = scatter(vec![Point::new(0.0, f64::NAN)], Scale::Linear, false).render().expect_err("refused");
    assert_eq!(nan.to_string(), "plot `points`: NaN of `a` cannot be drawn");
    let zero = distributions(vec![1.0, 0.0], None, Scale::Log).render().expect_err("refused");
    assert_eq!(zero.to_string(), "plot `distributions`: 0 of `row` has no place on the logarithmic axis `ms`");
    let turned = bars(&[1.0], Some([2.0, 1.0]), None, Scale::Linear).render().expect_err("refused");
    assert!(matches!(turned, PlotError::Interval { low: 2.0, high: 1.0, .. }));
    for value in [f64::INFINITY, f64::MAX, f64::MIN] {
        assert!(matches!(bars(&[value], None, None, Scale::Linear).render(), Err(PlotError::Value { .. })));
    }
    assert!(bars(&[1.0], None, Some(f64::NAN), Scale::Linear).render().is_err());
}

#[test]
fn nothing_cannot_be_drawn_and_too_much_neither() {
    assert!(matches!(scatter(vec![], Scale::Linear, true).render(), Err(PlotError::Empty { .. })));
    assert!(
        matches!(distributions(vec![], None, Scale::Linear).render(), Err(PlotError::Empty { what, .. }) if what == "row")
    );
    assert!(matches!(bars(&[], None, None, Scale::Linear).render(), Err(PlotError::Empty { .. })));
    assert!(matches!(
        bars(&[1.0; 1000], None, None, Scale::Linear).render(),
        Err(PlotError::TooMany { limit: 200, .. })
    ));
}

#[test]
fn labels_that_find_no_place_are_counted() {
    let points = (0..300).map(|i| Point { x: 1.0, y: 1.0, label: Some(format!("label {i}")) }).collect();
    let texts = texts(&scatter(points, Scale::Linear, false).render().expect("drawn"));
    let shown = texts.iter().filter(|text| text.starts_with("label ")).count();
    assert!(shown > 1 && texts.contains(&format!("Without {} labels that find no place.", 300 - shown)), "{texts:?}");
}

#[test]
fn bars_of_one_label_are_told_apart() {
    let mut plot = bars(&[1.0, 2.0, 3.0], None, None, Scale::Linear);
    plot.bars[1].label = plot.bars[0].label.clone();
    let texts = texts(&plot.render().expect("drawn"));
    assert_eq!(texts.iter().filter(|text| *text == "bar 0").count(), 1);
    assert!(texts.contains(&"1.00 · 2.00".to_owned()), "{texts:?}");
}

/// Numbers of every size, and those that cannot be drawn.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>(),
        2 => -1e3..1e3,
        2 => (-120..120_i32, 1.0..10.0).prop_map(|(power, digits)| digits * 10_f64.powi(power)),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, 1.0 + f64::EPSILON, f64::NAN, f64::INFINITY, 1e100, 1e-100, 5e-324]),
    ]
}

fn scale() -> impl Strategy<Value = Scale> {
    prop::sample::select(vec![Scale::Linear, Scale::Log])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_numbers_are_drawn_on_the_sheet_or_refused(
        numbers in prop::collection::vec(number(), 0..12),
        interval in prop::option::of([number(), number()]),
        reference in prop::option::of(number()),
        scale in scale(),
        joined in any::<bool>(),
        label in prop::option::of(".{0,200}"),
    ) {
        let point = |pair: &[f64]| Point { x: pair[0], y: pair[1], label: label.clone() };
        let mut scattered = scatter(numbers.chunks_exact(2).map(point).collect(), scale, joined);
        scattered.title = label.clone().unwrap_or_default();
        let drawn = [
            scattered.render(),
            distributions(numbers.clone(), interval, scale).render(),
            bars(&numbers, interval, reference, scale).render(),
        ];
        for svg in drawn.into_iter().flatten() {
            prop_assert!(is_on_the_sheet(&svg), "{svg}");
        }
    }

    #[test]
    fn finite_positive_numbers_are_always_drawn(
        numbers in prop::collection::vec(1e-6..1e9_f64, 2..30),
        scale in scale(),
        joined in any::<bool>(),
    ) {
        let points = numbers.windows(2).map(|pair| Point::new(pair[0], pair[1])).collect();
        prop_assert!(is_on_the_sheet(&scatter(points, scale, joined).render().expect("drawn")));
        prop_assert!(is_on_the_sheet(&distributions(numbers.clone(), None, scale).render().expect("drawn")));
        prop_assert!(is_on_the_sheet(&bars(&numbers, None, None, scale).render().expect("drawn")));
    }
}
