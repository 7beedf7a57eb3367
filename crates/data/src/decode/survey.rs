//! A walk over the segments of a JPEG file, before any decoder sees it: how many scans there are, and the EXIF data.
//!
//! Nothing is decoded and nothing is allocated. What is malformed ends the walk; to say so is the decoder's business. A
//! file whose first scan holds all of its components in full is read no further than that scan's header.

/// What the walk found.
pub(super) struct Survey<'a> {
    /// Number of scans; 1 where the first one is all there is to decode.
    pub(super) scans: u64,
    /// The TIFF structure of the first EXIF segment before the first scan.
    pub(super) exif: Option<&'a [u8]>,
}

const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;

pub(super) fn survey(bytes: &[u8]) -> Survey<'_> {
    let mut found = Survey { scans: 0, exif: None };
    let mut components = None;
    let mut progressive = false;
    let mut rest = bytes;
    while let Some((marker, segment)) = next_marker(&mut rest) {
        match marker {
            EOI => break,
            SOS => {
                found.scans += 1;
                if !progressive && segment.first() == components {
                    break;
                }
            }
            APP1 if found.scans == 0 && found.exif.is_none() => found.exif = segment.strip_prefix(b"Exif\0\0"),
            // Frame headers: all of C0 to CF but for the tables of Huffman and arithmetic codes and a reserved one.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                progressive |= matches!(marker & 3, 2);
                components = segment.get(5);
            }
            _ => {}
        }
    }
    found
}

/// The next marker and the content of its segment, empty for markers that have none. Whatever lies between, entropy-coded
/// data above all, is skipped. `None` at the end and where a length cannot be.
fn next_marker<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    loop {
        let at = rest.iter().position(|&byte| byte == 0xff)?;
        let after = &rest[at + 1..];
        let &marker = after.first()?;
        match marker {
            // A fill byte: the marker follows.
            0xff => *rest = after,
            // A byte 0xff of the data, a restart, or another marker that is only itself.
            0x00 | 0x01 | 0xd0..=0xd8 => *rest = &after[1..],
            EOI => {
                *rest = &after[1..];
                return Some((marker, &[]));
            }
            _ => {
                let (length, content) = after[1..].split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
                let segment = content.get(..length)?;
                *rest = &content[length..];
                return Some((marker, segment));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], length.as_slice(), content].concat()
    }

    fn file(frame: u8, scans: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(segment(frame, &[8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]));
        for scan in scans {
            bytes.extend(segment(SOS, scan));
            bytes.extend([1, 0xff, 0, 2, 0xff, 0xd3, 4]);
        }
        bytes.extend([0xff, EOI]);
        bytes.extend(segment(SOS, &[1]));
        bytes
    }

    #[test]
    fn scans_are_counted_up_to_the_end_of_the_image() {
        assert_eq!(survey(&file(0xc2, &[&[3], &[1], &[1], &[1]])).scans, 4, "progressive");
        assert_eq!(survey(&file(0xca, &[&[3], &[1]])).scans, 2, "progressive, arithmetic");
        assert_eq!(survey(&file(0xc0, &[&[1], &[1], &[1]])).scans, 3, "a scan for each component");
        assert_eq!(survey(&file(0xc0, &[&[3], &[3], &[3]])).scans, 1, "the first scan is all");
        assert_eq!(survey(b"\xff\xd8\xff").scans, 0);
        assert_eq!(survey(b"").scans, 0);
    }

    #[test]
    fn fill_bytes_and_rubbish_between_segments_are_skipped() {
        let mut bytes = vec![0xff, 0xd8, 1, 2, 0xff, 0xff, 0xff];
        bytes.extend(&segment(0xc2, &[8, 0, 16, 0, 16, 1])[1..]);
        bytes.extend(segment(SOS, &[1]));
        bytes.extend(segment(SOS, &[1]));
        assert_eq!(survey(&bytes).scans, 2);
    }

    #[test]
    fn a_scan_that_is_only_mentioned_in_metadata_does_not_count() {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(segment(0xe0, &[0xff, SOS, 0, 3, 1].repeat(100)));
        bytes.extend(segment(0xc2, &[8, 0, 16, 0, 16, 1]));
        bytes.extend(segment(SOS, &[1]));
        assert_eq!(survey(&bytes).scans, 1);
    }

    #[test]
    fn the_first_exif_segment_is_found() {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"));
        bytes.extend(segment(APP1, b"Exif\0\0first"));
        bytes.extend(segment(APP1, b"Exif\0\0second"));
        assert_eq!(survey(&bytes).exif, Some(&b"first"[..]));
        bytes.truncate(50);
        assert_eq!(survey(&bytes).exif, None, "a segment that is cut off");
    }
}
