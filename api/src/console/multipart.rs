//! Forms with a file in them: `multipart/form-data` (RFC 7578), as browsers send it.

use super::form::Fields;

/// A file, and the fields beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) fields: Fields,
    /// The name of the file, as the browser gives it.
    pub(super) name: String,
    pub(super) file: Vec<u8>,
}

/// The parts of a body of this content type; none where it is no such form.
pub(super) fn parse(content_type: &str, body: &[u8]) -> Option<Upload> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let delimiter = format!("--{boundary}");
    let mut upload = Upload::default();
    let mut rest = after(body, delimiter.as_bytes())?;
    // A part ends before the line that begins with the delimiter; the last delimiter ends with two hyphens.
    let delimiter = format!("\r\n{delimiter}");
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, delimiter.as_bytes())?;
        add(&mut upload, &part[..end])?;
        rest = &part[end + delimiter.len()..];
    }
    Some(upload)
}

fn add(upload: &mut Upload, part: &[u8]) -> Option<()> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, content) = (std::str::from_utf8(&part[..end]).ok()?, &part[end + 4..]);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    match parameter(disposition, "filename") {
        Some(file) => {
            upload.name = file;
            upload.file = content.to_vec();
        }
        None => drop(upload.fields.insert(name, String::from_utf8_lossy(content).into_owned())),
    }
    Some(())
}

/// A parameter of a header, in quotes or without. Browsers write a quote within as `%22`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(within: &[u8], sought: &[u8]) -> Option<usize> {
    within.windows(sought.len()).position(|window| window == sought)
}

fn after<'a>(within: &'a [u8], sought: &[u8]) -> Option<&'a [u8]> {
    find(within, sought).map(|at| &within[at + sought.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x";

    fn form(parts: &[&str]) -> Vec<u8> {
        let parts: String = parts.iter().map(|part| format!("------x\r\n{part}\r\n")).collect();
        format!("{parts}------x--\r\n").into_bytes()
    }

    #[test]
    fn fields_and_the_file_are_read_byte_for_byte() {
        let body = form(&[
            "Content-Disposition: form-data; name=\"pipeline\"\r\n\r\n销售",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n\r\n1,2\r\n",
        ]);
        let upload = parse(KIND, &body).unwrap();
        assert_eq!(upload.fields, [("pipeline".to_owned(), "销售".to_owned())].into());
        assert_eq!((upload.name.as_str(), upload.file.as_slice()), ("a.csv", &b"a,b\r\n\r\n1,2\r\n"[..]));
    }

    #[test]
    fn what_is_no_such_form_is_none() {
        let whole = form(&["Content-Disposition: form-data; name=\"a\"\r\n\r\n1"]);
        assert!(parse(KIND, &whole).is_some());
        assert_eq!(parse("text/plain; boundary=----x", &whole), None);
        assert_eq!(parse("multipart/form-data", &whole), None);
        assert_eq!(parse(KIND, &whole[..whole.len() - 8]), None, "cut off");
        assert_eq!(parse(KIND, b""), None);
    }
}
