//! Handwritten digits of 28 x 28 pixels as a table: a row has 784 levels from 0 to 255 and then the label, between commas.
//!
//! The file may be compressed with gzip. The table comes in one part; every fifth row is held out for scores (`hold_out`).
//! Of 5000 rows in the order of their classes that leaves 4000 to train on and 1000 to test on, of each class as many.

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;
use flate2::bufread::MultiGzDecoder;

use super::hold_out::is_held_out;
use super::{DataSetError, DataSetKind, Split};
use crate::RgbImage;

/// Pixels on each side of a picture.
const SIDE: usize = 28;

/// Pixels of a picture.
const PIXELS: usize = SIDE * SIDE;

/// Digits that there are.
pub(super) const CLASSES: u32 = 10;

/// The largest file that is read, and the most pictures.
const MAX_BYTES: u64 = 512 << 20;
const MAX_PICTURES: usize = 500_000;

/// The longest line: a row has at most four bytes a number.
const MAX_LINE: usize = 4 * (PIXELS + 1) + 2;

/// Grey pictures with their labels.
pub struct Pictures {
    name: String,
    /// `[pictures, 28, 28]`.
    pixels: Vec<u8>,
    /// The number of each row in the file.
    rows: Vec<u32>,
    labels: Vec<u8>,
}

impl Pictures {
    /// Number of pictures, at least one.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is nothing, which no table that could be read is.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label of a picture.
    pub fn label(&self, index: usize) -> Option<u32> {
        self.labels.get(index).map(|&label| u32::from(label))
    }

    /// The file, and the number of the row in it, from 0.
    pub(super) fn name(&self, index: usize) -> String {
        format!("{}[{}]", self.name, self.rows.get(index).copied().unwrap_or(u32::MAX))
    }

    /// A picture.
    pub fn image(&self, index: usize) -> Option<RgbImage> {
        let levels = self.pixels.get(index.checked_mul(PIXELS)?..)?.get(..PIXELS)?;
        RgbImage::new(SIDE as u32, SIDE as u32, levels.iter().flat_map(|&level| [level; 3]).collect()).ok()
    }
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pictures({}: {})", self.name, self.len())
    }
}

/// The table at a path: the file itself, or the only one in a folder whose name begins with `mnist` and ends in `.csv` or
/// `.csv.gz`.
pub(super) fn find(path: &Path) -> Result<PathBuf, DataSetError> {
    let failed = |source| DataSetError::unreadable(path, source);
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(path.to_owned());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let lower = name.to_string_lossy().to_ascii_lowercase();
        let stem = lower.strip_suffix(".gz").unwrap_or(&lower).strip_suffix(".csv");
        if stem.is_some_and(|stem| stem.starts_with("mnist")) {
            found.push(name);
        }
    }
    found.sort_unstable();
    let problem = match &found[..] {
        [only] => return Ok(path.join(only)),
        [] => "it holds no file `mnist*.csv` or `mnist*.csv.gz`".to_owned(),
        [first, second, ..] => {
            format!("it holds `{}` and `{}`: name one of them", first.to_string_lossy(), second.to_string_lossy())
        }
    };
    Err(DataSetError::WrongKind { path: path.to_owned(), kind: DataSetKind::MnistCsv, problem })
}

/// Reads a part of a table.
pub fn read(file: &SourceFile, split: Split) -> Result<Pictures, DataSetError> {
    let path = || file.path().to_owned();
    if file.len() > MAX_BYTES {
        return Err(DataSetError::TooLarge { path: path(), bytes: file.len(), limit: MAX_BYTES });
    }
    let is_gzip = file.read_up_to(0, 2)? == [0x1f, 0x8b];
    let reader = BufReader::new(file.reader(0, file.len())?);
    let mut reader: Box<dyn BufRead> =
        if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) };
    let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut pictures = Pictures { name, pixels: Vec::new(), rows: Vec::new(), labels: Vec::new() };
    let (mut line, mut rows) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        let most = MAX_LINE as u64 + 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|source| DataSetError::unreadable(file.path(), source))? == 0 {
            break;
        }
        let malformed = |problem| DataSetError::Line { path: path(), line: number, problem };
        if line.len() > MAX_LINE {
            return Err(malformed("it is longer than 785 numbers"));
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if rows == MAX_PICTURES {
            return Err(malformed("there are more pictures than are ever read"));
        }
        // Rows of the other part are looked at too: a file is a table or is none.
        let before = pictures.pixels.len();
        let label = row(text, &mut pictures.pixels).map_err(malformed)?;
        if is_held_out(rows) == (split == Split::Test) {
            pictures.labels.push(label);
            pictures.rows.push(rows as u32);
        } else {
            pictures.pixels.truncate(before);
        }
        rows += 1;
    }
    if pictures.is_empty() {
        let problem = format!("{rows} pictures are too few: every fifth is held out");
        return Err(DataSetError::Batch { path: path(), problem });
    }
    Ok(pictures)
}

