//! How each robot is called: its address, its document, and what it answers when it took a message.

use serde_json::{Value, json};

use super::endpoint::Kind;
use super::secret::RobotSecret;
use super::sign;
use crate::config::OutboundArgs;
use crate::http::query::percent_encoded;

/// A call of a robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where to. It holds the robot's token: it is never logged.
    pub url: String,
    /// The document.
    pub body: Value,
}

/// The call that makes a robot say a text at an instant, in milliseconds since 1970; none for a webhook.
#[must_use]
pub fn call(
    kind: Kind,
    settings: &OutboundArgs,
    robot: &RobotSecret,
    millis: i64,
    text: &str,
) -> Option<Call> {
    let token = percent_encoded(&robot.token);
    let plain = json!({"msgtype": "text", "text": {"content": text}});
    match kind {
        Kind::Webhook => None,
        Kind::Wecom => {
            Some(Call { url: format!("{}/webhook/send?key={token}", base(&settings.wecom_url)), body: plain })
        }
        Kind::Dingtalk => {
            let signed = robot.secret.as_ref().map(|secret| {
                let sign = percent_encoded(&sign::dingtalk(secret, millis));
                format!("&timestamp={millis}&sign={sign}")
            });
            let url = format!(
                "{}/robot/send?access_token={token}{}",
                base(&settings.dingtalk_url),
                signed.unwrap_or_default()
            );
            Some(Call { url, body: plain })
        }
        Kind::Feishu => {
            let mut body = json!({"msg_type": "text", "content": {"text": text}});
            if let Some(secret) = &robot.secret {
                let seconds = millis.div_euclid(1_000);
                body["timestamp"] = json!(seconds.to_string());
                body["sign"] = json!(sign::feishu(secret, seconds));
            }
            Some(Call { url: format!("{}/hook/{token}", base(&settings.feishu_url)), body })
        }
    }
}

/// Why a robot that answered 200 did not take a message; none where it did. WeCom and DingTalk say `errcode`, Feishu
/// `code`, and zero is success.
#[must_use]
pub fn refusal(kind: Kind, body: &[u8]) -> Option<String> {
    let word = if kind == Kind::Feishu { "code" } else { "errcode" };
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Some("the answer is no JSON document".to_owned());
    };
    match answer.get(word).and_then(Value::as_i64) {
        Some(0) => None,
        Some(code) => Some(format!("{word} {code}")),
        None => Some(format!("the answer has no {word}")),
    }
}

fn base(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: i64 = 1_700_000_000_000;

    fn robot(secret: Option<&str>) -> RobotSecret {
        RobotSecret { token: "t/1".to_owned(), secret: secret.map(str::to_owned) }
    }

    fn called(kind: Kind, secret: Option<&str>) -> Call {
        call(kind, &OutboundArgs::default(), &robot(secret), MILLIS, "你好").unwrap()
    }

    #[test]
    fn a_wecom_robot_is_called_with_its_key() {
        let Call { url, body } = called(Kind::Wecom, None);
        assert_eq!(url, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=t%2F1");
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": "你好"}}));
    }

    #[test]
    fn a_dingtalk_robot_is_signed_where_it_has_a_secret() {
        let signed = called(Kind::Dingtalk, Some("SECtest0123456789"));
        assert_eq!(
            signed.url,
            "https://oapi.dingtalk.com/robot/send?access_token=t%2F1&timestamp=1700000000000\
             &sign=yBKp5IlG6qCzcQWmgyRK%2FziJBdVNJmHfFE2ST%2FCzT%2Fg%3D"
        );
        assert!(called(Kind::Dingtalk, None).url.ends_with("access_token=t%2F1"));
    }

    #[test]
    fn a_feishu_robot_is_signed_in_its_body() {
        let Call { url, body } = called(Kind::Feishu, Some("feishuSecret01"));
        assert_eq!(url, "https://open.feishu.cn/open-apis/bot/v2/hook/t%2F1");
        assert_eq!(
            body,
            json!({
                "msg_type": "text", "content": {"text": "你好"}, "timestamp": "1700000000",
                "sign": "HkzvGM/wxrFVyV2J/bdu0cg/xGEP/qvqLISotukzkx4="
            })
        );
        assert_eq!(called(Kind::Feishu, None).body.get("sign"), None);
    }

    #[test]
    fn a_robot_that_answers_with_a_code_did_not_take_the_message() {
        assert_eq!(refusal(Kind::Wecom, br#"{"errcode":0,"errmsg":"ok"}"#), None);
        assert_eq!(refusal(Kind::Wecom, br#"{"errcode":45009}"#), Some("errcode 45009".to_owned()));
        assert_eq!(refusal(Kind::Dingtalk, br#"{"errcode":310000}"#), Some("errcode 310000".to_owned()));
        assert_eq!(refusal(Kind::Feishu, br#"{"code":0,"data":{}}"#), None);
        assert_eq!(refusal(Kind::Feishu, br#"{"code":19021}"#), Some("code 19021".to_owned()));
        for body in [&b""[..], b"ok", br#"{"errcode":"0"}"#, br#"{"code":0}"#] {
            assert!(refusal(Kind::Wecom, body).is_some());
        }
    }
}
