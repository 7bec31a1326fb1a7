//! What can be wrong with a row of a file, each in a constructor named after it.

use chrono::{DateTime, Utc};
use waymark_domain::Label;
use waymark_domain::refusal::Violation;

use super::BadRow;
use super::amount::AmountFault;
use super::report::shortened;
use super::time::TimeFault;

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) line: u64,
    pub(super) row: u64,
    pub(super) sheet: Option<&'a str>,
    /// Whether rows end where their last cell is, and not where the header does.
    pub(super) may_be_short: bool,
    /// The instant of importing.
    pub(super) now: DateTime<Utc>,
}

/// What is wrong with a row, or with a cell of it, and how to mend it.
pub(super) struct RowFault {
    code: String,
    message: Label,
    how_to_fix: Label,
}

impl RowFault {
    fn new(code: &str, message: Label, how_to_fix: Label) -> Self {
        Self { code: code.to_owned(), message, how_to_fix }
    }

    /// Something stands in a column, counted from 0, that the header does not have.
    pub(super) fn beyond_the_header(column: usize, width: usize) -> Self {
        let number = column + 1;
        Self::new(
            "field-count",
            Label::new(
                format!("第 {number} 列有内容，表头只有 {width} 列。"),
                format!("Column {number} is filled in, and the header has {width} columns."),
            ),
            Label::new(
                "请给这一列加上表头，或清空表格旁边的内容。",
                "Give the column a header, or clear the cells beside the table.",
            ),
        )
    }

    /// The row has another number of fields than the header.
    pub(super) fn field_count(found: usize, width: usize) -> Self {
        Self::new(
            "field-count",
            Label::new(
                format!("这一行有 {found} 列，表头有 {width} 列。"),
                format!("The row has {found} fields, the header {width}."),
            ),
            Label::new(
                "请检查分隔符和引号：含有分隔符的内容要用引号括起来。",
                "Check separators and quotes: a field that contains the separator must be quoted.",
            ),
        )
    }

    /// A formula had no result.
    pub(super) fn formula_error(shown: &str) -> Self {
        Self::new(
            "formula-error",
            Label::new(
                format!("单元格显示错误 {shown}：公式没有算出结果。"),
                format!("The cell shows {shown}: its formula has no result."),
            ),
            Label::new("请改正公式，或清空单元格。", "Correct the formula, or clear the cell."),
        )
    }

    /// Nothing stands where something must.
    pub(super) fn empty() -> Self {
        Self::new(
            "missing-field",
            Label::new("不能为空。", "It is empty."),
            Label::new("请填写，或删除该行。", "Fill it in, or remove the row."),
        )
    }

    /// No status was ever entered.
    pub(super) fn no_time() -> Self {
        Self::new(
            "missing-field",
            Label::new("各状态的时间都是空的。", "None of the columns of times is filled in."),
            Label::new(
                "请至少填写一个状态的时间，或删除该行。",
                "Fill in the time of one status at least, or remove the row.",
            ),
        )
    }

    /// A name has more characters than names have.
    pub(super) fn long_name(most: usize) -> Self {
        Self::new(
            "text-too-long",
            Label::new(format!("超过 {most} 个字符。"), format!("It is longer than {most} characters.")),
            Label::new(
                "请缩短，并检查列是否正确。",
                "Shorten it, and check that the column is the right one.",
            ),
        )
    }

    /// A remark has more characters than are kept.
    pub(super) fn long_remark(found: usize, most: usize) -> Self {
        Self::new(
            "text-too-long",
            Label::new(
                format!("备注有 {found} 个字符，最多 {most} 个。"),
                format!("The remark has {found} characters; at most {most} are kept."),
            ),
            Label::new("请缩短备注。", "Shorten the remark."),
        )
    }

    /// A name has signs that no name has.
    pub(super) fn control_character() -> Self {
        Self::new(
            "control-character",
            Label::new("含有控制字符。", "It has control characters."),
            Label::new("请删除换行等控制字符。", "Remove line breaks and other control characters."),
        )
    }

    /// A second row of a customer in a list of customers: nothing says which of the two is right.
    pub(super) fn repeated_customer() -> Self {
        Self::new(
            "repeated-customer",
            Label::new("前面的行已有同一个客户。", "An earlier row is of the same customer."),
            Label::new("每个客户只保留一行。", "Keep one row for each customer."),
        )
    }

    /// The sum below a list of customers.
    pub(super) fn row_of_totals() -> Self {
        Self::new(
            "row-of-totals",
            Label::new("这是合计行，不是客户。", "This row is a sum and no customer."),
            Label::new(
                "请删除该行，或跳过有错误的行（skip_bad）。",
                "Remove the row, or leave invalid rows out with skip_bad.",
            ),
        )
    }

    /// What was to be a time is none.
    pub(super) fn time(fault: TimeFault, text: &str) -> Self {
        Self::new(fault.code(), fault.message(&shortened(text)), fault.mend())
    }

    /// What was to be an amount is none.
    pub(super) fn amount(fault: AmountFault, text: &str) -> Self {
        Self::new(fault.code(), fault.message(&shortened(text)), fault.mend())
    }

    /// Where a row is refused for it: by which field, in which column, and what stands there.
    pub(super) fn at(
        self,
        place: Place<'_>,
        field: &str,
        column: Option<&str>,
        value: Option<&str>,
    ) -> BadRow {
        BadRow {
            line: place.line,
            row: place.row,
            sheet: place.sheet.map(str::to_owned),
            field: field.to_owned(),
            column: column.map(str::to_owned),
            value: value.map(shortened),
            code: self.code,
            message: self.message,
            how_to_fix: self.how_to_fix,
        }
    }
}

impl From<Violation> for RowFault {
    /// What a customer may not be said to have.
    fn from(unmet: Violation) -> Self {
        Self::new(&unmet.code, unmet.message, unmet.how_to_fix)
    }
}
