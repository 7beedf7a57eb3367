//! Event files, read back without what wrote them.

use super::*;

#[test]
fn checksums_are_those_of_the_standard() {
    // RFC 3720, appendix B.4, and the usual check of catalogues of CRCs.
    let rising: Vec<u8> = (0..32).collect();
    let falling: Vec<u8> = (0..32).rev().collect();
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(crc32c(&rising), 0x46dd_794e);
    assert_eq!(crc32c(&falling), 0x113f_db5c);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(b""), 0);
}

/// One bit at a time, with the polynomial the other way round.
fn plain_crc32c(bytes: &[u8]) -> u32 {
    let mut remainder: u32 = !0;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)) {
        let carry = remainder >> 31 != u32::from(bit);
        remainder = remainder << 1 ^ if carry { 0x1edc_6f41 } else { 0 };
    }
    (!remainder).reverse_bits()
}

#[derive(Debug, PartialEq)]
struct Read {
    time: f64,
    step: u64,
    what: What,
}

#[derive(Debug, PartialEq)]
enum What {
    Version(String),
    Scalar(String, f32),
    Start,
}

#[derive(Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, read without what wrote it.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn number(bytes: &mut &[u8]) -> u64 {
        let end = bytes.iter().position(|byte| *byte < 128).unwrap();
        let (digits, rest) = bytes.split_at(end + 1);
        *bytes = rest;
        digits.iter().rev().fold(0, |value, byte| value * 128 + u64::from(byte % 128))
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let field = match key % 8 {
            0 => Field::Number(number(&mut bytes)),
            kind => {
                let length = match kind {
                    1 => 8,
                    2 => number(&mut bytes) as usize,
                    5 => 4,
                    other => panic!("no such kind: {other}"),
                };
                let (head, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(head)
            }
        };
        fields.push((key / 8, field));
    }
    fields
}

fn event(data: &[u8]) -> Read {
    let (mut time, mut step, mut what) = (None, None, None);
    for field in fields(data) {
        match field {
            (1, Field::Bytes(bytes)) => time = Some(f64::from_le_bytes(bytes.try_into().unwrap())),
            (2, Field::Number(number)) => step = Some(number),
            (3, Field::Bytes(text)) => what = Some(What::Version(String::from_utf8(text.to_vec()).unwrap())),
            (5, Field::Bytes(summary)) => {
                let [(1, Field::Bytes(value))] = fields(summary)[..] else { panic!("{summary:?}") };
                let [(1, Field::Bytes(tag)), (2, Field::Bytes(number))] = fields(value)[..] else {
                    panic!("{value:?}")
                };
                let number = f32::from_le_bytes(number.try_into().unwrap());
                what = Some(What::Scalar(String::from_utf8(tag.to_vec()).unwrap(), number));
            }
            (7, Field::Bytes(log)) => {
                assert!(matches!(fields(log)[..], [(1, Field::Number(1))]));
                what = Some(What::Start);
            }
            other => panic!("{other:?}"),
        }
    }
    Read { time: time.unwrap(), step: step.unwrap(), what: what.unwrap() }
}

fn read(path: &Path) -> Vec<Read> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut events = Vec::new();
    let mut take = |length: usize| {
        let (head, tail) = rest.split_at(length);
        rest = tail;
        (head, tail.is_empty())
    };
    loop {
        let (length, _) = take(8);
        let (checksum, _) = take(4);
        checked(length, checksum);
        let (data, _) = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (checksum, at_end) = take(4);
        checked(data, checksum);
        events.push(event(data));
        if at_end {
            return events;
        }
    }
}

fn checked(data: &[u8], checksum: &[u8]) {
    let stored = u32::from_le_bytes(checksum.try_into().unwrap()).wrapping_sub(0xa282_ead8);
    assert_eq!(stored.rotate_left(15), plain_crc32c(data));
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = EventFile::create(folder.path(), None).unwrap();
    events.scalar("loss", 1, 1.7e9, -3.25).unwrap();
    events.scalar("rate/größe", 300, 1.7e9 + 0.5, 1e-9).unwrap();
    events.scalar("loss", u64::from(u32::MAX) * 5, 0.0, f64::NAN).unwrap();
    events.flush().unwrap();
    let read = read(events.path());
    assert_eq!((read.len(), read[0].step), (4, 0));
    assert!(read[0].time > 1.7e9 && read[0].what == What::Version("brain.Event:2".into()), "{:?}", read[0]);
    assert_eq!(read[1], Read { time: 1.7e9, step: 1, what: What::Scalar("loss".into(), -3.25) });
    assert_eq!(read[2], Read { time: 1.7e9 + 0.5, step: 300, what: What::Scalar("rate/größe".into(), 1e-9) });
    assert_eq!(read[3].step, u64::from(u32::MAX) * 5);
    assert!(matches!(&read[3].what, What::Scalar(_, value) if value.is_nan()));
}

#[test]
fn a_resumed_run_makes_later_steps_forgotten_and_its_file_comes_last() {
    let folder = tempfile::tempdir().unwrap();
    let first = EventFile::create(folder.path(), None).unwrap();
    let later = folder.path().join("events.out.tfevents.4000000000.elsewhere.7");
    fs::write(&later, b"").unwrap();
    let resumed = EventFile::create(folder.path(), Some(41)).unwrap();
    let again = EventFile::create(folder.path(), Some(41)).unwrap();
    let names = [first.path(), &later, resumed.path(), again.path()];
    assert!(names.is_sorted() && names[2] != names[3], "{names:?}");
    let read = read(resumed.path());
    assert_eq!(read.len(), 2);
    assert_eq!((read[1].step, &read[1].what), (42, &What::Start));
}

#[test]
fn a_file_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = EventFile::create(&folder.path().join("none"), None).unwrap_err().to_string();
    assert!(error.contains("none`"), "{error}");
}
