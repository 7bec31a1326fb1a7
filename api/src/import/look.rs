//! What a file seems to be before anything of it is imported: its columns, its first rows, and which column is probably what.

use std::collections::BTreeMap;
use std::io::Read;

use csv::StringRecord;
use serde::Serialize;
use utoipa::ToSchema;

use super::report::shortened;
use super::source::{Detected, Records};
use super::{Format, ImportError};

/// How many rows below the header are shown.
const SHOWN: usize = 5;
/// The most columns that are shown.
const MOST_COLUMNS: usize = 200;

/// What a file seems to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Look {
    /// What it turned out to be.
    pub detected: Detected,
    /// Which column is probably what, by the columns' names: parameters of an import with their columns. The customers' names are
    /// `case`, too, where no column has ids.
    #[schema(value_type = std::collections::HashMap<String, String>, example = json!({"case": "客户编号", "status": "阶段", "time": "更新日期"}))]
    pub suggested: BTreeMap<&'static str, String>,
    /// The first rows below the header, as texts.
    pub rows: Vec<Vec<String>>,
}

/// Looks at the beginning of a file.
///
/// # Errors
/// [`ImportError`] where it cannot be read or has no rows.
pub fn look(source: impl Read, format: &Format) -> Result<Look, ImportError> {
    let mut records = Records::open(source, format, &|name| parameter(name).is_some())?;
    let known = |record: &StringRecord| record.iter().filter(|name| parameter(name).is_some()).count();
    // No header has them all: all first rows are looked at.
    let Some(_) = records.header(&known, NAMES.len() + 1)? else { return Err(ImportError::Empty) };
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while rows.len() < SHOWN && records.next(&mut record)? {
        rows.push(record.iter().take(MOST_COLUMNS).map(|cell| shortened(cell.trim())).collect());
    }
    let mut detected = std::mem::take(&mut records.detected);
    detected.columns.truncate(MOST_COLUMNS);
    Ok(Look { suggested: suggested(&detected.columns), detected, rows })
}

/// Of columns that could be the same thing the first one is it.
fn suggested(columns: &[String]) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for column in columns {
        if let Some(parameter) = parameter(column) {
            found.entry(parameter).or_insert_with(|| column.clone());
        }
    }
    if let (None, Some(name)) = (found.get("case"), found.get("name")) {
        let name = name.clone();
        found.insert("case", name);
    }
    found
}

/// Which parameter a column of this name is probably for.
fn parameter(column: &str) -> Option<&'static str> {
    let name = plain(column);
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(parameter, _)| *parameter)
}