/// Appends the levels of a row, and gives its label.
fn row(text: &[u8], pixels: &mut Vec<u8>) -> Result<u8, &'static str> {
    let mut numbers = text.split(|&byte| byte == b',');
    for text in numbers.by_ref().take(PIXELS) {
        pixels.push(number(text).ok_or("a level is no whole number from 0 to 255")?);
    }
    let (Some(label), None) = (numbers.next(), numbers.next()) else {
        return Err("a row is 784 levels and a label");
    };
    number(label).filter(|&label| u32::from(label) < CLASSES).ok_or("the label is no digit")
}

/// A whole number from 0 to 255, with blanks around it or not.
fn number(text: &[u8]) -> Option<u8> {
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > 3 {
        return None;
    }
    let value = text
        .iter()
        .try_fold(0, |value: u32, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    /// `count` rows; row `i` has level `i` everywhere but in its last pixel, and the label `i % 10`.
    fn table(count: usize) -> String {
        let row = |i: usize| format!("{}7,{}\n", format!("{i},").repeat(PIXELS - 1), i % 10);
        (0..count).map(row).collect()
    }

    fn parsed(bytes: &[u8], split: Split) -> Result<Pictures, String> {
        read(&SourceFile::from_bytes("m.csv", bytes.to_vec()), split).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_pictures_and_every_fifth_is_held_out() {
        let text = table(13);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let windows = text.replace('\n', "\r\n\r\n").replace(",7,", ", 7 ,");
        for bytes in [text.clone().into_bytes(), gzip.finish().unwrap(), windows.into_bytes()] {
            let (train, test) = (parsed(&bytes, Split::Train).unwrap(), parsed(&bytes, Split::Test).unwrap());
            let labels = |part: &Pictures| (0..part.len()).map(|i| part.label(i).unwrap()).collect::<Vec<_>>();
            assert_eq!((labels(&train), labels(&test)), (vec![0, 1, 2, 3, 5, 6, 7, 8, 0, 1, 2], vec![4, 9]));
            assert_eq!((train.name(8), test.name(1)), ("m.csv[10]".to_owned(), "m.csv[9]".to_owned()));
            let image = test.image(1).unwrap();
            assert_eq!((image.width(), image.pixels()[0], image.pixels()[PIXELS * 3 - 1]), (28, 9, 7));
            assert!(test.image(2).is_none() && test.label(2).is_none());
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_the_line() {
        let good = table(1);
        let long = format!("{}1", "1,".repeat(PIXELS + 1));
        let high = good.replacen("0,", "256,", 1);
        let letter = good.replacen("0,", "a,", 1);
        let label = good.trim_end().strip_suffix('0').unwrap().to_owned() + "10";
        for (line, problem) in [
            ("1,2,3", "784 levels and a label"),
            (&*long, "784 levels and a label"),
            (&high, "from 0 to 255"),
            (&letter, "from 0 to 255"),
            (&label, "no digit"),
            (&"1,".repeat(5000), "longer than"),
        ] {
            let error = parsed(format!("{good}\n{line}").as_bytes(), Split::Train).unwrap_err();
            assert!(error.starts_with("`m.csv`, line 3: ") && error.contains(problem), "{error}");
        }
        assert!(parsed(table(4).as_bytes(), Split::Test).unwrap_err().contains("4 pictures are too few"));
        assert!(parsed(b"", Split::Train).unwrap_err().contains("0 pictures"));
        assert!(parsed(b"\x1f\x8b\x08\x00", Split::Train).unwrap_err().contains("m.csv"));
    }
}
