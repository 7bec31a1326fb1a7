//! Amounts of money as spreadsheets show them.

use rust_decimal::Decimal;
use waymark_domain::Label;
use waymark_domain::customer::event::Money;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AmountFault {
    /// It is no number.
    Malformed,
    /// A comma or point could be of thousands or of decimals.
    Ambiguous,
    /// No currency is named, in the cell or beside it.
    NoCurrency,
    /// The cell shows the sign of another currency than is named for it.
    OtherCurrency,
}

impl AmountFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "invalid-amount",
            Self::Ambiguous => "ambiguous-amount",
            Self::NoCurrency => "currency-missing",
            Self::OtherCurrency => "currency-contradicted",
        }
    }

    pub(super) fn message(self, text: &str) -> Label {
        match self {
            Self::Malformed => {
                Label::new(format!("“{text}”不是金额。"), format!("{text:?} is not an amount."))
            }
            Self::Ambiguous => Label::new(
                format!("“{text}”中的逗号可能是千位分隔符，也可能是小数点。"),
                format!("The comma in {text:?} could separate thousands or decimals."),
            ),
            Self::NoCurrency => {
                Label::new(format!("“{text}”没有币种。"), format!("{text:?} has no currency."))
            }
            Self::OtherCurrency => Label::new(
                format!("“{text}”的货币符号与指定的币种不符。"),
                format!("The sign in {text:?} is not that of the currency named for it."),
            ),
        }
    }

    pub(super) fn mend(self) -> Label {
        match self {
            Self::Malformed | Self::Ambiguous => {
                Label::new("请写成 1234.50 或 1,234.50。", "Write it as 1234.50 or 1,234.50.")
            }
            Self::OtherCurrency => Label::new(
                "请在单元格中写明货币代码，例如 100 USD，或改正币种。",
                "Write the code of the currency in the cell, such as 100 USD, or correct the currency.",
            ),
            Self::NoCurrency => Label::new(
                "请用 currency 指定币种所在的列，或指定一种货币，例如 currency=CNY。",
                "Name the column of the currency with currency, or one for all rows, such as currency=CNY.",
            ),
        }
    }
}

/// Words for ten thousand and a hundred million.
const UNITS: [(&str, u32); 2] = [("万", 10_000), ("亿", 100_000_000)];

/// Currencies by the signs and words that stand before or after a number. Signs that several currencies share tell none.
const SIGNS: [(&str, Option<&str>); 14] = [
    ("人民币", Some("CNY")),
    ("美元", Some("USD")),
    ("港元", Some("HKD")),
    ("港币", Some("HKD")),
    ("欧元", Some("EUR")),
    ("日元", Some("JPY")),
    ("US$", Some("USD")),
    ("HK$", Some("HKD")),
    ("€", Some("EUR")),
    ("£", Some("GBP")),
    ("元", Some("CNY")),
    ("¥", None),
    ("￥", None),
    ("$", None),
];

/// What one is in a column of this name, such as ten thousand in one called 金额（万元）, and the currency that the name tells.
pub(super) fn unit(column: &str) -> (Decimal, Option<&'static str>) {
    let word = SIGNS.iter().find(|(word, code)| code.is_some() && column.contains(word));
    let currency = word.and_then(|(_, code)| *code);
    // 万 alone stands in words that are no unit.
    let is_unit = |word: &str| {
        let before = |ends: &str| column.contains(&format!("{word}{ends}"));
        before("元") || before("美元") || before(")") || before("）")
    };
    let named = UNITS.into_iter().chain([("千", 1_000)]).find(|(word, _)| is_unit(word));
    (named.map_or(Decimal::ONE, |(_, size)| Decimal::from(size)), currency)
}