/// A name without its looks: 金额（万元） and "Deal Stage" are 金额 and dealstage.
fn plain(column: &str) -> String {
    let begin = column.trim().split(['(', '（', '/', '：', ':']).next().unwrap_or_default();
    begin.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What columns are called by those who keep such files and by the programs that export them.
const NAMES: [(&str, &[&str]); 12] = [
    (
        "case",
        &[
            "case",
            "caseid",
            "deal",
            "dealid",
            "opportunityid",
            "leadid",
            "id",
            "recordid",
            "customerid",
            "externalid",
            "编号",
            "客户编号",
            "客户id",
            "客户号",
            "线索编号",
            "商机编号",
            "订单编号",
            "档案号",
        ],
    ),
    (
        "status",
        &[
            "status",
            "stage",
            "state",
            "dealstage",
            "leadstatus",
            "salesstage",
            "状态",
            "阶段",
            "客户状态",
            "当前状态",
            "当前阶段",
            "跟进状态",
            "跟进阶段",
            "销售阶段",
            "商机阶段",
            "成交状态",
        ],
    ),
    (
        "time",
        &[
            "time",
            "at",
            "date",
            "timestamp",
            "changed",
            "changedat",
            "changedon",
            "updated",
            "updatedat",
            "modified",
            "lastmodified",
            "stagechanged",
            "时间",
            "日期",
            "更新时间",
            "更新日期",
            "变更时间",
            "变更日期",
            "修改时间",
            "跟进时间",
            "跟进日期",
            "发生时间",
        ],
    ),
    (
        "name",
        &[
            "name",
            "customer",
            "customername",
            "company",
            "companyname",
            "account",
            "accountname",
            "client",
            "dealname",
            "客户",
            "名称",
            "姓名",
            "客户名称",
            "客户姓名",
            "公司",
            "公司名称",
            "企业名称",
            "单位",
            "单位名称",
        ],
    ),
    (
        "owner",
        &[
            "owner",
            "rep",
            "sales",
            "salesrep",
            "salesperson",
            "dealowner",
            "accountowner",
            "leadowner",
            "assignedto",
            "负责人",
            "归属人",
            "跟进人",
            "销售",
            "销售员",
            "销售人员",
            "业务员",
            "客户经理",
        ],
    ),
    (
        "actor",
        &["actor", "by", "changedby", "modifiedby", "operator", "操作人", "变更人", "修改人", "更新人"],
    ),
    (
        "phone",
        &[
            "phone",
            "tel",
            "telephone",
            "mobile",
            "cell",
            "phonenumber",
            "mobilephone",
            "电话",
            "手机",
            "手机号",
            "手机号码",
            "电话号码",
            "联系电话",
            "联系方式",
        ],
    ),
    ("email", &["email", "mail", "emailaddress", "邮箱", "电子邮箱", "电子邮件"]),
    (
        "amount",
        &[
            "amount",
            "value",
            "dealvalue",
            "dealamount",
            "revenue",
            "金额",
            "预计金额",
            "意向金额",
            "商机金额",
            "合同金额",
            "成交金额",
            "报价",
            "报价金额",
            "预算",
        ],
    ),
    ("currency", &["currency", "币种", "货币"]),
    ("source", &["source", "leadsource", "来源", "客户来源", "线索来源"]),
    ("tag", &["tag", "tags", "label", "labels", "标签", "客户标签"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Look {
        look(text.as_bytes(), &Format::default()).unwrap()
    }

    #[test]
    fn columns_are_recognized_in_both_languages_and_below_a_title() {
        let look = seen(
            "客户跟进表\n,,\n序号;客户编号;公司名称;阶段;更新日期;预计金额（万元）;业务员\n1;C1;晴川;新;2026-09-01;12;王\n",
        );
        assert_eq!((look.detected.header_row, look.detected.separator.as_deref()), (3, Some(";")));
        let expected = [
            ("amount", "预计金额（万元）"),
            ("case", "客户编号"),
            ("name", "公司名称"),
            ("owner", "业务员"),
            ("status", "阶段"),
            ("time", "更新日期"),
        ];
        assert_eq!(look.suggested, expected.map(|(parameter, column)| (parameter, column.to_owned())).into());
        assert_eq!(look.rows, [["1", "C1", "晴川", "新", "2026-09-01", "12", "王"]]);
        let english = seen("Deal ID,Deal Stage,Changed at,E-mail\n1,New,2026-01-01,a@b.example\n").suggested;
        assert_eq!(english.values().collect::<Vec<_>>(), ["Deal ID", "E-mail", "Deal Stage", "Changed at"]);
    }

    #[test]
    fn a_list_without_ids_is_of_the_names_and_what_is_unknown_stays_open() {
        let look = seen("公司,备注\n晴川,x\n");
        assert_eq!(look.suggested, [("case", "公司".to_owned()), ("name", "公司".to_owned())].into());
        assert!(seen("a,b\n1,2\n").suggested.is_empty());
        assert_eq!(seen("a,b\n1,2\n").detected.columns, ["a", "b"]);
        assert!(matches!(super::look("\n,,\n".as_bytes(), &Format::default()), Err(ImportError::Empty)));
    }
}
