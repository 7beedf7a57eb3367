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

/// One line in pieces of at most four points, with a band around it.
fn lines(points: &[(f64, f64)], scale: Scale, around: f64) -> Lines {
    let axis = |label: &str| Axis { label: label.into(), scale };
    let pieces = || points.chunks(4);
    let band = pieces().map(|piece| piece.iter().map(|&(x, y)| [x, y, y + around]).collect());
    let line = pieces().map(|piece| piece.iter().map(|&(x, y)| [x, y]).collect());
    Lines {
        title: "lines".into(),
        x: axis("step"),
        y: axis("loss"),
        lines: vec![Line { name: "a".into(), pieces: line.collect() }],
        band: Some(Band { name: "around".into(), pieces: band.collect() }),
        milestones: points.iter().take(3).map(|&(x, y)| Milestone { x, label: format!("stage {y}") }).collect(),
    }
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
        lines(&[(1.0, 1.0), (2.0, 1.0)], Scale::Linear, 0.5),
    );
    plots.0.series.push(Series { name: evil.into(), points: vec![], joined: false });
    (plots.0.title, plots.0.x.label, plots.0.y.label) = (evil.into(), evil.into(), evil.into());
    (plots.1.title, plots.1.axis.label, plots.1.rows[0].name) = (evil.into(), evil.into(), evil.into());
    (plots.2.title, plots.2.axis.label, plots.2.bars[0].label) = (evil.into(), evil.into(), evil.into());
    (plots.3.title, plots.3.x.label, plots.3.y.label) = (evil.into(), evil.into(), evil.into());
    (plots.3.lines[0].name, plots.3.milestones[0].label) = (evil.into(), evil.into());
    for svg in [plots.0.render(), plots.1.render(), plots.2.render(), plots.3.render()].map(|svg| svg.expect("drawn")) {
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
    let points: Vec<(f64, f64)> = (0..many).map(|i| (f64::from(i) + 1.0, noise(i))).collect();
    let mut plot = lines(&points, Scale::Linear, 1.0);
    plot.lines[0] = Line::whole("a", points.iter().map(|&(x, y)| [x, y]).collect());
    plot.band = None;
    plot.lines = vec![plot.lines[0].clone(); 8];
    let svg = plot.render().expect("drawn");
    assert!(svg.len() < 500_000, "{} bytes", svg.len());
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
    let nan = lines(&[(0.0, f64::NAN)], Scale::Linear, 0.0).render().expect_err("refused");
    assert_eq!(nan.to_string(), "plot `lines`: NaN of `a` cannot be drawn");
    let turned = lines(&[(0.0, 1.0)], Scale::Linear, -1.0).render().expect_err("refused");
    assert!(matches!(turned, PlotError::Interval { low: 1.0, high: 0.0, .. }));
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
    assert!(matches!(lines(&[], Scale::Linear, 0.0).render(), Err(PlotError::Empty { .. })));
    let mut crowded = lines(&[(1.0, 1.0)], Scale::Linear, 0.0);
    crowded.milestones = vec![Milestone::default(); 1000];
    assert!(matches!(crowded.render(), Err(PlotError::TooMany { what: "milestones", count: 1000, .. })));
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

/// The points of each line that is drawn, without those of the axes.
fn polylines(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let document = Document::parse(svg).expect("well-formed");
    let number = |text: &str| text.parse::<f64>().expect("number");
    let points = |node: roxmltree::Node| {
        let points = node.attribute("points").expect("points").split_whitespace();
        points.filter_map(|point| point.split_once(',')).map(|(x, y)| (number(x), number(y))).collect()
    };
    let lines = document.descendants().filter(|node| node.tag_name().name() == "polyline");
    lines.map(points).filter(|points: &Vec<_>| points.len() > 2).collect()
}

#[test]
fn a_line_of_many_points_keeps_what_can_be_seen() {
    let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), f64::from(i % 7)]).collect();
    points[77_777][1] = 99.0;
    points[33_333][1] = -99.0;
    let mut plot = lines(&[(0.0, 1.0)], Scale::Linear, 0.0);
    plot.lines = vec![Line::whole("a", points)];
    plot.band = None;
    let drawn = polylines(&plot.render().expect("drawn"));
    assert_eq!(drawn.len(), 1);
    assert!(drawn[0].len() < 4000, "{} points", drawn[0].len());
    assert!(drawn[0].windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let share_of = |peak: fn(f64, f64) -> f64, first: f64| {
        let height = drawn[0].iter().map(|point| point.1).fold(first, peak);
        let at = drawn[0].iter().find(|point| point.1 == height).expect("a peak").0;
        (at - drawn[0][0].0) / (drawn[0][drawn[0].len() - 1].0 - drawn[0][0].0)
    };
    // A column is an eight-hundredth of the plot.
    assert!((share_of(f64::min, f64::MAX) - 0.77777).abs() < 0.002);
    assert!((share_of(f64::max, f64::MIN) - 0.33333).abs() < 0.002);
}

#[test]
fn pieces_are_not_joined_and_single_points_are_seen() {
    let mut plot = lines(&[(0.0, 1.0)], Scale::Linear, 0.0);
    let piece = |from: u32| (from..from + 100).map(|x| [f64::from(x), f64::from(x)]).collect::<Vec<_>>();
    plot.lines = vec![Line { name: "a".into(), pieces: vec![piece(0), vec![[150.0, 3.0]], piece(200), vec![]] }];
    plot.band = None;
    let svg = plot.render().expect("drawn");
    assert_eq!(polylines(&svg).len(), 2);
    assert_eq!(svg.matches("<circle").count(), 1);
}

#[test]
fn milestones_have_their_names_where_there_is_room() {
    let mut plot = lines(&[(0.0, 1.0), (1000.0, 2.0)], Scale::Linear, 0.0);
    plot.milestones = [0.0, 400.0, 401.0, 402.0].map(|x| Milestone { x, label: format!("stage of step {x}") }).to_vec();
    let texts = texts(&plot.render().expect("drawn"));
    let shown: Vec<&str> = texts.iter().map(String::as_str).filter(|text| text.starts_with("stage")).collect();
    assert_eq!(shown, ["stage of step 0", "stage of step 402"]);
    // One line and one band are told apart.
    assert!(texts.contains(&"a".to_owned()) && texts.contains(&"around".to_owned()));
}

#[test]
fn bars_of_one_label_are_told_apart() {
    let mut plot = bars(&[1.0, 2.0, 3.0], None, None, Scale::Linear);
    plot.bars[1].label = plot.bars[0].label.clone();
    let texts = texts(&plot.render().expect("drawn"));
    assert_eq!(texts.iter().filter(|text| *text == "bar 0").count(), 1);
    assert!(texts.contains(&"1.00 · 2.00".to_owned()), "{texts:?}");
}

fn pairs(numbers: &[f64]) -> Vec<(f64, f64)> {
    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
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
            lines(&pairs(&numbers), scale, reference.unwrap_or(0.0)).render(),
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
        prop_assert!(is_on_the_sheet(&lines(&pairs(&numbers), scale, 0.5).render().expect("drawn")));
    }
}