/// The money that a cell tells of, with the currency that it names itself, that of the column beside it, or that of the file.
/// `unit` is what one is in its column.
pub(super) fn money(
    text: &str,
    unit: Decimal,
    beside: Option<&str>,
    of_file: Option<&str>,
) -> Result<Money, AmountFault> {
    let shown = text.trim();
    let (text, own) = without_currency(shown);
    // Bookkeepers write what is below zero in brackets.
    let below = text.strip_prefix(['(', '（']).and_then(|text| text.strip_suffix([')', '）']));
    let (text, own) = match below.map(|text| without_currency(text.trim())) {
        Some((text, inner)) => (text, own.or(inner)),
        None => (text, own),
    };
    // A unit in the cell counts before that of its column.
    let own_unit = UNITS.into_iter().find_map(|(sign, size)| Some((text.strip_suffix(sign)?, size)));
    let (number, unit) = own_unit.map_or((text, unit), |(number, size)| (number.trim(), Decimal::from(size)));
    // What is written out keeps its places.
    let amount = match decimal(number)? {
        amount if unit == Decimal::ONE => amount,
        amount => amount.checked_mul(unit).ok_or(AmountFault::Malformed)?.normalize(),
    };
    let amount = if below.is_some() && !amount.is_zero() { -amount } else { amount };
    let beside = beside.map(str::trim).filter(|code| !code.is_empty());
    let currency = beside.or(own).or(of_file).ok_or(AmountFault::NoCurrency)?.to_ascii_uppercase();
    let currency = if currency == "RMB" { "CNY".to_owned() } else { currency };
    if contradicts(shown, &currency) {
        return Err(AmountFault::OtherCurrency);
    }
    Ok(Money { amount, currency })
}

/// Whether a text shows a sign that the currency is not written with. Dollars and pesos share one, and so do yuan and yen.
fn contradicts(text: &str, currency: &str) -> bool {
    const PESOS: [&str; 8] = ["ARS", "BRL", "CLP", "COP", "DOP", "MXN", "PHP", "UYU"];
    let is_dollar = currency.ends_with('D') || PESOS.contains(&currency);
    let is_yuan = matches!(currency, "CNY" | "JPY");
    let signs = [
        ("$", is_dollar),
        ("¥", is_yuan),
        ("￥", is_yuan),
        ("€", currency == "EUR"),
        ("£", currency.ends_with('P')),
    ];
    signs.iter().any(|(sign, is_written_so)| text.contains(sign) && !is_written_so)
}

/// A text without a currency's code or sign before or after it, and the code.
fn without_currency(text: &str) -> (&str, Option<&str>) {
    let is_code = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    if let Some((code, rest)) = text.split_at_checked(3)
        && is_code(code)
    {
        return (rest.trim(), Some(code));
    }
    if let Some((rest, code)) = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at))
        && is_code(code)
    {
        return (rest.trim(), Some(code));
    }
    for (sign, code) in SIGNS {
        if let Some(rest) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
            return (rest.trim(), code);
        }
    }
    (text, None)
}

