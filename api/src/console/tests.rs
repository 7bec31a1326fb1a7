//! The pages as a browser gets them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

struct Browser<'a> {
    bench: &'a Bench,
    cookies: String,
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.bench.call(Method::GET, path).header("cookie", &self.cookies).send().await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let call = self.bench.call(Method::POST, path).header("cookie", &self.cookies);
        call.header("sec-fetch-site", "same-origin").form(form).send().await
    }
}

fn signed_in<'a>(bench: &'a Bench, key: &str) -> Browser<'a> {
    Browser { bench, cookies: format!("waymark_session={key}; waymark_language=zh") }
}

async fn customer_of_li(bench: &Bench, key: &str, name: &str) -> String {
    bench.register(key, &json!({"pipeline": "landian-6", "name": name, "owner": "rep:li"})).await
}

/// A service with the key of its administrator and a customer of li's, whom the lists show.
async fn with_harbour() -> (Bench, String, String) {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "海港食品").await;
    bench.catch_up().await;
    (bench, admin, id)
}

#[tokio::test]
async fn a_key_opens_the_pages_and_a_wrong_one_is_told_so() {
    let (bench, key) = Bench::with_pipeline().await;
    let preferences = Browser { bench: &bench, cookies: String::new() };
    let sent_on = preferences.get("/console/boards/landian-6?tier=A").await;
    assert_eq!(sent_on.status, 303);
    let next = "/console/sign-in?next=%2Fconsole%2Fboards%2Flandian-6%3Ftier%3DA";
    assert_eq!(sent_on.header("location"), next);
    let query = preferences.get(next).await;
    assert!(query.text.contains(r#"name="next" value="/console/boards/landian-6?tier=A""#), "{}", query.text);
    let wrong = preferences.post("/console/sign-in", &[("code", "wm_nonsense")]).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    let form = [("code", key.as_str()), ("zone", "Europe/Berlin"), ("next", "//evil.test")];
    let entered = preferences.post("/console/sign-in", &form).await;
    assert_eq!((entered.status.as_u16(), entered.header("location")), (303, "/console"));
    let cookies: Vec<&str> =
        entered.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()).collect();
    assert!(
        cookies[0].starts_with("waymark_session=wms_")
            && cookies[0].contains("HttpOnly; SameSite=Strict; Max-Age=7200")
            && cookies[1].contains("Europe/Berlin"),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn every_page_is_there_for_every_role_and_has_no_script_within() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "海港<食品>").await;
    bench.catch_up().await;
    for role in [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Analyst, Role::Auditor] {
        let key = bench.key(&format!("{}:x", role.as_str()), &[role]).await;
        let browser = signed_in(&bench, &key);
        for path in [
            "/console/boards/landian-6".to_owned(),
            "/console/boards/landian-6?effective_at=2026-03-01T08:00&known_at=2026-03-01T08:00".to_owned(),
            "/console/figures/landian-6".to_owned(),
            "/console/figures/landian-6/funnel?definition=cohort&from=2026-01-01&to=2026-01-31".to_owned(),
            "/console/figures/landian-6/bottlenecks".to_owned(),
            "/console/figures/landian-6/changes".to_owned(),
            "/console/figures/landian-6/forecast".to_owned(),
            "/console/figures/landian-6/losses".to_owned(),
            "/console/figures/landian-6/channels".to_owned(),
            "/console/figures/landian-6/reps".to_owned(),
            "/console/figures/landian-6/quality".to_owned(),
            "/console/figures/landian-6/latency".to_owned(),
            "/console/figures/landian-6/alerts".to_owned(),
            "/console/figures/landian-6/pilots".to_owned(),
            "/console/work".to_owned(),
            "/console/work?list=give-up".to_owned(),
            "/console/customers".to_owned(),
            format!("/console/customers/{id}"),
        ] {
            let page = browser.get(&path).await;
            assert_eq!(page.status, 200, "{role:?} {path}: {}", page.text);
            assert!(page.header("content-type").starts_with("text/html"), "{path}");
            assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
            let own = page.text.replace("<script type=\"module\" src=\"/console/script/", "");
            assert!(!own.contains("<script") && !own.contains("style=\""), "{path}");
            assert!(!page.text.contains("海港<食品>"), "{path} shows a name as it was typed");
            if role == Role::Analyst {
                assert!(!page.text.contains("海港"), "{path} shows an analyst a name");
            }
        }
    }
    let home = signed_in(&bench, &admin).get("/console").await;
    assert_eq!(home.header("location"), "/console/boards/landian-6");
}

#[tokio::test]
async fn a_rep_moves_a_customer_by_the_form_of_the_page() {
    let (bench, admin, id) = with_harbour().await;
    let key = bench.key("rep:li", &[Role::Rep]).await;
    let browser = signed_in(&bench, &key);
    let page = browser.get(&format!("/console/customers/{id}")).await;
    assert!(page.text.contains("需求确认") && page.text.contains("不可变更到"), "{}", page.text);
    let path = format!("/console/customers/{id}/transitions");
    let form = [
        ("version", "1"),
        ("once", "a"),
        ("to", "need_confirmed"),
        ("note", "要三台"),
        ("next_step", "发方案"),
    ];
    let done = browser.post(&path, &form).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(
        browser.post(&path, &form).await.header("location"),
        done.header("location"),
        "sent twice, done once"
    );
    bench.catch_up().await;
    let after = browser.get(done.header("location")).await;
    assert!(after.text.contains("要三台"), "{}", after.text);
    assert_eq!(customer(&bench, &admin, &id).await["version"], 2);
}

#[tokio::test]
async fn the_form_of_a_move_asks_for_what_its_stage_must_know() {
    let (bench, admin) = Bench::with_pipeline().await;
    let mut definition = bench.get(&admin, "/v1/pipelines/landian-6").await.json();
    let members = definition.as_object_mut().unwrap();
    for own in ["key", "version"] {
        members.remove(own);
    }
    let stages = members["stages"].as_array_mut().unwrap();
    let asked = json!(["contacts", "tier", "tags", "contract_end", "satisfaction"]);
    stages.iter_mut().find(|stage| stage["id"] == "need_confirmed").unwrap()["entry_form"] =
        json!({"fields": asked});
    bench.catch_up().await;
    let published =
        bench.post(&admin, "/v1/pipelines/landian-6/versions", &json!({"definition": definition})).await;
    assert_eq!(published.status, 201, "{}", published.text);
    let id = bench.register(&admin, &json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    bench.catch_up().await;
    let key = bench.key("rep:li", &[Role::Rep]).await;
    let browser = signed_in(&bench, &key);
    let path = format!("/console/customers/{id}/move");
    let page = browser.get(&format!("{path}?to=need_confirmed")).await.text;
    for part in [
        r#"<select name="contacts[].kind" required>"#,
        r#"<option value="phone">电话</option>"#,
        r#"<input name="contacts[].value" value="" required>"#,
        r#"<input name="tier" value="" required>"#,
        r#"<input name="tags:list" value="" placeholder="多项用逗号分隔" required>"#,
        r#"<input type="date" name="contract.ends_on" value="" required>"#,
        r#"<input type="number" name="satisfaction:number" value="" min="0" max="10" required>"#,
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    bench.catch_up().await;
    let form = |satisfaction| {
        [
            ("version", "1"),
            ("once", satisfaction),
            ("to", "need_confirmed"),
            ("contacts[].kind", "phone"),
            ("contacts[].value", "13800138000"),
            ("tier", "A"),
            ("tags:list", "旗舰, 老客户"),
            ("contract.ends_on", "2027-05-01"),
            ("satisfaction:number", satisfaction),
        ]
    };
    let refused = browser.post(&path, &form("11")).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains(r#"value="13800138000""#), "what was typed is gone: {}", refused.text);
    assert_eq!(customer(&bench, &admin, &id).await["version"], 1);
    let done = browser.post(&path, &form("9")).await;
    assert_eq!(done.status, 303, "{}", done.text);
    bench.catch_up().await;
    let now = customer(&bench, &admin, &id).await;
    assert_eq!(now["contacts"][0]["value"], "13800138000");
    assert_eq!((&now["tier"], &now["tags"]), (&json!("A"), &json!(["旗舰", "老客户"])), "{now}");
    assert_eq!(now["contract"]["ends_on"], "2027-05-01", "{now}");
}

#[tokio::test]
async fn what_is_refused_is_told_beside_what_was_typed_and_changes_nothing() {
    let (bench, admin, id) = with_harbour().await;
    let browser = signed_in(&bench, &admin);
    let path = format!("/console/customers/{id}/follow-ups");
    let form = [("version", "1"), ("once", "b"), ("channel", "phone"), ("summary", "问了价格")];
    let refused = browser.post(&path, &form).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("role=\"alert\"") && refused.text.contains(">问了价格</textarea>"),
        "{}",
        refused.text
    );
    let outdated =
        browser.post(&format!("/console/customers/{id}/notes"), &[("version", "9"), ("text", "x")]).await;
    assert_eq!(outdated.status, 412);
    assert_eq!(
        browser.post(&format!("/console/customers/{id}/erasure"), &[("reason", "x")]).await.status,
        404
    );
    assert_eq!(customer(&bench, &admin, &id).await["version"], 1);
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = bench.register(&admin, &json!({"pipeline": "landian-6"})).await;
    let call = bench.call(Method::POST, &format!("/console/customers/{id}/notes"));
    let call =
        call.header("cookie", format!("waymark_session={admin}")).header("sec-fetch-site", "cross-site");
    assert_eq!(call.form(&[("text", "x")]).send().await.status, 403);
    bench.catch_up().await;
    assert_eq!(customer(&bench, &admin, &id).await["version"], 1);
}

#[tokio::test]
async fn what_is_not_there_is_told_on_a_page() {
    let (bench, admin) = Bench::with_pipeline().await;
    bench.catch_up().await;
    let browser = signed_in(&bench, &admin);
    for path in [
        "/console/boards/nowhere",
        "/console/figures/%E6%97%A0",
        "/console/figures/landian-6/nothing",
        "/console/reports?of=%2Fv1%2Fadmin%2Fkeys",
        "/console/reports?of=%2Fv1%2Fdwell%2Fnowhere",
        "/console/customers/01970000-0000-7000-8000-000000000001",
        "/console/customers/x",
        "/console/nowhere",
    ] {
        let page = browser.get(path).await;
        assert!([404, 400].contains(&page.status.as_u16()), "{path}: {}", page.status);
        assert!(page.header("content-type").starts_with("text/html"), "{path}: {}", page.text);
    }
    let typed = browser.get("/console/figures/landian-6?from=yesterday&owner=rep:li").await;
    assert!(typed.status.is_client_error() && typed.text.contains("role=\"alert\""), "{}", typed.text);
    assert!(typed.text.contains(r#"name="from" value="yesterday""#), "what was typed stays: {}", typed.text);
    let wrong = browser.get("/console/boards/landian-6?effective_at=yesterday").await;
    assert!(wrong.status.is_client_error() && wrong.text.contains("effective_at"), "{}", wrong.text);
    assert!(!wrong.text.contains("board.js"), "there is no board for the script: {}", wrong.text);
}

async fn customer(bench: &Bench, key: &str, id: &str) -> Value {
    bench.get(key, &format!("/v1/customers/{id}")).await.json()
}

/// The code that a page shows, where it begins with these signs.
fn shown<'a>(page: &'a str, begin: &str) -> Option<&'a str> {
    let at = page.find(&format!("<code>{begin}"))? + "<code>".len();
    page[at..].split('<').next()
}

/// How many things of a list there are.
async fn count(bench: &Bench, key: &str, path: &str) -> usize {
    bench.get(key, path).await.json()["items"].as_array().unwrap().len()
}

/// A form of the settings, the list of what it makes, its fields, and how the secret begins that its answer shows.
type Form<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn a_form_that_comes_twice_makes_one_thing_and_shows_its_secret_both_times() {
    let (bench, admin) = Bench::with_pipeline().await;
    let browser = signed_in(&bench, &admin);
    let key = [("once", "k"), ("actor", "rep:li"), ("roles+rep", "on")];
    let link = [("once", "l"), ("actor", "rep:li"), ("roles+rep", "on")];
    let webhook = [("once", "w"), ("url", "https://erp.example/hook")];
    let robot = [("once", "r"), ("kind", "wecom"), ("key", "693a91f6")];
    let forms: [Form<'_>; 4] = [
        ("keys/create", "/v1/admin/keys", &key, "wm_"),
        ("members/link", "/v1/admin/keys", &link, "wml_"),
        ("receivers/create", "/v1/webhooks", &webhook, "whsec_"),
        ("receivers/robot", "/v1/admin/robots", &robot, ""),
    ];
    for (form, list, fields, secret) in forms {
        let path = format!("/console/settings/{form}");
        let (before, head) = (count(&bench, &admin, list).await, head(&bench, &admin).await);
        let (first, second) = tokio::join!(browser.post(&path, fields), browser.post(&path, fields));
        assert!(first.status.is_success() || first.status.is_redirection(), "{form}: {}", first.text);
        assert_eq!((first.status, &first.text), (second.status, &second.text), "{form}");
        assert_eq!(browser.post(&path, fields).await.text, first.text, "{form}: sent again later");
        assert_eq!(head + 1, self::head(&bench, &admin).await, "{form} was carried out twice");
        if secret.is_empty() {
            continue;
        }
        let told = shown(&first.text, secret).unwrap_or_else(|| panic!("{form}: {}", first.text));
        assert!(!bench.files_contain(told.as_bytes()), "{form} leaves its secret on the disk");
        let added = usize::from(form != "members/link");
        assert_eq!(count(&bench, &admin, list).await, before + added, "{form}");
    }
}

async fn head(bench: &Bench, key: &str) -> u64 {
    bench.get(key, "/v1/events?limit=1").await.json()["head"].as_u64().unwrap()
}

#[tokio::test]
async fn after_a_while_a_form_that_comes_again_is_told_that_its_secret_was_shown() {
    let (bench, admin) = Bench::with_pipeline().await;
    let browser = signed_in(&bench, &admin);
    let form = [("once", "k"), ("actor", "rep:li"), ("roles+rep", "on")];
    let first = browser.post("/console/settings/keys/create", &form).await;
    assert!(first.text.contains("wm_"), "{}", first.text);
    let keys = count(&bench, &admin, "/v1/admin/keys").await;
    bench.later_by(121);
    let second = browser.post("/console/settings/keys/create", &form).await;
    assert_eq!(second.status, 200);
    assert!(!second.text.contains("<code>wm_") && second.text.contains("已经建好"), "{}", second.text);
    assert_eq!(count(&bench, &admin, "/v1/admin/keys").await, keys);
}

#[tokio::test]
async fn a_form_whose_browser_gave_up_is_carried_out_and_the_next_one_shows_its_answer() {
    let (bench, admin) = Bench::with_pipeline().await;
    let browser = signed_in(&bench, &admin);
    let form = [("once", "k"), ("actor", "rep:li"), ("roles+rep", "on")];
    let mut first = Box::pin(browser.post("/console/settings/keys/create", &form));
    assert!(futures::poll!(&mut first).is_pending());
    drop(first);
    let second = browser.post("/console/settings/keys/create", &form).await;
    assert!(second.text.contains("wm_"), "{}", second.text);
    assert_eq!(second.text.matches("<code>wm_").count(), 1);
    assert_eq!(count(&bench, &admin, "/v1/admin/keys").await, 2, "the administrator's and one more");
}

#[tokio::test]
async fn another_form_and_another_session_have_answers_of_their_own() {
    let (bench, admin) = Bench::with_pipeline().await;
    let other = bench.key("admin:zhou", &[Role::Admin]).await;
    let before = count(&bench, &admin, "/v1/admin/keys").await;
    let form = |once, actor| [("once", once), ("actor", actor), ("roles+rep", "on")];
    let path = "/console/settings/keys/create";
    let first = signed_in(&bench, &admin).post(path, &form("k", "rep:li")).await;
    for (key, form) in [(&admin, form("k2", "rep:li")), (&other, form("k", "rep:li"))] {
        let answer = signed_in(&bench, key).post(path, &form).await;
        assert!(answer.text.contains("<code>wm_") && answer.text != first.text, "{}", answer.text);
    }
    let changed = signed_in(&bench, &admin).post(path, &form("k", "rep:wu")).await;
    assert_eq!(changed.status, 422, "the same token with other content: {}", changed.text);
    assert_eq!(count(&bench, &admin, "/v1/admin/keys").await, before + 3);
}

#[tokio::test]
async fn signing_in_twice_by_one_form_opens_one_session() {
    let (bench, admin) = Bench::with_pipeline().await;
    let link = json!({"actor": "rep:li", "roles": ["rep"]});
    let code = bench.post(&admin, "/v1/admin/sign-in-links", &link).await.json()["code"].clone();
    let browser = Browser { bench: &bench, cookies: String::new() };
    let form = [("once", "s"), ("code", code.as_str().unwrap())];
    let (first, second) =
        tokio::join!(browser.post("/console/sign-in", &form), browser.post("/console/sign-in", &form));
    assert_eq!((first.status, second.status.as_u16()), (second.status, 303), "{}", first.text);
    assert_eq!(first.header("set-cookie"), second.header("set-cookie"));
    let of_another_page = [("once", "t"), ("code", code.as_str().unwrap())];
    assert_eq!(browser.post("/console/sign-in", &of_another_page).await.status, 401, "a link opens once");
}

#[tokio::test]
async fn an_answer_is_not_shown_again_to_a_session_that_has_ended() {
    let (bench, admin) = Bench::with_pipeline().await;
    let entered =
        Browser { bench: &bench, cookies: String::new() }.post("/console/sign-in", &[("code", &admin)]).await;
    let session = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    let browser = Browser { bench: &bench, cookies: session };
    let form = [("once", "k"), ("actor", "rep:li"), ("roles+rep", "on")];
    assert_eq!(browser.post("/console/settings/keys/create", &form).await.status, 200);
    assert_eq!(browser.post("/console/sign-out", &[]).await.status, 303);
    let again = browser.post("/console/settings/keys/create", &form).await;
    assert!(again.status == 303 && !again.text.contains("wm_"), "{}", again.text);
}

/// The forms of a page that send something, each from its first tag to its last.
fn forms(page: &str) -> Vec<&str> {
    let begin = page.match_indices("<form").map(|(at, _)| at);
    let form = |at: usize| page[at..].split("</form>").next().unwrap_or_default();
    begin.map(form).filter(|form| form.contains("method=\"post\"")).collect()
}

#[tokio::test]
async fn every_form_that_sends_something_has_a_token() {
    let (bench, admin, id) = with_harbour().await;
    let _ = bench.register(&admin, &json!({"pipeline": "landian-6", "name": "云帆"})).await;
    for (path, body) in [
        ("/v1/webhooks", json!({"url": "https://erp.example/hook"})),
        ("/v1/admin/robots", json!({"kind": "wecom", "key": "693a91f6"})),
        ("/v1/admin/members", json!({"actor": "rep:li", "roles": ["rep"]})),
        ("/v1/admin/teams", json!({"key": "north", "name": {"zh": "北", "en": "North"}, "members": ["li"]})),
    ] {
        assert!(bench.post(&admin, path, &body).await.status.is_success(), "{path}");
    }
    bench.catch_up().await;
    let sections =
        ["pipelines", "calendars", "teams", "members", "keys", "receivers", "read-models", "rules"];
    let pages = sections.map(|section| format!("/console/settings/{section}")).into_iter().chain([
        "/console/sign-in".to_owned(),
        "/console/customers/new".to_owned(),
        "/console/imports".to_owned(),
        "/console/work".to_owned(),
        "/console/pools".to_owned(),
        format!("/console/customers/{id}"),
        format!("/console/customers/{id}/move"),
    ]);
    let (mut seen, browser) = (0, signed_in(&bench, &admin));
    for page in pages {
        let text = browser.get(&page).await.text;
        for form in forms(&text).into_iter().filter(|form| !form.contains("/console/sign-out")) {
            assert!(form.contains("name=\"once\""), "{page}: {form}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} forms");
}

#[tokio::test]
async fn figures_say_how_many_cycles_are_undecided_and_losses_lead_to_the_deals_behind_them() {
    let (bench, admin) = Bench::with_pipeline().await;
    let other = json!({"key": "helloword-13", "template": "helloword-13"});
    assert_eq!(bench.post(&admin, "/v1/pipelines", &other).await.status, 201);
    for (name, source) in [("海港食品", "fair"), ("山丘物流", "fair"), ("湖畔", "web")] {
        let body = json!({"pipeline": "helloword-13", "name": name, "owner": "rep:li", "source": source});
        let id = bench.register(&admin, &body).await;
        if name == "海港食品" {
            let lost = json!({"to": "lost", "reason": "price", "note": "太贵", "next_step": "无"});
            let answer = bench.post(&admin, &format!("/v1/customers/{id}/transitions"), &lost).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    bench.catch_up().await;
    let key = bench.key("manager:wang", &[Role::Manager]).await;
    let browser = signed_in(&bench, &key);
    let figures = "/console/figures/helloword-13";
    for (tab, told) in
        [("losses", "未定 2/3"), ("channels", "未定 1/2"), ("reps", "未定 2/3"), ("funnel", "未定 2/3")]
    {
        let page = browser.get(&format!("{figures}/{tab}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(
            page.text.contains(told) && page.text.contains("data-flag=\"undecided\""),
            "{tab}: {}",
            page.text
        );
    }
    let losses = browser.get(&format!("{figures}/losses")).await.text;
    for title in ["按流失前的状态", "按负责人", "按来源", "按月份"] {
        assert!(losses.contains(title), "{title}: {losses}");
    }
    assert!(!losses.contains("海港食品"), "the deals are shown where they are asked for");
    for row in ["by=reason&amp;value=price", "by=rep&amp;value=rep%3Ali", "by=source&amp;value=fair"] {
        assert!(losses.contains(row), "{row}: {losses}");
        let page = browser.get(&format!("{figures}/losses?{}", row.replace("&amp;", "&"))).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("海港食品") && !page.text.contains("山丘物流"), "{row}: {}", page.text);
    }
    let none = browser.get(&format!("{figures}/losses?by=source&value=web")).await;
    assert!(!none.text.contains("海港食品"), "{}", none.text);
    let wrong = browser.get(&format!("{figures}/losses?by=mood")).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
}

#[tokio::test]
async fn the_order_of_a_board_is_in_its_address_and_stays_with_the_filters() {
    let (bench, admin) = Bench::with_pipeline().await;
    for (name, amount, day) in [("甲公司", "100.00", 9), ("乙公司", "900.00", 0), ("丙公司", "500.00", 2)]
    {
        let amount = json!({"amount": amount, "currency": "CNY"});
        let body = json!({"pipeline": "landian-6", "name": name, "owner": "rep:li", "amount": amount});
        let id = bench.register(&admin, &body).await;
        bench.later_by(1);
        if day > 0 {
            let plan = json!({"at": format!("2099-01-0{day}T04:00:00Z"), "text": "报价"});
            let told = json!({"channel": "phone", "summary": "谈过", "next_plan": plan});
            let done = bench.post(&admin, &format!("/v1/customers/{id}/follow-ups"), &told).await;
            assert_eq!(done.status, 200, "{}", done.text);
        }
    }
    bench.catch_up().await;
    let (browser, board) = (signed_in(&bench, &admin), "/console/boards/landian-6");
    let order = |page: &str| {
        let mut found: Vec<_> = ["甲公司", "乙公司", "丙公司"]
            .iter()
            .filter_map(|name| Some((page.find(name)?, *name)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name.chars().next().unwrap()).collect::<String>()
    };
    for (query, expected) in [
        ("", "甲乙丙"),
        ("?sort=amount", "乙丙甲"),
        ("?sort=value", "乙丙甲"),
        ("?sort=next_contact", "丙甲乙"),
        ("?sort=amount&effective_at=2098-01-01T08:00", "乙丙甲"),
        ("?sort=next_contact&effective_at=2098-01-01T08:00", "甲乙丙"),
    ] {
        let page = browser.get(&format!("{board}{query}")).await;
        assert_eq!((page.status.as_u16(), order(&page.text).as_str()), (200, expected), "{query}");
        let offers_contact = page.text.contains(">下次联系</a>");
        assert_eq!(offers_contact, !query.contains("effective_at"), "what was planned is known of now alone");
    }
    let page = browser.get(&format!("{board}?owner=rep:li&sort=amount")).await.text;
    assert!(page.contains("1月2日") && page.contains("下次联系：2099-01-02 12:00 报价"), "{page}");
    let other = format!("href=\"{board}?owner=rep:li&amp;sort=next_contact\"");
    assert!(page.contains(&other) && page.contains(&format!("href=\"{board}?owner=rep:li\"")), "{page}");
    assert!(page.contains("<input type=\"hidden\" name=\"sort\" value=\"amount\">"), "{page}");
    let past = browser.get(&format!("{board}?owner=rep:li&sort=amount&effective_at=2098-01-01T08:00")).await;
    assert!(past.text.contains("href=\"?owner=rep%3Ali&amp;sort=amount\""), "{}", past.text);
}

#[tokio::test]
async fn a_row_says_how_soon_the_customer_goes_back_to_its_pool() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "海港食品").await;
    let plan = json!({"at": "2026-03-02T09:00:00Z", "text": "报价"});
    let spoke = json!({"channel": "phone", "summary": "谈过", "next_plan": plan});
    let done = bench.post(&admin, &format!("/v1/customers/{id}/follow-ups"), &spoke).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let browser = signed_in(&bench, &admin);
    let (work, list) =
        ("/console/work?list=overdue&owner=rep:li", "/console/customers?sort=remaining_ownership");
    // Five days without an update.
    for (hours, told) in [(72, None), (6, Some("不跟进将退回公海：1天18小时"))] {
        bench.later(hours);
        bench.catch_up().await;
        for page in [work, list] {
            let shown = browser.get(page).await;
            assert!(shown.status == 200 && shown.text.contains("海港食品"), "{page}: {}", shown.text);
            assert_eq!(shown.text.contains("不跟进将退回公海"), told.is_some(), "{page}: {}", shown.text);
            assert!(told.is_none_or(|told| shown.text.contains(told)), "{page}: {}", shown.text);
        }
    }
    let order = browser.get(list).await.text;
    assert!(order.contains("<option value=\"remaining_ownership\" selected>"), "{order}");
    let cookies = browser.cookies.replace("waymark_language=zh", "waymark_language=en");
    let english = Browser { bench: &bench, cookies }.get(work).await.text;
    assert!(english.contains("goes back to the pool unless worked on: 1 d 18 h"), "{english}");
}

#[tokio::test]
async fn a_version_is_checked_published_compared_and_withdrawn() {
    let (bench, admin, id) = with_harbour().await;
    let browser = signed_in(&bench, &admin);
    let here = "/console/settings/pipelines/versions";
    let page = browser.get(&format!("{here}?pipeline=landian-6")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("&quot;entry_stage&quot;: &quot;first_contact&quot;"), "{}", page.text);
    assert!(!page.text.contains(r#"value="publish""#), "what was not checked is not published");
    let mut definition = bench.get(&admin, "/v1/pipelines/landian-6").await.json();
    definition["stages"][0]["stagnant_after_seconds"] = json!(172_800);
    let send = async |definition: &Value, more: &[(&str, &str)]| {
        let definition = definition.to_string();
        let form = [("pipeline", "landian-6"), ("definition", definition.as_str())];
        browser.post(here, &[&form, more].concat()).await
    };
    let checked = send(&definition, &[("act", "check")]).await;
    assert_eq!(checked.status, 200, "{}", checked.text);
    for told in ["可以发布", "停滞时限", "2天", r#"value="publish""#] {
        assert!(checked.text.contains(told), "{told}: {}", checked.text);
    }
    assert_eq!(
        count(&bench, &admin, "/v1/pipelines/landian-6/versions").await,
        1,
        "a check publishes nothing"
    );

    // A stage that somebody is in cannot go without saying where to.
    let mut less = definition.clone();
    less["stages"].as_array_mut().unwrap().retain(|stage| stage["id"] != "first_contact");
    less["transitions"]
        .as_array_mut()
        .unwrap()
        .retain(|way| way["from"] != "first_contact" && way["to"] != "first_contact");
    less["entry_stage"] = json!("need_confirmed");
    less["automations"] = json!([]);
    let refused = send(&less, &[("act", "check")]).await;
    assert!(
        refused.text.contains("不能发布") && !refused.text.contains(r#"value="publish""#),
        "{}",
        refused.text
    );
    assert!(
        refused.text.contains(r#"name="map[0].to""#)
            && refused.text.contains(&format!("/console/customers/{id}")),
        "{}",
        refused.text
    );
    let no_json =
        browser.post(here, &[("pipeline", "landian-6"), ("definition", "{"), ("act", "check")]).await;
    assert_eq!(no_json.status, 422);
    assert!(no_json.text.contains("第 1 行"), "{}", no_json.text);

    let ahead = [("act", "publish"), ("once", "a"), ("effective_from:instant", "2099-01-01T00:00")];
    let published = send(&definition, &ahead).await;
    assert_eq!(published.status, 303, "{}", published.text);
    bench.catch_up().await;
    let shown = browser.get(published.header("location")).await;
    assert!(
        shown.text.contains("尚未生效") && shown.text.contains("/console/settings/pipelines/withdraw"),
        "{}",
        shown.text
    );
    let compared = browser.get("/console/settings/pipelines?pipeline=landian-6&version=2&against=1").await;
    assert!(compared.text.contains("停滞时限") && compared.text.contains("2天"), "{}", compared.text);
    let withdrawal = [("id", "landian-6"), ("version", "2"), ("reason", "日期不对"), ("once", "b")];
    let withdrawn = browser.post("/console/settings/pipelines/withdraw", &withdrawal).await;
    assert_eq!(withdrawn.status, 303, "{}", withdrawn.text);
    bench.catch_up().await;
    let shown = browser.get(withdrawn.header("location")).await;
    assert!(shown.text.contains("已撤回") && !shown.text.contains("尚未生效"), "{}", shown.text);

    let same = send(
        &bench.get(&admin, "/v1/pipelines/landian-6").await.json(),
        &[("act", "publish"), ("once", "c")],
    )
    .await;
    assert_eq!(same.status, 200);
    assert!(same.text.contains("没有可发布的内容"), "{}", same.text);
    let rep = bench.key("rep:li", &[Role::Rep]).await;
    let form = [("pipeline", "landian-6"), ("definition", "{}"), ("act", "publish")];
    assert_eq!(signed_in(&bench, &rep).post(here, &form).await.status, 403);
}

#[tokio::test]
async fn orders_owners_and_duplicates_are_kept_from_the_page_of_a_customer() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "上海海港食品有限公司").await;
    let same = customer_of_li(&bench, &admin, "海港食品（上海）有限公司").await;
    let other = customer_of_li(&bench, &admin, "上海海港食品厂").await;
    bench.catch_up().await;
    let browser = signed_in(&bench, &admin);
    let here = format!("/console/customers/{id}");
    let page = browser.get(&here).await;
    assert!(
        page.text.contains(&format!("{here}?duplicates=1#duplicates")) && !page.text.contains(&same),
        "{}",
        page.text
    );
    let order = [
        ("version", "1"),
        ("once", "a"),
        ("kind", "order"),
        ("amount.amount", "1200.50"),
        ("amount.currency", "CNY"),
        ("reference", "SO-1"),
    ];
    let done = browser.post(&format!("{here}/transactions"), &order).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let owner = [("version", "2"), ("once", "b"), ("to", "rep:wu"), ("reason", "换区")];
    let done = browser.post(&format!("{here}/owner-changes"), &owner).await;
    assert_eq!(done.status, 303, "{}", done.text);
    bench.catch_up().await;
    let page = browser.get(&format!("{here}?duplicates=1")).await;
    for told in
        ["SO-1", "CNY 1,200.50", "<strong>wu</strong>", &format!("/console/customers/{same}"), "公司名称"]
    {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let merge = [("version", "3"), ("once", "c"), ("absorbed", same.as_str()), ("reason", "人工确认")];
    let done = browser.post(&format!("{here}/merges"), &merge).await;
    assert_eq!(done.status, 303, "{}", done.text);
    bench.catch_up().await;
    let wrong = browser.post(&format!("{here}/merges"), &[("absorbed", "nobody"), ("once", "d")]).await;
    assert!(wrong.status.is_client_error() && wrong.text.contains(r#"value="nobody""#), "{}", wrong.text);
    let distinct = [("other", other.as_str()), ("reason", "人工确认"), ("once", "e")];
    assert_eq!(browser.post(&format!("{here}/distinctions"), &distinct).await.status, 303);
    bench.catch_up().await;
    let page = browser.get(&format!("{here}?duplicates=1")).await;
    assert!(page.text.contains("没有发现可能重复的客户"), "{}", page.text);
}

#[tokio::test]
async fn holds_name_the_customers_they_keep() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "海港食品").await;
    let held =
        bench.post(&admin, &format!("/v1/customers/{id}/legal-holds"), &json!({"ground": "Case 7"})).await;
    assert_eq!(held.status, 200, "{}", held.text);
    let before = bench.get(&admin, "/v1/audit/legal-holds").await.json();
    assert_eq!(before["items"][0]["customer"], json!(id), "holds are told before any read model is folded");
    bench.catch_up().await;
    let auditor = bench.key("auditor:zheng", &[Role::Auditor]).await;
    let holds = bench.get(&auditor, "/v1/audit/legal-holds").await.json();
    assert_eq!(holds["items"][0]["customer_name"], "海港食品");
    let page = signed_in(&bench, &auditor).get("/console/audit/legal-holds").await;
    assert!(page.text.contains(">海港食品</a>"), "{}", page.text);
}

#[tokio::test]
async fn an_erasure_is_shown_with_whom_it_does_not_reach() {
    let (bench, admin) = Bench::with_pipeline().await;
    let id = customer_of_li(&bench, &admin, "海港食品").await;
    assert_eq!(bench.get(&admin, "/v1/audit/bundle").await.status, 200);
    let auditor = bench.key("auditor:zheng", &[Role::Auditor]).await;
    let browser = signed_in(&bench, &auditor);
    let here = format!("/console/audit/erasures?customer={id}");
    let before = browser.get(&here).await;
    assert!(before.text.contains("尚未删除") && before.text.contains("bundle"), "{}", before.text);
    let erased = bench.post(&admin, &format!("/v1/customers/{id}/erasure"), &json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    let after = browser.get(&here).await;
    assert!(after.text.contains("已销毁") && after.text.contains("bundle"), "{}", after.text);
    let all = browser.get("/console/audit/erasures").await;
    assert!(all.text.contains(&format!("customer={id}")), "{}", all.text);
}

#[tokio::test]
async fn what_filters_can_be_is_offered_in_words() {
    let (bench, admin) = Bench::with_pipeline().await;
    let customer = json!({"pipeline": "landian-6", "name": "海港食品", "owner": "rep:li", "source": "fair", "tier": "A"});
    bench.register(&admin, &customer).await;
    let team = json!({"key": "east", "name": {"zh": "华东组", "en": "East"}, "members": ["li"]});
    assert!(bench.post(&admin, "/v1/admin/teams", &team).await.status.is_success());
    bench.catch_up().await;
    let browser = signed_in(&bench, &admin);
    let board = browser.get("/console/boards/landian-6").await.text;
    assert!(board.contains(r#"data-choices="/console/choices/landian-6""#), "{board}");
    let choices = browser.get("/console/choices/landian-6").await.text;
    for choice in [
        r#"<datalist data-of="owner"><option value="rep:li" label="li">"#,
        r#"<option value="east" label="华东组">"#,
        r#"<option value="fair""#,
        r#"<option value="A""#,
    ] {
        assert!(choices.contains(choice), "{choice}: {choices}");
    }
}

#[tokio::test]
async fn stages_of_a_board_stand_under_their_phases_and_a_whole_column_is_of_its_pipeline() {
    let (bench, admin) = Bench::with_pipeline().await;
    for number in 0..21 {
        bench.register(&admin, &json!({"pipeline": "landian-6", "name": format!("客户{number}")})).await;
    }
    bench.catch_up().await;
    let board = signed_in(&bench, &admin).get("/console/boards/landian-6").await.text;
    assert_eq!(
        board.matches(r#"<span class="phase">销售中</span>"#).count(),
        1,
        "said once, where it begins: {board}"
    );
    assert!(board.contains("/console/customers?pipeline=landian-6&amp;stage=first_contact"), "{board}");
    assert!(board.contains("蓝点客户状态"), "{board}");
}

#[tokio::test]
async fn a_workbook_is_recognized_previewed_and_imported_as_people_keep_it() {
    let (bench, admin) = Bench::with_pipeline().await;
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.merge_range(0, 0, 0, 6, "2026年客户跟进表", &rust_xlsxwriter::Format::new()).unwrap();
    let rows = [
        ["客户编号", "客户名称", "阶段", "更新日期", "预计金额（万元）", "业务员", "联系电话"],
        ["C1", "晴川食品", "初步接触", "2026年1月5日", "12", "王小明", "13800138001"],
        ["C1", "晴川食品", "已报价", "2026/1/20", "11.8", "王小明", "13800138001"],
        ["C1", "晴川食品", "成交", "2026/2/1", "11.8", "王小明", "13800138001"],
        ["合计", "", "", "", "23.8", "", ""],
    ];
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(row as u32 + 1, column as u16, *cell).unwrap();
        }
    }
    let file = book.save_to_buffer().unwrap();
    let browser = signed_in(&bench, &admin);
    let send = async |fields: &[(&str, &str)]| {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(
                format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .into_bytes(),
            );
        }
        body.extend(b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n");
        body.extend(&file);
        body.extend(b"\r\n--x--\r\n");
        let call = bench.call(Method::POST, "/console/imports").header("cookie", &browser.cookies);
        call.header("sec-fetch-site", "same-origin")
            .body("multipart/form-data; boundary=x", body)
            .send()
            .await
    };
    let seen = send(&[("act", "look"), ("pipeline", "")]).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    for (field, column) in [
        ("case", "客户编号"),
        ("status", "阶段"),
        ("time", "更新日期"),
        ("name", "客户名称"),
        ("owner", "业务员"),
        ("phone", "联系电话"),
        ("amount", "预计金额（万元）"),
        ("currency", "CNY"),
    ] {
        let filled = format!(r#"name="{field}" list="columns" value="{column}""#);
        assert!(seen.text.contains(&filled), "{filled}: {}", seen.text);
    }
    assert!(
        seen.text.contains("表头所在行：2") && seen.text.contains("<th scope=\"row\">C1</th>"),
        "{}",
        seen.text
    );
    let named = [
        ("pipeline", "east"),
        ("case", "客户编号"),
        ("status", "阶段"),
        ("time", "更新日期"),
        ("name", "客户名称"),
        ("owner", "业务员"),
        ("amount", "预计金额（万元）"),
        ("phone", "联系电话"),
    ];
    let preview = send(&[&named[..], &[("act", "preview")]].concat()).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    for told in [
        "rep:王小明",
        "CNY 118,000",
        "晴川食品",
        "不能为空",
        "1 × ",
        "成交：<strong>成交</strong>",
        "没有写明的状态",
    ] {
        assert!(preview.text.contains(told), "{told}: {}", preview.text);
    }
    let whole = send(&[&named[..], &[("act", "import")]].concat()).await;
    assert_eq!(whole.status, 422, "the row of totals refuses the file: {}", whole.text);
    let done = send(&[&named[..], &[("act", "import"), ("skip_bad", "true")]].concat()).await;
    assert_eq!(done.status, 200, "{}", done.text);
    bench.catch_up().await;
    let found = bench.get(&admin, "/v1/customers?external_id=C1").await.json();
    let customer = &found["items"][0];
    assert_eq!(
        (&customer["name"], &customer["amount"], &customer["owner"]["id"]),
        (&json!("晴川食品"), &json!({"amount": "118000", "currency": "CNY"}), &json!("王小明"))
    );
}
