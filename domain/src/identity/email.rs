//! E-mail addresses, compared without regard to case.

use super::half_width;

/// Where mail boxes of everybody live: the domain says nothing of the company.
const PUBLIC: &[&str] = &[
    "126.com",
    "139.com",
    "163.com",
    "189.cn",
    "aliyun.com",
    "foxmail.com",
    "gmail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "outlook.com",
    "proton.me",
    "qq.com",
    "sina.cn",
    "sina.com",
    "sohu.com",
    "tom.com",
    "vip.163.com",
    "vip.qq.com",
    "vip.sina.com",
    "yahoo.com",
    "yahoo.com.cn",
    "yeah.net",
];

/// The address in small letters; none where it is no address. No provider's own rules (dots, `+` tags) are applied:
/// what one provider ignores, another delivers elsewhere.
pub fn email(text: &str) -> Option<String> {
    let narrow: String = text.chars().map(half_width).collect();
    let address = narrow.trim().to_lowercase();
    let (local, host) = address.split_once('@')?;
    let valid = !local.is_empty()
        && host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
        && !host.contains('@')
        && !address.chars().any(|c| c.is_whitespace() || c.is_control());
    valid.then_some(address)
}

/// The company's domain in an address; none for the domains where everybody has a mail box.
pub fn domain(address: &str) -> Option<String> {
    let address = email(address)?;
    let (_, host) = address.split_once('@')?;
    (!PUBLIC.contains(&host)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_width_make_no_difference() {
        for text in ["Li.Wei@Example.COM", " li.wei@example.com ", "ｌｉ.wei＠example．com"] {
            assert_eq!(email(text).as_deref(), Some("li.wei@example.com"), "{text}");
        }
    }

    #[test]
    fn providers_rules_are_not_applied() {
        assert_ne!(email("liwei@gmail.com"), email("li.wei@gmail.com"));
        assert_ne!(email("li+crm@example.com"), email("li@example.com"));
    }

    #[test]
    fn what_is_no_address_has_no_key() {
        for text in
            ["", "li", "@example.com", "li@", "li@example", "li@a@b.com", "li wei@example.com", "li@.com"]
        {
            assert_eq!(email(text), None, "{text}");
        }
    }

    #[test]
    fn a_domain_of_everybody_says_nothing() {
        assert_eq!(domain("li@Harbour.cn").as_deref(), Some("harbour.cn"));
        assert_eq!(domain("li@qq.com"), None);
    }
}
