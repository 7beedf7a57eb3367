//! Where the labels of points go: beside the point if there is room, else a little further off with a line to it.

use super::text;

/// A rectangle on the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Space {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Space {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_within(&self, other: &Self) -> bool {
        other.left <= self.left && self.right <= other.right && other.top <= self.top && self.bottom <= other.bottom
    }

    fn holds(&self, (x, y): (f64, f64), around: f64) -> bool {
        self.left - around < x && x < self.right + around && self.top - around < y && y < self.bottom + around
    }
}

/// A label that has found its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// The text, shortened where it is long.
    pub(super) text: String,
    /// What it covers.
    pub(super) space: Space,
    /// Its point.
    pub(super) of: (f64, f64),
    /// Whether it stands so far off that a line must lead to it.
    pub(super) is_far: bool,
}

/// What labels keep away from.
#[derive(Debug)]
pub(super) struct Obstacles<'a> {
    /// Labels stay inside.
    pub(super) room: Space,
    /// Marks.
    pub(super) points: &'a [(f64, f64)],
    /// Lines.
    pub(super) lines: &'a [Vec<(f64, f64)>],
}

/// Free space around a mark.
const CLEAR: f64 = 4.0;
/// Width of the longest label.
const WIDEST: f64 = 150.0;
const HEIGHT: f64 = 15.0;
/// Distances between a point and its label. The first needs no line.
const DISTANCES: [f64; 7] = [7.0, 18.0, 30.0, 44.0, 60.0, 80.0, 104.0];
/// Right, left, above, below, and between.
const DIRECTIONS: [(f64, f64); 12] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (0.7, -0.7),
    (-0.7, 0.7),
    (-0.7, -0.7),
    (0.7, 0.7),
    (0.35, -0.94),
    (-0.35, 0.94),
    (-0.35, -0.94),
    (0.35, 0.94),
];

/// Places the labels one after the other, each where it disturbs least. Those that would lie on another label or outside
/// the room wherever they go are left out.
pub(super) fn place(labels: &[(String, (f64, f64))], size: f64, obstacles: &Obstacles) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    for (text, of) in labels {
        let text = text::shorten(&text::clean(text), size, WIDEST);
        let width = text::width(&text, size);
        let mut best: Option<(f64, Placed)> = None;
        for (far, distance) in DISTANCES.into_iter().enumerate() {
            for (order, direction) in DIRECTIONS.into_iter().enumerate() {
                let space = beside(*of, direction, distance, width);
                if !space.is_within(&obstacles.room) || placed.iter().any(|other| disturbs(other, &space, *of, far > 0))
                {
                    continue;
                }
                let cost = 10.0 * far as f64 + 0.5 * order as f64 + disturbance(&space, *of, obstacles);
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, Placed { text: text.clone(), space, of: *of, is_far: far > 0 }));
                }
            }
        }
        placed.extend(best.map(|(_, label)| label));
    }
    placed
}

/// The space of a label in this direction of its point.
fn beside((x, y): (f64, f64), (dx, dy): (f64, f64), distance: f64, width: f64) -> Space {
    let (x, y) = (x + dx * distance, y + dy * distance);
    // The edge of the label that looks at the point is at the distance, not its centre.
    let left = if dx > 0.1 {
        x
    } else if dx < -0.1 {
        x - width
    } else {
        x - width / 2.0
    };
    let top = if dy > 0.1 {
        y
    } else if dy < -0.1 {
        y - HEIGHT
    } else {
        y - HEIGHT / 2.0
    };
    Space { left, top, right: left + width, bottom: top + HEIGHT }
}

/// Whether two labels, or a label and the line to another, meet.
fn disturbs(other: &Placed, space: &Space, of: (f64, f64), is_far: bool) -> bool {
    other.space.meets(space)
        || (other.is_far && crosses(space, leader(other.of, &other.space)))
        || (is_far && crosses(&other.space, leader(of, space)))
}

/// How much lies below the label: marks count more than lines.
fn disturbance(space: &Space, of: (f64, f64), obstacles: &Obstacles) -> f64 {
    let marks = obstacles.points.iter().filter(|&&point| point != of && space.holds(point, CLEAR)).count();
    let segments = obstacles.lines.iter().flat_map(|line| line.windows(2));
    let lines = segments.filter(|ends| crosses(space, [ends[0], ends[1]])).count();
    25.0 * marks as f64 + 6.0 * lines as f64
}

/// The line from a point to its label: to the nearest place of the label's edge.
pub(super) fn leader(of: (f64, f64), space: &Space) -> [(f64, f64); 2] {
    [of, (of.0.clamp(space.left, space.right), of.1.clamp(space.top + 2.0, space.bottom - 2.0))]
}

/// Whether a segment passes through a space (Liang and Barsky's clipping, 1984).
fn crosses(space: &Space, [(x0, y0), (x1, y1)]: [(f64, f64); 2]) -> bool {
    let (dx, dy) = (x1 - x0, y1 - y0);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (p, q) in [(-dx, x0 - space.left), (dx, space.right - x0), (-dy, y0 - space.top), (dy, space.bottom - y0)] {
        if p == 0.0 {
            if q <= 0.0 {
                return false;
            }
        } else if p < 0.0 {
            enter = enter.max(q / p);
        } else {
            leave = leave.min(q / p);
        }
    }
    enter < leave
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Space = Space { left: 0.0, top: 0.0, right: 400.0, bottom: 300.0 };

    #[test]
    fn labels_of_crowded_points_do_not_meet() {
        let points: Vec<(f64, f64)> =
            (0..10).map(|i| (200.0 + 6.0 * f64::from(i), 150.0 - 3.0 * f64::from(i))).collect();
        let labels: Vec<_> = points.iter().enumerate().map(|(i, &at)| (format!("model {i}"), at)).collect();
        let lines = [points.clone()];
        let placed = place(&labels, 13.0, &Obstacles { room: ROOM, points: &points, lines: &lines });
        assert_eq!(placed.len(), 10);
        for (index, label) in placed.iter().enumerate() {
            assert!(label.space.is_within(&ROOM));
            assert!(placed[..index].iter().all(|other| !other.space.meets(&label.space)), "{label:?}");
        }
    }

    #[test]
    fn a_lonely_label_is_right_of_its_point_or_left_at_the_edge() {
        let alone = |at| {
            let obstacles = Obstacles { room: ROOM, points: &[at], lines: &[] };
            place(&[("x".to_owned(), at)], 13.0, &obstacles).remove(0)
        };
        assert!(alone((100.0, 100.0)).space.left > 100.0);
        assert!(alone((399.0, 100.0)).space.right < 399.0);
    }

    #[test]
    fn labels_without_room_are_left_out() {
        let labels: Vec<_> = (0..200).map(|i| (format!("label {i}"), (200.0, 150.0))).collect();
        let placed = place(&labels, 13.0, &Obstacles { room: ROOM, points: &[], lines: &[] });
        assert!(!placed.is_empty() && placed.len() < 200);
    }

    #[test]
    fn segments_cross_spaces_or_pass_them() {
        let space = Space { left: 10.0, top: 10.0, right: 20.0, bottom: 20.0 };
        assert!(crosses(&space, [(0.0, 0.0), (30.0, 30.0)]));
        assert!(!crosses(&space, [(0.0, 0.0), (30.0, 0.0)]));
        assert!(!crosses(&space, [(0.0, 0.0), (9.0, 9.0)]));
    }
}
