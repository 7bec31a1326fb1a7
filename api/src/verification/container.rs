//! The container of an archive of evidence: one gzip member, and in it plain files in POSIX ustar, or as GNU tar writes those.
//!
//! It is read here and not by a library. Libraries obey extended headers, so that a file has one name for them and another for
//! who reads the header itself; and they take several members, or a stream without its end, for a whole.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};
use waymark_eventstore::MAX_ENTRY_BYTES;

use super::flaw::Flaw;
use crate::audit::ENTRIES_PER_FILE;

/// The largest file: a full one of the largest entries, each with its line break.
const LARGEST: u64 = ENTRIES_PER_FILE * (MAX_ENTRY_BYTES as u64 + 1);

/// Headers fill a block each, files whole blocks.
const BLOCK: usize = 512;
// Where what counts of a header stands in it.
const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const CHECK_SUM: Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: Range<usize> = 257..263;
const PREFIX: Range<usize> = 345..500;

// The flags of a gzip member (RFC 1952, section 2.3.1).
const HAS_CHECK_SUM: u8 = 0x02;
const HAS_EXTRA: u8 = 0x04;
const HAS_NAME: u8 = 0x08;
const HAS_COMMENT: u8 = 0x10;
const RESERVED: u8 = 0xe0;

/// The files of an archive, one after the other.
pub(super) struct Files<R> {
    archive: Inflated<R>,
}

impl<R: BufRead> Files<R> {
    pub(super) fn of(mut file: R) -> Result<Self, Flaw> {
        pass_gzip_header(&mut file)?;
        Ok(Self { archive: Inflated { file, inflate: Decompress::new(false), has_ended: false } })
    }

    /// The name and the bytes of the next file; none at the end of the archive.
    pub(super) fn next_file(&mut self) -> Result<Option<(String, Vec<u8>)>, Flaw> {
        let mut header = [0; BLOCK];
        self.archive.read_exact(&mut header)?;
        if header == [0; BLOCK] {
            // What stands behind the end is passed over, but the stream has to come to its own.
            io::copy(&mut self.archive, &mut io::sink())?;
            return Ok(None);
        }
        let (name, size) =
            name_and_size(&header).ok_or_else(|| io::Error::other("a header is not one of ustar"))?;
        if !matches!(header[KIND], b'0' | 0) {
            return Err(Flaw::tampered(name, "it is no plain file"));
        }
        if size > LARGEST {
            return Err(Flaw::tampered(name, format!("it is larger than {LARGEST} bytes")));
        }
        let mut bytes = vec![0; size as usize];
        self.archive.read_exact(&mut bytes)?;
        let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
        self.archive.read_exact(&mut header[..padding])?;
        Ok(Some((name, bytes)))
    }
}

/// The name of a file and its size; none where the header is damaged, or in another format than ustar.
fn name_and_size(header: &[u8; BLOCK]) -> Option<(String, u64)> {
    let counted = |(at, byte): (usize, &u8)| u64::from(if CHECK_SUM.contains(&at) { b' ' } else { *byte });
    let sum: u64 = header.iter().enumerate().map(counted).sum();
    if octal(&header[CHECK_SUM])? != sum {
        return None;
    }
    let (name, prefix) = (text(&header[NAME])?, text(&header[PREFIX])?);
    match &header[MAGIC] {
        b"ustar\0" => {}
        // GNU tar has no prefix: it keeps other things there.
        b"ustar " if prefix.is_empty() => {}
        _ => return None,
    }
    let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    Some((name, octal(&header[SIZE])?))
}

/// A text of a header, which ends with its field or before the first NUL.
fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).ok()
}

/// A number of a header: octal digits, with spaces before them and spaces and NULs behind.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_start_matches(' ').trim_end_matches([' ', '\0']);
    let is_octal = digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    u64::from_str_radix(digits, 8).ok().filter(|_| is_octal)
}

/// Identification, method and flags count; the rest of the header is passed over.
fn pass_gzip_header(file: &mut impl BufRead) -> io::Result<()> {
    let mut header = [0; 10];
    file.read_exact(&mut header)?;
    let flags = header[3];
    if header[..3] != [0x1f, 0x8b, 8] || flags & RESERVED != 0 {
        return Err(io::Error::other("it does not begin as gzip does"));
    }
    if flags & HAS_EXTRA != 0 {
        let mut length = [0; 2];
        file.read_exact(&mut length)?;
        io::copy(&mut file.by_ref().take(u16::from_le_bytes(length).into()), &mut io::sink())?;
    }
    for text in [HAS_NAME, HAS_COMMENT] {
        if flags & text != 0 {
            file.skip_until(0)?;
        }
    }
    if flags & HAS_CHECK_SUM != 0 {
        file.read_exact(&mut [0; 2])?;
    }
    Ok(())
}

/// What a deflate stream holds. Where the stream breaks off, reading fails.
struct Inflated<R> {
    file: R,
    inflate: Decompress,
    has_ended: bool,
}

impl<R: BufRead> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.has_ended && !buffer.is_empty() {
            let packed = self.file.fill_buf()?;
            let before = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(packed, buffer, FlushDecompress::None);
            let taken = (self.inflate.total_in() - before.0) as usize;
            let made = (self.inflate.total_out() - before.1) as usize;
            self.file.consume(taken);
            self.has_ended = status.map_err(io::Error::other)? == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if taken == 0 && !self.has_ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
