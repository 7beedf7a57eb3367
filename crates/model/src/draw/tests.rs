//! What must be true of every drawing.

use super::*;
use crate::arch::Block::{ResAtt, ResConv};
use crate::arch::{Architecture, BossNet};
use crate::cost;

/// Paths through every supernet, one of them with strides inside of a stage.
fn paths() -> Vec<(&'static str, Architecture)> {
    let path = |name, text: &str| (name, text.parse().unwrap());
    vec![
        path("hytra", "hytra:5433/3230/0010/0000"),
        path("hytra-narrow", "hytra:5432/2222/2200/0000+base=8+attention=transposed"),
        path("hytra-small", "hytra:4444/2222/2222/2222+base=16"),
        path("mbconv", "mbconv:11/0110/0111/1100/0123"),
        path("nats-c10", "nats-c10:64:40:56:40:48"),
        path("nats-c100", "nats-c100:8:8:64:64:8"),
    ]
}

/// All networks that are drawn here.
fn all() -> Vec<(&'static str, Architecture)> {
    nets().into_iter().map(|(name, net)| (name, Architecture::BossNet(net))).chain(paths()).collect()
}

fn nets() -> Vec<(&'static str, BossNet)> {
    let vit = BossNet::new([vec![], vec![], vec![ResAtt; 16], vec![]]);
    let mut tiny = BossNet::new([vec![ResConv], vec![ResAtt], vec![ResConv], vec![ResAtt]]);
    (tiny.base, tiny.classes) = (16, 10);
    let long = BossNet::new([vec![ResConv; 3], vec![ResConv; 10], vec![ResAtt; 64], vec![ResConv, ResAtt, ResAtt]]);
    vec![
        ("BossNet-T0", BossNet::t0()),
        ("BossNet-T1", BossNet::t1()),
        ("vit", vit),
        ("tiny", BossNet { shortcut: crate::arch::Shortcut::Plain, ..tiny }),
        ("long", BossNet { stem: crate::arch::Stem::DeepTiered { width: 32 }, ..long }),
    ]
}

fn draw(net: &Architecture, name: &str) -> String {
    let cost = cost::cost(&net.graph().unwrap(), 224, 224).unwrap();
    svg(net, [224, 224], name, Some(&cost)).unwrap()
}

/// Reads the document as far as this module writes XML; the tags that are open at the end, or where it went wrong.
fn open_tags(svg: &str) -> Result<Vec<String>, String> {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        if text.contains('>') && open.last().map(String::as_str) != Some("style") {
            return Err(format!("a bare > in {text:?}"));
        }
        let end = rest.find('>').ok_or("a tag without end")?;
        let tag = &rest[at + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else {
            if tag.contains('<') || tag.matches('"').count() % 2 == 1 {
                return Err(format!("a broken tag: {tag}"));
            }
            if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap_or_default().to_owned());
            }
        }
        rest = &rest[end + 1..];
    }
    Ok(open)
}

#[test]
fn every_drawing_is_well_formed() {
    for (name, net) in all() {
        assert_eq!(open_tags(&draw(&net, name)), Ok(vec![]), "{name}");
    }
}

#[test]
fn every_block_is_drawn_once() {
    for (name, net) in nets() {
        let svg = draw(&net.clone().into(), name);
        let mut count = 0;
        for (stage, blocks) in net.stages.iter().enumerate() {
            for block in 0..blocks.len() {
                let mark = format!("data-block=\"layer{}.{block}\"", stage + 1);
                assert_eq!(svg.matches(&mark).count(), 1, "{name}: {mark}");
                count += 1;
            }
        }
        assert_eq!(svg.matches("data-block").count(), count, "{name}");
    }
}

#[test]
fn every_stage_shows_its_map_and_width() {
    let svg = draw(&BossNet::t0().into(), "T0");
    for text in
        ["56 × 56", "28 × 28", "14 × 14", "7 × 7", "256 channels", "512 channels", "1024 channels", "2048 channels"]
    {
        assert!(svg.contains(&format!(">{text}<")), "{text}");
    }
    assert!(svg.contains(">38.4 M<") && svg.contains(">3.44 G<") && svg.contains(">7 ResConv, 9 ResAtt<"));
    let last = Drawing::new(&BossNet::t1().into(), [256, 192], "T1", None).unwrap().rows[5].map;
    assert_eq!(last, [2048, 16, 12]);
}

