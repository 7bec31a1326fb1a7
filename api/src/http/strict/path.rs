//! Where in a document: the path by which errors name a field.

use std::fmt;

/// A place in a JSON document, as a chain of steps that lives on the stack of the reader.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    /// The document itself.
    Root,
    /// A member of an object.
    Field(&'p Path<'p>, &'p str),
    /// An element of an array.
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    /// `contacts[0].value`; the document itself is `$`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_reads_as_one_would_write_it() {
        let contacts = Path::Field(&Path::Root, "contacts");
        let first = Path::Item(&contacts, 0);
        assert_eq!(Path::Root.to_string(), "$");
        assert_eq!(contacts.to_string(), "contacts");
        assert_eq!(Path::Field(&first, "value").to_string(), "contacts[0].value");
        assert_eq!(Path::Item(&Path::Root, 3).to_string(), "$[3]");
    }
}
