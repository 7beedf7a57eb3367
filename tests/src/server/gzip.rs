//! A gzip file (RFC 1952) whose contents are only stored: what a client must not take for the file itself.

/// The largest stored block of DEFLATE (RFC 1951, 3.2.4).
const BLOCK: usize = 0xffff;

/// Wraps bytes.
pub(super) fn stored(bytes: &[u8]) -> Vec<u8> {
    // Magic, DEFLATE, no flags, no time, no hints, unknown system.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let count = bytes.len().div_ceil(BLOCK).max(1);
    for index in 0..count {
        let block = &bytes[index * BLOCK..bytes.len().min((index + 1) * BLOCK)];
        let length = block.len() as u16;
        file.push(u8::from(index + 1 == count));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    file.extend(crc32(bytes).to_le_bytes());
    file.extend((bytes.len() as u32).to_le_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
