//! In which characters a file is written, told by its first bytes.

use std::io::Read;

use encoding_rs::{Decoder, DecoderResult, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes are decoded at a time.
const CHUNK: usize = 1 << 16;

/// The encoding of a name as the WHATWG Encoding Standard has it, and of the names of PostgreSQL and Python for Latin-1.
pub(super) fn by_name(name: &str) -> Option<&'static Encoding> {
    match name.trim().to_ascii_lowercase().as_str() {
        "latin-1" | "latin_1" => Some(WINDOWS_1252),
        "gb-18030" => Some(GB18030),
        "utf-16" | "utf16" => Some(UTF_16LE),
        other => Encoding::for_label(other.as_bytes()),
    }
}

/// The encoding of a file that begins with these bytes; none where they could be of several. `whole` says whether they are all.
pub(super) fn detect(begin: &[u8], whole: bool) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(begin) {
        return Some(encoding);
    }
    match std::str::from_utf8(begin) {
        Ok(text) if !text.contains('\0') => return Some(UTF_8),
        // The last character may be cut.
        Err(error) if error.error_len().is_none() && !whole => return Some(UTF_8),
        _ => {}
    }
    if let Some(wide) = wide(begin) {
        return Some(wide);
    }
    if is_chinese(begin) {
        return Some(GB18030);
    }
    is_western(begin).then_some(WINDOWS_1252)
}

/// UTF-16 without a byte order mark: every other byte of a header in Latin letters is zero.
fn wide(begin: &[u8]) -> Option<&'static Encoding> {
    let header = &begin[..begin.len().min(64) / 2 * 2];
    let zeros = |first: usize| header.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = header.len() / 4;
    match (even > most, odd > most) {
        (false, true) if even == 0 => Some(UTF_16LE),
        (true, false) if odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are Chinese in GB 18030 (or GBK, GB 2312): whatever is not ASCII stands in pairs, and nearly all pairs are of
/// the rows that GB 2312 fills with signs and common characters.
fn is_chinese(bytes: &[u8]) -> bool {
    let (mut pairs, mut common, mut at) = (0_usize, 0_usize, 0);
    while let Some(lead) = bytes.get(at) {
        if lead.is_ascii() {
            at += 1;
            continue;
        }
        match bytes.get(at + 1) {
            Some(trail) => {
                pairs += 1;
                let is_common = matches!(lead, 0xA1..=0xA3 | 0xB0..=0xF7) && matches!(trail, 0xA1..=0xFE);
                common += usize::from(is_common);
                // A character of four bytes has a digit in the second place.
                at += if trail.is_ascii_digit() { 4 } else { 2 };
            }
            None => at += 1,
        }
    }
    pairs > 0
        && common * 10 >= pairs * 9
        && GB18030.decode_without_bom_handling_and_without_replacement(bytes).is_some()
}

/// Whether whatever is not ASCII can be a letter or sign of a western European text: no ÿ, þ or ð in it, no × or ÷, and
/// nothing that Windows-1252 leaves open.
fn is_western(bytes: &[u8]) -> bool {
    let foreign =
        |byte: &u8| matches!(byte, 0 | 0x81 | 0x8D | 0x8F | 0x90 | 0x9D | 0xD7 | 0xF0 | 0xF7 | 0xFE | 0xFF);
    !bytes.iter().any(foreign)
}

/// A reader of the same text in UTF-8. Bytes that are none of the encoding's end it with an error that tells where.
pub(super) struct Transcoded<R> {
    inner: R,
    decoder: Decoder,
    encoding: &'static Encoding,
    raw: Vec<u8>,
    /// How much of `raw` is waiting.
    from: usize,
    until: usize,
    text: Vec<u8>,
    given: usize,
    consumed: u64,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            encoding,
            raw: vec![0; CHUNK],
            from: 0,
            until: 0,
            text: Vec::new(),
            given: 0,
            consumed: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> std::io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !self.ended {
            if self.from == self.until {
                self.from = 0;
                self.until = self.inner.read(&mut self.raw)?;
            }
            let last = self.until == 0;
            let waiting = &self.raw[self.from..self.until];
            let room =
                self.decoder.max_utf8_buffer_length_without_replacement(waiting.len()).unwrap_or(CHUNK);
            self.text.resize(room.max(16), 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(waiting, &mut self.text, last);
            self.text.truncate(written);
            self.from += read;
            self.consumed += read as u64;
            match result {
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    let why = format!("not {} at byte {}", self.encoding.name(), self.consumed);
                    return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.text.len() {
            self.refill()?;
        }
        let count = buffer.len().min(self.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(bytes: &[u8]) -> Option<&'static str> {
        detect(bytes, true).map(Encoding::name)
    }

    fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn an_encoding_is_told_by_its_bytes() {
        assert_eq!(detected("deal,stage\n1,已报价\n".as_bytes()), Some("UTF-8"));
        assert_eq!(detected("\u{feff}deal".as_bytes()), Some("UTF-8"));
        assert_eq!(detected(b"deal,stage\n"), Some("UTF-8"));
        assert_eq!(detected(&GB18030.encode("客户,状态\n一,已报价\n").0), Some("gb18030"));
        assert_eq!(detected(&GB18030.encode("deal,stage\n1,已报价\n").0), Some("gb18030"));
        assert_eq!(
            detected(&WINDOWS_1252.encode("deal,source\n1,Gestión à Zürich – 5 €\n").0),
            Some("windows-1252")
        );
        assert_eq!(detected(&utf_16("deal,stage\n", u16::to_le_bytes)), Some("UTF-16LE"));
        assert_eq!(detected(&utf_16("deal,stage\n", u16::to_be_bytes)), Some("UTF-16BE"));
        assert_eq!(detected(&utf_16("\u{feff}客户\n", u16::to_le_bytes)), Some("UTF-16LE"));
        assert_eq!(detected(b"deal,stage\n1,Qu\xffoted\n"), None);
    }

    #[test]
    fn a_character_that_is_cut_at_the_end_of_the_first_bytes_does_not_matter() {
        let text = "客户".as_bytes();
        assert_eq!(detect(&text[..5], false).map(Encoding::name), Some("UTF-8"));
    }

    #[test]
    fn a_text_comes_out_in_utf_8_however_it_is_read() {
        let text = "客户,状态\n".repeat(30_000);
        let bytes = GB18030.encode(&text).0.into_owned();
        let mut decoded = String::new();
        Transcoded::new(bytes.as_slice(), GB18030).read_to_string(&mut decoded).unwrap();
        assert_eq!(decoded, text);
        let mut broken = bytes;
        broken.push(0xff);
        let error = Transcoded::new(broken.as_slice(), GB18030).read_to_string(&mut decoded).unwrap_err();
        assert!(error.to_string().contains("not gb18030 at byte"), "{error}");
    }
}