#[test]
fn the_shares_of_all_rows_add_up() {
    for (name, net) in all() {
        let cost = cost::cost(&net.graph().unwrap(), 224, 224).unwrap();
        let drawing = Drawing::new(&net, [224, 224], name, Some(&cost)).unwrap();
        let sum: f64 = drawing.rows.iter().filter_map(|row| row.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{name}: {sum}");
    }
}

#[test]
fn only_the_first_block_of_a_stage_has_a_projected_shortcut() {
    for (name, net) in nets() {
        for block in Drawing::new(&net.clone().into(), [224, 224], name, None).unwrap().blocks() {
            let expected = if block.name.ends_with(".0") { Skip::Projected } else { Skip::Identity };
            assert_eq!(block.skip, expected, "{name}: {}", block.name);
        }
    }
}

#[test]
fn every_layer_of_a_path_is_a_block_and_says_what_it_is() {
    for (name, net) in paths() {
        let drawing = Drawing::new(&net, [224, 224], name, None).unwrap();
        let layers: usize = net.stages().iter().map(Vec::len).sum();
        assert_eq!(drawing.blocks().count(), layers, "{name}");
        let svg = drawing.svg();
        for block in drawing.blocks() {
            assert_eq!(svg.matches(&format!("data-block=\"{}\"", block.name)).count(), 1, "{name}: {}", block.name);
        }
        let shrinks: usize = drawing.rows[1].stride * drawing.blocks().map(|block| block.stride).product::<usize>();
        assert_eq!(shrinks, net.total_stride(), "{name}");
        assert_eq!(drawing.rows.last().map(|row| row.map[1]), Some(224 / net.total_stride()), "{name}");
    }
}

#[test]
fn the_blocks_of_a_path_are_those_of_its_digits() {
    let blocks = |text: &str| -> Vec<(Kind, Skip, usize)> {
        let drawing = Drawing::new(&text.parse().unwrap(), [224, 224], "", None).unwrap();
        drawing.blocks().map(|block| (block.kind, block.skip, block.stride)).collect()
    };
    let hytra = blocks("hytra:5432/2222/2200/0000+base=8");
    assert_eq!(hytra[0], (Kind::ResConv { width: 8, se: false }, Skip::Projected, 1));
    assert_eq!(hytra[1], (Kind::ResConv { width: 16, se: false }, Skip::Projected, 2));
    assert_eq!(hytra[3], (Kind::ResAtt { heads: 4, head_width: 8 }, Skip::Identity, 1));
    assert_eq!(hytra[10], (Kind::ResAtt { heads: 8, head_width: 8 }, Skip::Projected, 2));
    let mbconv = blocks("mbconv:11/0110/0111/1100/0123");
    let last: Vec<Kind> = mbconv[14..].iter().map(|block| block.0).collect();
    let expected = [(6, 3), (6, 5), (3, 3), (3, 5)].map(|(expansion, kernel)| Kind::Bottleneck { expansion, kernel });
    assert_eq!(last, expected);
    assert_eq!(
        mbconv[13..15].iter().map(|block| (block.1, block.2)).collect::<Vec<_>>(),
        [(Skip::Identity, 1), (Skip::Projected, 2)]
    );
    let nats = blocks("nats-c10:64:40:40:40:48");
    assert_eq!(
        nats[..3],
        [
            (Kind::Cell { width: 64 }, Skip::Identity, 1),
            (Kind::Reduction { width: 40 }, Skip::Projected, 2),
            (Kind::Cell { width: 40 }, Skip::Identity, 1)
        ]
    );
    assert_eq!(nats[4], (Kind::Cell { width: 48 }, Skip::Projected, 1));
}

#[test]
fn foreign_text_is_escaped() {
    let name = "</text><script>\"'&\u{1b}[31m\u{202e}\u{0}";
    let svg = svg(&BossNet::t0().into(), [224, 224], name, None).unwrap();
    assert_eq!(open_tags(&svg), Ok(vec![]));
    assert!(
        !svg.contains("<script")
            && svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&#39;&amp;\u{fffd}[31m\u{fffd}\u{fffd}")
    );
    assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_drawing_stands_alone_and_is_the_same_every_time() {
    for (name, net) in all() {
        let svg = draw(&net, name);
        assert_eq!(svg, draw(&net, name));
        assert_eq!(svg.matches("http").count(), 1, "only the name space");
        assert!(!svg.contains("url(") && !svg.contains("@import"));
    }
}

#[test]
fn a_name_without_end_is_cut() {
    let svg = svg(&BossNet::t0().into(), [224, 224], &"x".repeat(10_000), None).unwrap();
    assert!(svg.contains(&format!("{}…<", "x".repeat(55))));
}

/// Writes the drawings to the folder `$BOSSNAS_DRAWINGS`, for people to look at.
#[test]
#[ignore = "writes files: `cargo xtask test --all` has them in target/drawings"]
fn write_the_drawings() {
    let folder = std::path::PathBuf::from(std::env::var_os("BOSSNAS_DRAWINGS").expect("BOSSNAS_DRAWINGS is not set"));
    for (name, net) in all() {
        std::fs::write(folder.join(format!("{name}.svg")), draw(&net, name)).unwrap();
    }
}
