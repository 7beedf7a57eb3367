//! Digits in stages, in either of the two notations that people write: `1/1/11101/-` and `[[1],[1],[1,1,1,0,1],[]]`.

use super::text::{Cursor, ParseError, quote};

/// One digit and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digit {
    pub(super) value: u8,
    pub(super) at: usize,
}

/// How many layers a stage has.
pub(super) enum Layers {
    /// Exactly as many, one number a stage.
    Exactly(Vec<usize>),
    /// None up to so many, in each of four stages.
    UpTo(usize),
}

/// What a text must look like.
pub(super) struct Layout {
    pub(super) layers: Layers,
    /// The largest digit.
    pub(super) highest: u8,
    /// What a digit stands for, in error messages.
    pub(super) item: &'static str,
}

impl Layout {
    fn stages(&self) -> usize {
        match &self.layers {
            Layers::Exactly(layers) => layers.len(),
            Layers::UpTo(_) => 4,
        }
    }

    /// Fewest and most layers of stage `stage`, counted from 0.
    fn range(&self, stage: usize) -> (usize, usize) {
        match &self.layers {
            Layers::Exactly(layers) => (layers[stage], layers[stage]),
            Layers::UpTo(most) => (0, *most),
        }
    }

    fn an_item(&self) -> String {
        if self.highest == 1 {
            format!("{} (`0` or `1`)", self.item)
        } else {
            format!("{} (`0` to `{}`)", self.item, self.highest)
        }
    }

    fn more_stages(&self, stage: usize) -> String {
        format!("stage {} of {}", stage + 1, self.stages())
    }
}

/// Reads all stages, up to whatever follows them.
pub(super) fn read(cursor: &mut Cursor<'_>, layout: &Layout) -> Result<Vec<Vec<Digit>>, ParseError> {
    if cursor.peek() == Some('[') { listed(cursor, layout) } else { slashed(cursor, layout) }
}

fn slashed(cursor: &mut Cursor<'_>, layout: &Layout) -> Result<Vec<Vec<Digit>>, ParseError> {
    let mut stages = Vec::new();
    for stage in 0..layout.stages() {
        if stage > 0 && !cursor.eat('/') {
            let (_, most) = layout.range(stage - 1);
            let full = stages.last().is_some_and(|digits: &Vec<Digit>| digits.is_empty() || digits.len() == most);
            let slash = format!("`/` and {}", layout.more_stages(stage));
            return Err(cursor.error(if full { slash } else { format!("{}, or {slash}", layout.an_item()) }));
        }
        stages.push(slashed_stage(cursor, layout, stage)?);
    }
    Ok(stages)
}

fn slashed_stage(cursor: &mut Cursor<'_>, layout: &Layout, stage: usize) -> Result<Vec<Digit>, ParseError> {
    let (fewest, _) = layout.range(stage);
    if fewest == 0 && cursor.eat('-') {
        return Ok(Vec::new());
    }
    let mut digits = Vec::new();
    while cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        digits.push(digit(cursor, layout, stage, digits.len())?);
    }
    if digits.is_empty() && fewest == 0 {
        return Err(cursor.error(format!("{}, or `-` for an empty stage", layout.an_item())));
    }
    complete(cursor, layout, stage, digits.len())?;
    Ok(digits)
}

fn listed(cursor: &mut Cursor<'_>, layout: &Layout) -> Result<Vec<Vec<Digit>>, ParseError> {
    let mut stages = Vec::new();
    for stage in 0..layout.stages() {
        token(cursor, if stage == 0 { '[' } else { ',' }, &layout.more_stages(stage))?;
        token(cursor, '[', &layout.more_stages(stage))?;
        stages.push(listed_stage(cursor, layout, stage)?);
    }
    token(cursor, ']', "the end of the list")?;
    Ok(stages)
}

fn listed_stage(cursor: &mut Cursor<'_>, layout: &Layout, stage: usize) -> Result<Vec<Digit>, ParseError> {
    let mut digits = Vec::new();
    cursor.skip_spaces();
    if !cursor.eat(']') {
        loop {
            cursor.skip_spaces();
            digits.push(digit(cursor, layout, stage, digits.len())?);
            cursor.skip_spaces();
            if cursor.eat(']') {
                break;
            }
            token(cursor, ',', &format!("{}, or `]`", layout.an_item()))?;
        }
    }
    complete(cursor, layout, stage, digits.len())?;
    Ok(digits)
}

/// Reads one digit of `stage`, which has `already` of them.
fn digit(cursor: &mut Cursor<'_>, layout: &Layout, stage: usize, already: usize) -> Result<Digit, ParseError> {
    let at = cursor.at();
    let (_, most) = layout.range(stage);
    let Some(value) = cursor.digit() else { return Err(cursor.error(layout.an_item())) };
    if already == most {
        let found = format!("{} as number {}", quote(&value.to_string()), already + 1);
        return Err(cursor.error_at(at, found, format!("at most {most} in stage {}", stage + 1)));
    }
    if value > layout.highest {
        return Err(cursor.error_at(at, quote(&value.to_string()), layout.an_item()));
    }
    Ok(Digit { value, at })
}

fn complete(cursor: &Cursor<'_>, layout: &Layout, stage: usize, count: usize) -> Result<(), ParseError> {
    let (fewest, _) = layout.range(stage);
    if count >= fewest {
        return Ok(());
    }
    let an_item = layout.an_item();
    Err(cursor.error(format!("{an_item}: stage {} has {fewest} and this is number {}", stage + 1, count + 1)))
}

fn token(cursor: &mut Cursor<'_>, wanted: char, before: &str) -> Result<(), ParseError> {
    cursor.skip_spaces();
    if cursor.eat(wanted) { Ok(()) } else { Err(cursor.error(format!("`{wanted}` and {before}"))) }
}
