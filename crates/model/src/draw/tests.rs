//! What must be true of every drawing.

use super::*;
use crate::arch::Block::{ResAtt, ResConv};
use crate::cost;

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

fn draw(net: &BossNet, name: &str) -> String {
    let cost = cost::cost(&net.graph(), 224, 224).unwrap();
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
    for (name, net) in nets() {
        assert_eq!(open_tags(&draw(&net, name)), Ok(vec![]), "{name}");
    }
}

#[test]
fn every_block_is_drawn_once() {
    for (name, net) in nets() {
        let svg = draw(&net, name);
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
    let svg = draw(&BossNet::t0(), "T0");
    for text in
        ["56 × 56", "28 × 28", "14 × 14", "7 × 7", "256 channels", "512 channels", "1024 channels", "2048 channels"]
    {
        assert!(svg.contains(&format!(">{text}<")), "{text}");
    }
    assert!(svg.contains(">38.4 M<") && svg.contains(">3.44 G<") && svg.contains(">7 ResConv, 9 ResAtt<"));
    let last = Drawing::new(&BossNet::t1(), [256, 192], "T1", None).unwrap().rows[5].map;
    assert_eq!(last, [2048, 16, 12]);
}

#[test]
fn the_shares_of_all_rows_add_up() {
    for (name, net) in nets() {
        let cost = cost::cost(&net.graph(), 224, 224).unwrap();
        let drawing = Drawing::new(&net, [224, 224], name, Some(&cost)).unwrap();
        let sum: f64 = drawing.rows.iter().filter_map(|row| row.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{name}: {sum}");
    }
}

#[test]
fn only_the_first_block_of_a_stage_has_a_projected_shortcut() {
    for (name, net) in nets() {
        for block in Drawing::new(&net, [224, 224], name, None).unwrap().blocks() {
            let expected = if block.name.ends_with(".0") { Skip::Projected } else { Skip::Identity };
            assert_eq!(block.skip, expected, "{name}: {}", block.name);
        }
    }
}

#[test]
fn foreign_text_is_escaped() {
    let name = "</text><script>\"'&\u{1b}[31m\u{202e}\u{0}";
    let svg = svg(&BossNet::t0(), [224, 224], name, None).unwrap();
    assert_eq!(open_tags(&svg), Ok(vec![]));
    assert!(
        !svg.contains("<script")
            && svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&#39;&amp;\u{fffd}[31m\u{fffd}\u{fffd}")
    );
    assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_drawing_stands_alone_and_is_the_same_every_time() {
    for (name, net) in nets() {
        let svg = draw(&net, name);
        assert_eq!(svg, draw(&net, name));
        assert_eq!(svg.matches("http").count(), 1, "only the name space");
        assert!(!svg.contains("url(") && !svg.contains("@import"));
    }
}

#[test]
fn a_name_without_end_is_cut() {
    let svg = svg(&BossNet::t0(), [224, 224], &"x".repeat(10_000), None).unwrap();
    assert!(svg.contains(&format!("{}…<", "x".repeat(55))));
}

/// Writes the drawings to the folder `$BOSSNAS_DRAWINGS`, for people to look at.
#[test]
#[ignore = "writes files"]
fn write_the_drawings() {
    let folder = std::path::PathBuf::from(std::env::var_os("BOSSNAS_DRAWINGS").expect("BOSSNAS_DRAWINGS is not set"));
    for (name, net) in nets() {
        std::fs::write(folder.join(format!("{name}.svg")), draw(&net, name)).unwrap();
    }
}
