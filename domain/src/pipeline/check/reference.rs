//! References within a definition.

use crate::Label;
use crate::refusal::{Code, Violation};

/// A reference that leads nowhere.
pub(in crate::pipeline) fn dangling_reference(path: String, id: &str) -> Violation {
    Violation::new(
        Code::DanglingReference,
        path,
        Label::new(format!("“{id}”不存在。"), format!("{id:?} does not exist.")),
        Label::new("请引用已定义的标识。", "Refer to a defined ID."),
    )
}