/// A number with a point before its decimals, and perhaps commas (or spaces) between its thousands.
fn decimal(text: &str) -> Result<Decimal, AmountFault> {
    let plain: String =
        text.chars().filter(|sign| !matches!(sign, ' ' | '\u{a0}' | '\u{202f}' | '\'')).collect();
    if plain.split_once('.').is_some_and(|(_, decimals)| decimals.contains(',')) {
        return Err(AmountFault::Ambiguous);
    }
    if plain.contains(',') {
        let whole = plain.split('.').next().unwrap_or_default().trim_start_matches('-');
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        let of_three = groups.all(|group| group.len() == 3);
        let once = plain.matches(',').count() == 1 && !plain.contains('.');
        // 1,234 is a thousand and more wherever points stand before decimals, and nowhere else.
        if !(1..=3).contains(&first.len()) || !of_three || plain.matches('.').count() > 1 {
            return Err(if once || plain.contains('.') {
                AmountFault::Ambiguous
            } else {
                AmountFault::Malformed
            });
        }
    }
    let digits = plain.replace(',', "");
    let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if !is_number {
        return Err(AmountFault::Malformed);
    }
    digits.parse().map_err(|_| AmountFault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, AmountFault> {
        money(text, Decimal::ONE, None, Some("USD"))
            .map(|money| format!("{} {}", money.amount, money.currency))
    }

    #[test]
    fn amounts_are_read_as_spreadsheets_show_them() {
        for (text, expected) in [
            ("1234.50", "1234.50 USD"),
            ("1,234.50", "1234.50 USD"),
            ("12,345,678", "12345678 USD"),
            ("$1,234", "1234 USD"),
            ("CNY 100", "100 CNY"),
            ("100 cny", "100 CNY"),
            ("€99", "99 EUR"),
            ("12.5万", "125000 USD"),
            ("3万元", "30000 CNY"),
            ("1.2亿元", "120000000 CNY"),
            ("5 万美元", "50000 USD"),
            ("RMB 83,000", "83000 CNY"),
            ("人民币 5,000.00", "5000.00 CNY"),
            ("HK$ 800", "800 HKD"),
            ("1 234.5", "1234.5 USD"),
            ("-50", "-50 USD"),
            ("(300.00)", "-300.00 USD"),
            ("（1,200）", "-1200 USD"),
            ("(€99)", "-99 EUR"),
            ("(3万元)", "-30000 CNY"),
            ("(0.00)", "0.00 USD"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(money("5", Decimal::ONE, Some("eur"), Some("USD")).unwrap().currency, "EUR");
    }

    #[test]
    fn a_columns_name_tells_its_unit_and_currency_and_a_cell_its_own() {
        for (column, size, currency) in [
            ("意向金额(万元)", 10_000, Some("CNY")),
            ("金额（万）", 10_000, None),
            ("合同额/千元", 1_000, Some("CNY")),
            ("预算（万美元）", 10_000, Some("USD")),
            ("金额（元）", 1, Some("CNY")),
            ("万达订单金额", 1, None),
            ("Amount", 1, None),
        ] {
            assert_eq!(unit(column), (Decimal::from(size), currency), "{column}");
        }
        let (unit, currency) = unit("金额（万元）");
        let shown = |text: &str| {
            money(text, unit, None, currency).map(|money| format!("{} {}", money.amount, money.currency))
        };
        assert_eq!(shown("15").as_deref(), Ok("150000 CNY"));
        assert_eq!(shown("20万").as_deref(), Ok("200000 CNY"), "the cell says the unit itself");
        assert_eq!(shown("99999999999999999999999999"), Err(AmountFault::Malformed));
    }

    #[test]
    fn what_could_be_two_numbers_is_refused() {
        assert_eq!(shown("1.234,56"), Err(AmountFault::Ambiguous));
        assert_eq!(shown("12,5"), Err(AmountFault::Ambiguous));
        assert_eq!(shown("much"), Err(AmountFault::Malformed));
        assert_eq!(shown(""), Err(AmountFault::Malformed));
        assert_eq!(shown("()"), Err(AmountFault::Malformed));
        assert_eq!(money("5", Decimal::ONE, None, None), Err(AmountFault::NoCurrency));
    }

    #[test]
    fn a_sign_of_another_currency_is_refused_and_never_taken_for_the_one_of_the_file() {
        assert_eq!(shown("¥1,234"), Err(AmountFault::OtherCurrency));
        assert_eq!(money("$5", Decimal::ONE, None, Some("CNY")), Err(AmountFault::OtherCurrency));
        assert_eq!(money("$5", Decimal::ONE, Some("cny"), None), Err(AmountFault::OtherCurrency));
        for (text, currency) in [("$5", "HKD"), ("$5", "MXN"), ("￥5", "CNY"), ("¥5", "JPY"), ("£5", "GBP")]
        {
            assert_eq!(money(text, Decimal::ONE, None, Some(currency)).unwrap().currency, currency, "{text}");
        }
    }
}
