//! The analyst's questions, each over a history that is small enough to be worked out by hand: docs/analysis.md does.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Team, now};

const PIPELINE: &str = "helloword-13";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn ago(days: i64) -> String {
    instant(now() - Duration::days(days))
}

/// A read once everything acknowledged before is in the read models. `path` carries a query already.
async fn read(client: &Client, path: &str) -> Answer {
    let head = client.head().await;
    client.get(&format!("{path}&min_position={head}&wait_ms=20000")).await.expect(200)
}

/// A customer that was registered days ago, worth that much.
async fn registered(client: &Client, name: &str, days: i64, amount: &str, currency: &str) -> String {
    let amount = json!({"amount": amount, "currency": currency});
    let body = json!({"pipeline": PIPELINE, "name": name, "amount": amount, "effective_at": ago(days)});
    client.register(body).await
}

/// A move days ago, past all conditions; answers its event.
async fn moved(client: &Client, customer: &str, to: &str, days: i64) -> String {
    let body = json!({"to": to, "reason": "so it was", "effective_at": ago(days)});
    client.command(customer, "overrides", body).await.expect(200).text_at("/events/0/id")
}

/// The changes of a part: kind, how many, and the amounts by currency.
fn told(report: &Answer, part: &str) -> Vec<(String, u64, Vec<String>)> {
    let changes = report.at(&format!("/{part}")).as_array().cloned().unwrap_or_default();
    let money = |money: &Value| {
        let text = |name: &str| money[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("amount"), text("currency"))
    };
    let change = |change: &Value| {
        let amounts = change["amounts"].as_array().into_iter().flatten().map(money).collect();
        let kind = change["kind"].as_str().unwrap_or_default().to_owned();
        (kind, change["count"].as_u64().unwrap_or_default(), amounts)
    };
    changes.iter().map(change).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_learned_stands_apart_from_what_happened_and_both_balance() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    // What was known on the first day.
    let harbour = registered(&wang, "Harbour", 20, "10000.00", "CNY").await;
    let hill = registered(&wang, "Hill", 20, "800.00", "USD").await;
    let lake = registered(&wang, "Lake", 15, "3000.00", "CNY").await;
    let slip = moved(&wang, &lake, "lost", 11).await;
    let first_day = wang.head().await;
    // What came to be known later of the time before: Meadow had been there, and Lake was not lost.
    let meadow = registered(&wang, "Meadow", 12, "2500.50", "CNY").await;
    let target = json!({"corrects": slip, "kind": "target", "to": "contacted", "reason": "wrong button"});
    let _ = wang.command(&lake, "corrections", target).await.expect(200);
    // What happened since.
    let _ = moved(&wang, &harbour, "won", 2).await;
    let _ = moved(&wang, &hill, "proposal", 3).await;
    let more = json!({"amount": {"amount": "900.00", "currency": "USD"}});
    let _ = wang.command(&hill, "details", more).await.expect(200);
    let _ = registered(&wang, "Orchard", 1, "700.00", "CNY").await;

    let asked = format!(
        "/v1/changes/{PIPELINE}?from_effective_at={}&from_known_position={first_day}&to_effective_at={}",
        ago(10),
        instant(now())
    );
    let report = read(&wang, &asked).await;
    for time in ["effective_at", "known_at"] {
        assert_eq!(report.at(&format!("/{time}")), report.at(&format!("/to/{time}")));
    }
    let line = |kind: &str, count, amounts: &[&str]| {
        (kind.to_owned(), count, amounts.iter().map(|amount| (*amount).to_owned()).collect::<Vec<_>>())
    };
    let value = |count, cny: &str, usd: &str| {
        let money = |amount: &str, currency: &str| json!({"amount": amount, "currency": currency});
        json!({"count": count, "amounts": [money(cny, "CNY"), money(usd, "USD")]})
    };
    assert_eq!(report.at("/opening"), &value(2, "10000.00", "800.00"));
    assert_eq!(
        told(&report, "learned"),
        [
            line("known_late", 1, &["2500.50 CNY"]),
            line("corrected_in", 1, &["3000.00 CNY"]),
            line("kept", 2, &[]),
        ]
    );
    assert_eq!(report.at("/restated"), &value(4, "15500.50", "800.00"));
    assert_eq!(
        told(&report, "happened"),
        [
            line("created", 1, &["700.00 CNY"]),
            line("won", 1, &["-10000.00 CNY"]),
            line("advanced", 1, &[]),
            line("stayed", 2, &[]),
            line("amount_up", 1, &["100.00 USD"]),
        ]
    );
    assert_eq!(report.at("/closing"), &value(4, "6200.50", "900.00"));
    assert_eq!(report.at("/happened/1/change"), &json!(-1));

    // Each bucket leads to its customers, and the same question has the same bytes.
    let late = report.text_at("/learned/0/customers");
    let behind = wang.get(&format!("/v1/changes/{PIPELINE}/customers?cursor={late}")).await.expect(200);
    assert_eq!(behind.items().len(), 1);
    assert_eq!(
        behind.items()[0],
        json!({
            "customer_id": meadow, "name": "Meadow", "cycle": 1, "stage_before": null, "stage_after": "new_lead",
            "amount_before": null, "amount_after": {"amount": "2500.50", "currency": "CNY"},
        })
    );
    let stayed = report.text_at("/happened/3/customers");
    let first =
        wang.get(&format!("/v1/changes/{PIPELINE}/customers?limit=1&cursor={stayed}")).await.expect(200);
    let next = first.text_at("/next_cursor");
    let second =
        wang.get(&format!("/v1/changes/{PIPELINE}/customers?limit=1&cursor={next}")).await.expect(200);
    let ids: Vec<String> = [first, second].iter().map(|page| page.text_at("/items/0/customer_id")).collect();
    assert_eq!(ids, [lake.clone().min(meadow.clone()), ids[1].clone()]);
    assert_eq!(without_instants(&read(&wang, &asked).await), without_instants(&report));
    let unnamed = team.analyst("sun").get(&format!("/v1/changes/{PIPELINE}/customers?cursor={late}")).await;
    assert_eq!(unnamed.expect(200).at("/items/0/name"), &Value::Null);

    // In one currency, each amount is converted by itself; the balance is as exact.
    let rates = json!({"date": "2020-01-01", "base": "CNY", "rates": {"USD": "7.1234"}});
    let _ = team.admin().post("/v1/admin/rates", rates).await.expect(200);
    let converted = read(&wang, &format!("{asked}&currency=CNY")).await;
    assert_eq!(converted.at("/opening/amounts"), &json!([{"amount": "15698.72", "currency": "CNY"}]));
    assert_eq!(converted.at("/closing/amounts"), &json!([{"amount": "12611.56", "currency": "CNY"}]));
    assert_eq!(converted.at("/rate_date"), &json!("2020-01-01"));

    // Whose they were counts at each moment: what changed hands came and went.
    let body = json!({"to": {"kind": "rep", "id": "li"}, "reason": "region"});
    let _ = wang.command(&lake, "owner-changes", body).await.expect(200);
    let to = instant(now());
    let of_li = format!(
        "/v1/changes/{PIPELINE}?from_effective_at={}&from_known_at={to}&to_effective_at={to}&owner=rep:li",
        ago(10)
    );
    let report = read(&wang, &of_li).await;
    assert_eq!(told(&report, "happened"), [line("entered_scope", 1, &["3000.00 CNY"])]);
    // The second moment has the names that the moment of other reports has, too.
    let plain = read(&wang, &of_li.replace("to_effective_at", "effective_at")).await;
    assert_eq!(told(&plain, "happened"), told(&report, "happened"));
    let both = wang.get(&format!("{of_li}&known_at={to}")).await.refused(422, "invalid-value");
    assert_eq!(both.at("/violations/0/field"), "known_at");
    let open_ends = read(&wang, &format!("/v1/changes/{PIPELINE}?types=won")).await;
    assert_eq!(
        open_ends.at("/closing"),
        &json!({"count": 1, "amounts": [{"amount": "10000.00", "currency": "CNY"}]})
    );
}

/// A manager's customer since an instant, with whatever else is known of it.
async fn since(client: &Client, at: DateTime<Utc>, more: Value) -> String {
    let mut body = json!({"pipeline": PIPELINE, "effective_at": instant(at)});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    client.register(body).await
}

async fn won(client: &Client, customer: &str, at: DateTime<Utc>) {
    let body = json!({"to": "won", "reason": "signed", "effective_at": instant(at)});
    let _ = client.command(customer, "overrides", body).await.expect(200);
}

/// An answer without the instants at which it was asked, where the question names none.
fn without_instants(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    for part in ["", "/from", "/to"] {
        if let Some(Value::Object(fields)) = body.pointer_mut(part) {
            fields.remove("known_at");
        }
    }
    body
}

/// The line of a list whose field has this value.
#[track_caller]
fn line<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|line| line[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list}"))
}

fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_is_what_is_configured_until_the_past_outweighs_it() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let start = now() - Duration::days(60);
    let fresh = since(&wang, start + Duration::days(50), json!({"amount": cny("1000.00")})).await;
    let _ = since(&wang, start, json!({})).await;
    let at = |days: i64| instant(start + Duration::days(days));
    let asked = format!("/v1/forecasts/{PIPELINE}?horizon_days=30&effective_at={}", at(50));
    let report = read(&wang, &asked).await;
    // Two new leads, each with a configured probability of 0.05.
    assert_eq!(report.at("/horizons/0/deals/expected"), &json!(0.1));
    assert_eq!(
        (report.at("/horizons/0/deals/low"), report.at("/horizons/0/deals/high")),
        (&json!(0), &json!(1))
    );
    let amount = report.at("/horizons/0/amounts/0");
    assert_eq!((&amount["currency"], &amount["expected"]), (&json!("CNY"), &json!("50.00")));
    assert_eq!(report.at("/horizons/0/by_stage/0/open"), &json!(2));
    assert_eq!(report.at("/horizons/0/converted"), &Value::Null);
    assert_eq!(report.at("/horizons/0/until"), &json!(at(80)));
    let known = wang.head().await;

    // Ten leads that were won after ten days weigh as much as the configured probability; who has been there for longer than
    // any of them took has no chance left.
    for _ in 0..10 {
        let lead = since(&wang, start, json!({})).await;
        won(&wang, &lead, start + Duration::days(10)).await;
    }
    let report = read(&wang, &asked).await;
    let expected = report.at("/horizons/0/deals/expected").as_f64().unwrap_or_default();
    // Of eleven that were seen for ten days ten were won: (10 × 0.05 + 10 × 10 / 11) / 20.
    assert!((expected - 0.479_545_454_545).abs() < 1e-9, "{expected}");
    assert_eq!(report.at("/horizons/0/amounts/0/expected"), &json!("479.55"));
    let again = read(&wang, &asked).await;
    assert_eq!(without_instants(&again), without_instants(&report), "the same question");
    assert!(!report.text.contains(":-0"), "no figure is minus zero: {}", report.text);
    let then = read(&wang, &format!("{asked}&known_position={known}")).await;
    assert_eq!(then.at("/horizons/0/deals/expected"), &json!(0.1), "by what was known before");

    // What came of it: the forecast of a back-test is the forecast of that instant, by what was known then.
    won(&wang, &fresh, start + Duration::days(55)).await;
    let tested = format!(
        "/v1/forecasts/{PIPELINE}/back-test?horizon_days=9&from={}&to={}&every_days=5",
        at(45),
        at(51)
    );
    let back = read(&wang, &format!("{tested}&knowledge=now")).await;
    let points = back.at("/points").as_array().cloned().unwrap_or_default();
    let told: Vec<_> = points.iter().map(|point| (point["open"].clone(), point["actual"].clone())).collect();
    assert_eq!(told, [(json!(1), json!(0)), (json!(2), json!(1))]);
    assert_eq!((back.at("/coverage"), back.at("/calibration/0/n")), (&json!(0.5), &json!(3)));
    assert_eq!(line(back.at("/naive"), "name", "stage_probability")["name"], "stage_probability");
    // Nobody had written anything down then.
    let then = read(&wang, &tested).await;
    assert_eq!(then.at("/points/1/open"), &json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_bottlenecks_and_channels_are_counted_with_what_they_are_worth() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end = now();
    let before = |days: i64| end - Duration::days(days);
    let at = format!("effective_at={}", instant(end));
    let _ =
        since(&wang, before(40), json!({"name": "Stuck", "amount": cny("3000.00"), "source": "fair"})).await;
    let gone = since(&wang, before(20), json!({"amount": cny("500.00"), "source": "fair"})).await;
    let lost = json!({
        "to": "lost", "reason": "price", "note": "too dear", "next_step": "none", "effective_at": instant(before(5)),
    });
    let _ = wang.command(&gone, "transitions", lost).await.expect(200);

    let losses = read(&wang, &format!("/v1/losses/{PIPELINE}?{at}")).await;
    let expected = json!([{
        "reason": "price", "stage": "new_lead", "count": 1, "share": 1.0, "amounts": [cny("500.00")],
    }]);
    assert_eq!((losses.at("/items"), losses.at("/lost")), (&expected, &json!(1)));
    let none = read(&wang, &format!("/v1/losses/{PIPELINE}?{at}&to={}", instant(before(5)))).await;
    assert_eq!(none.at("/items"), &json!([]), "the end is not in the window");

    // Forty days in a stage that has thirty as its target are ten days lost, of three thousand each.
    let stuck = read(&wang, &format!("/v1/bottlenecks/{PIPELINE}?{at}")).await;
    let first = stuck.at("/items/0");
    assert_eq!((&first["rank"], &first["stage"], &first["open"]), (&json!(1), &json!("new_lead"), &json!(1)));
    assert_eq!((&first["target_seconds"], &first["lost_seconds"]), (&json!(2_592_000.0), &json!(864_000.0)));
    assert_eq!((&first["lost_value"], &first["score"]), (&json!([cny("30000.00")]), &json!(30_000.0)));
    let week = format!("/v1/bottlenecks/{PIPELINE}?{at}&from={}", instant(before(7)));
    assert_eq!(
        read(&wang, &week).await.at("/items/0/lost_seconds"),
        &json!(604_800.0),
        "of the window alone"
    );

    // A lead that comes again by another way is credited to the one, the other or both.
    let phone = json!([{"kind": "phone", "value": "13800138000"}]);
    let twice = json!({"name": "Twice", "contacts": phone, "amount": cny("1000.00"), "source": "fair"});
    let twice = since(&wang, before(3), twice).await;
    for source in ["friend", "web"] {
        let again = json!([{"pipeline": PIPELINE, "contacts": phone, "source": source}]);
        let _ = wang.post("/v1/leads", again).await;
    }
    won(&wang, &twice, now()).await;
    let channels = async |attribution: &str| {
        let path = format!("/v1/channels?pipeline={PIPELINE}&attribution={attribution}");
        read(&wang, &path).await.at("/items").clone()
    };
    let first = channels("first").await;
    let fair = line(&first, "source", "fair");
    assert_eq!(
        (&fair["leads"], &fair["won"], &fair["amounts"]),
        (&json!(3), &json!(1), &json!([cny("1000.00")]))
    );
    let reached = json!({"pipeline": PIPELINE, "stage": "new_lead", "count": 3, "share": 1.0});
    assert_eq!(fair["reached"][0], reached);
    let low = fair["conversion"]["low"].as_f64().unwrap_or_default();
    // Wilson's interval of one in three, as statsmodels gives it.
    assert!((low - 0.061_492).abs() < 1e-6, "{fair}");
    let last = channels("last").await;
    let web = line(&last, "source", "web");
    assert_eq!((&web["leads"], &web["amounts"]), (&json!(1), &json!([cny("1000.00")])));
    // In three equal parts that add up to it: the cent that is left over is of how the customer came first.
    let all = channels("linear").await;
    assert_eq!(line(&all, "source", "web")["leads"], 1.0 / 3.0);
    for (source, amount) in [("fair", "333.34"), ("friend", "333.33"), ("web", "333.33")] {
        assert_eq!(line(&all, "source", source)["amounts"], json!([cny(amount)]), "{source}");
    }
    let alerts = read(&wang, &format!("/v1/alerts/{PIPELINE}?{at}")).await;
    assert_eq!(alerts.at("/items"), &json!([]), "of three customers nothing is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_says_whether_it_is_known_yet_what_becomes_of_its_cycles() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end = now();
    let before = |days: i64| end - Duration::days(days);
    let owned = |name: &str| json!({"name": name, "source": "fair", "owner": "rep:li"});
    let _ = since(&wang, before(40), owned("Stuck")).await;
    let gone = since(&wang, before(20), owned("Gone")).await;
    let lost = json!({"to": "lost", "reason": "price", "effective_at": instant(before(5))});
    let _ = wang.command(&gone, "transitions", lost).await.expect(200);
    let sold = since(&wang, before(10), owned("Sold")).await;
    won(&wang, &sold, before(1)).await;

    let open = json!({"mature": false, "cycles": 3, "undecided": 1, "matures_at": null});
    let at = format!("effective_at={}", instant(end));
    for (path, place) in [
        (format!("/v1/funnels/{PIPELINE}?{at}"), "/maturity"),
        (format!("/v1/channels?pipeline={PIPELINE}&{at}"), "/items/0/maturity"),
        (format!("/v1/losses/{PIPELINE}?{at}"), "/maturity"),
        (format!("/v1/reps?pipeline={PIPELINE}&{at}"), "/totals/maturity"),
        (format!("/v1/reps?pipeline={PIPELINE}&{at}"), "/items/0/maturity"),
        (format!("/v1/forecasts/{PIPELINE}?{at}&horizon_days=30"), "/horizons/0/by_stage/0/maturity"),
    ] {
        assert_eq!(read(&wang, &path).await.at(place), &open, "{path}");
    }
    // The window of those who ended is mature, and so is a cohort that has had its time.
    let young = format!("from={}", instant(before(30)));
    let ended = json!({"mature": true, "cycles": 2, "undecided": 0, "matures_at": null});
    for what in [format!("losses/{PIPELINE}?{at}"), format!("funnels/{PIPELINE}?{at}")] {
        assert_eq!(read(&wang, &format!("/v1/{what}&{young}")).await.at("/maturity"), &ended, "{what}");
    }
    let cohort = async |days: i64| {
        let path = format!("/v1/funnels/{PIPELINE}?{at}&definition=cohort&to={}", instant(before(39)));
        let report = read(&wang, &format!("{path}&horizon_days={days}")).await;
        (report.at("/mature").clone(), report.at("/maturity").clone())
    };
    let due = |days: i64| instant(before(39) + Duration::days(days));
    let told = |report: &Value| {
        let due = report["matures_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        (report["mature"].clone(), report["cycles"].clone(), report["undecided"].clone(), due.map(instant))
    };
    let (mature, maturity) = cohort(39).await;
    assert_eq!((mature, told(&maturity)), (json!(true), (json!(true), json!(1), json!(0), Some(due(39)))));
    let (mature, maturity) = cohort(60).await;
    assert_eq!((mature, told(&maturity)), (json!(false), (json!(false), json!(1), json!(1), Some(due(60)))));
    let quality = read(&wang, &format!("/v1/quality/{PIPELINE}?{at}")).await;
    assert_eq!(quality.at("/conversion/maturity/mature"), &json!(true), "its entries are chosen so");
    let paths = read(&wang, &format!("/v1/paths/{PIPELINE}?{at}")).await;
    assert_eq!(paths.at("/paths/0/prefixes/0/maturity"), &open);

    // What is compared is no riper than the riper of both.
    let span = |from: i64, to: i64| {
        format!("compare_from={}&compare_to={}", instant(before(from)), instant(before(to)))
    };
    for (what, compared, mature) in
        [("funnels", span(60, 30), false), ("losses", span(60, 30), false), ("funnels", span(15, 2), true)]
    {
        let path = format!("/v1/{what}/{PIPELINE}?{at}&{young}&{compared}");
        let report = read(&wang, &path).await;
        let differences = report.at("/compared/differences").as_array().cloned().unwrap_or_default();
        assert!(differences.iter().all(|one| one["mature"] == json!(mature)), "{path}: {differences:?}");
        assert!(!differences.is_empty() || what == "losses", "{path}");
    }
}

/// A history of many leads, as a file.
fn history() -> String {
    let mut rows = String::from("deal,stage,at\n");
    for lead in 0..80 {
        rows.push_str(&format!("L{lead},New,2024-01-01T0{}:00:00Z\n", lead % 9));
        if lead >= 60 {
            rows.push_str(&format!(
                "L{lead},Lost,2024-03-{:02}T12:00:00Z\n",
                if lead < 78 { 10 } else { 12 }
            ));
        } else if lead < 20 {
            rows.push_str(&format!("L{lead},Talking,2024-01-0{}T12:00:00Z\n", 1 + lead % 9));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_jumps_is_one_alert_until_it_is_in_line_again() {
    let team = Team::on(PIPELINE).await;
    let admin = team.admin();
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
    let imported = admin.call(reqwest::Method::POST, path).bytes("text/csv", history()).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let asked =
        "/v1/alerts/past?first_day=2024-03-01&last_day=2024-04-30&zone=UTC&effective_at=2024-06-01T00:00:00Z";
    let alerts = read(&admin, asked).await;
    let lost = line(alerts.at("/items"), "stage", "Lost");
    assert_eq!(
        (&lost["day"], &lost["direction"], &lost["severity"]),
        (&json!("2024-03-10"), &json!("up"), &json!("critical"))
    );
    assert_eq!((&lost["count"], &lost["total"], &lost["share"]), (&json!(18), &json!(80), &json!(0.225)));
    assert!(lost["until"].as_str() > Some("2024-03-15"), "{lost}");
    let of_lost = alerts.items().into_iter().filter(|item| item["stage"] == "Lost").count();
    assert_eq!(of_lost, 1, "{}", alerts.text);
    // The same days as a window, whose end is not in it.
    let window = "/v1/alerts/past?from=2024-03-01T00:00:00Z&to=2024-05-01T00:00:00Z&zone=UTC&effective_at=2024-06-01T00:00:00Z";
    let windowed = read(&admin, window).await;
    assert_eq!((windowed.at("/from"), windowed.at("/to")), (&json!("2024-03-01"), &json!("2024-04-30")));
    assert_eq!(windowed.at("/items"), alerts.at("/items"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_is_put_off_says_how_often_and_leaves_the_period() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let body = json!({
        "pipeline": PIPELINE, "name": "Harbour", "amount": cny("10000.00"), "expected_close_on": "2026-11-30",
        "effective_at": ago(20),
    });
    let customer = wang.register(body).await;
    let close =
        async || read(&wang, &format!("/v1/customers/{customer}?")).await.at("/expected_close").clone();
    assert_eq!(
        close().await,
        json!({"on": "2026-11-30", "original": "2026-11-30", "pushes": 0, "pushed_days": 0, "last_reason": null})
    );
    let before = instant(now());
    let pushed = json!({"expected_close_on": "2026-12-31", "expected_close_reason": "budget"});
    let _ = wang.command(&customer, "details", pushed).await.expect(200);
    assert_eq!(
        close().await,
        json!({"on": "2026-12-31", "original": "2026-11-30", "pushes": 1, "pushed_days": 31, "last_reason": "budget"})
    );
    // As it was said before.
    let then = read(&wang, &format!("/v1/customers/{customer}?known_at={before}")).await;
    assert_eq!(then.at("/expected_close/on"), &json!("2026-11-30"));
    let asked = format!("/v1/changes/{PIPELINE}?from_effective_at={}&from_known_at={before}", ago(1));
    let report = read(&wang, &format!("{asked}&period=2026-11")).await;
    assert_eq!(told(&report, "happened"), [("pushed_out".to_owned(), 1, vec!["-10000.00 CNY".to_owned()])]);
    let december = read(&wang, &format!("{asked}&period=2026-12")).await;
    assert_eq!(told(&december, "happened"), [("pulled_in".to_owned(), 1, vec!["10000.00 CNY".to_owned()])]);
    assert_eq!(december.at("/period_to"), &json!("2026-12-31"));

    // A reason without a day is refused; taken away, nothing is expected.
    let reason = json!({"expected_close_reason": "budget"});
    let refused = wang.command(&customer, "details", reason).await;
    assert_eq!(refused.refused(422, "missing-field").at("/violations/0/field"), &json!("expected_close_on"));
    let _ = wang.command(&customer, "details", json!({"clear": ["expected_close_on"]})).await.expect(200);
    assert_eq!(close().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_day_of_expected_close_that_is_corrected_was_never_a_push() {
    let team = Team::on(PIPELINE).await;
    let (li, wang) = (team.rep("li"), team.manager("wang"));
    let body = json!({
        "pipeline": PIPELINE, "name": "Harbour", "owner": "rep:li", "amount": cny("10000.00"),
        "expected_close_on": "2026-11-30", "effective_at": ago(20),
    });
    let customer = wang.register(body).await;
    let close =
        async || read(&wang, &format!("/v1/customers/{customer}?")).await.at("/expected_close").clone();
    let wrong = json!({"expected_close_on": "2027-11-30"});
    let _ = li.command(&customer, "details", wrong).await.expect(200);
    assert_eq!(close().await["pushes"], 1);
    let before = instant(now());

    let correct = |on: &str, reason: &str| json!({"expected_close_on": on, "expected_close_correction": true, "expected_close_reason": reason});
    let silent = json!({"expected_close_on": "2026-11-30", "expected_close_correction": true});
    let _ = li.command(&customer, "details", silent).await.refused(422, "reason-required");
    let mut more = correct("2026-11-30", "wrong year");
    more["tier"] = json!("A");
    let refused = li.command(&customer, "details", more).await.refused(422, "invalid-value");
    assert_eq!(refused.at("/violations/0/field"), &json!("expected_close_correction"));
    let _ = li.command(&customer, "details", correct("2026-11-30", "wrong year")).await.expect(200);
    assert_eq!(
        close().await,
        json!({"on": "2026-11-30", "original": "2026-11-30", "pushes": 0, "pushed_days": 0, "last_reason": "wrong year"})
    );
    let then = read(&wang, &format!("/v1/customers/{customer}?known_at={before}")).await;
    assert_eq!(
        (then.at("/expected_close/on"), then.at("/expected_close/pushes")),
        (&json!("2027-11-30"), &json!(1))
    );
    // The world has not changed: what is expected was learned.
    let asked = format!("/v1/changes/{PIPELINE}?from_effective_at={before}&from_known_at={before}");
    for (period, learned, amount) in
        [("2026-11", "corrected_in", "10000.00 CNY"), ("2027-11", "corrected_out", "-10000.00 CNY")]
    {
        let report = read(&wang, &format!("{asked}&period={period}")).await;
        let moved = |part: &str| -> Vec<(String, u64, Vec<String>)> {
            told(&report, part).into_iter().filter(|(_, count, _)| *count > 0).collect()
        };
        assert_eq!(moved("learned"), [(learned.to_owned(), 1, vec![amount.to_owned()])], "{period}");
        let happened = moved("happened");
        assert!(happened.iter().all(|(kind, ..)| kind == "stayed"), "{period}: {happened:?}");
    }

    // Others correct what they said themselves, and who leads corrects all.
    let later = json!({"expected_close_on": "2026-12-31"});
    let _ = wang.command(&customer, "details", later).await.expect(200);
    let _ = li.command(&customer, "details", correct("2026-12-01", "x")).await.refused(403, "not-own-record");
    let _ = wang.command(&customer, "details", correct("2026-12-01", "misheard")).await.expect(200);
    assert_eq!((close().await["pushes"].clone(), close().await["pushed_days"].clone()), (json!(1), json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_caps_how_often_a_deal_is_put_off_and_its_card_shows_it() {
    let team = Team::on(PIPELINE).await;
    let (admin, li, wang) = (team.admin(), team.rep("li"), team.manager("wang"));
    let mut definition = admin.get(&format!("/v1/pipelines/{PIPELINE}")).await.expect(200).at("").clone();
    definition["expected_close"] = json!({"reason_after_days": 20, "max_pushes": {"rep": 1}});
    let published = json!({"definition": definition});
    let _ = admin.post(&format!("/v1/pipelines/{PIPELINE}/versions"), published).await.expect(201);
    let body = json!({"pipeline": PIPELINE, "name": "Harbour", "owner": "rep:li", "expected_close_on": "2026-11-30"});
    let customer = admin.register(body).await;
    let put_off = async |client: &Client, on: &str, reason: Option<&str>| {
        let mut body = json!({"expected_close_on": on});
        if let Some(reason) = reason {
            body["expected_close_reason"] = json!(reason);
        }
        client.command(&customer, "details", body).await
    };
    let unexplained = put_off(&li, "2026-12-31", None).await.refused(422, "reason-required");
    assert_eq!(unexplained.at("/violations/0/field"), &json!("expected_close_reason"));
    let _ = put_off(&li, "2026-12-31", Some("budget")).await.expect(200);
    let again = put_off(&li, "2027-01-10", None).await.refused(409, "push-limit-reached");
    assert_eq!((again.at("/limit"), again.at("/pushes")), (&json!(1), &json!(1)));
    let _ = put_off(&wang, "2027-01-10", None).await.expect(200);
    let board = read(&admin, &format!("/v1/boards/{PIPELINE}?limit=1")).await;
    let slipped = json!({"on": "2027-01-10", "original": "2026-11-30", "pushes": 2, "pushed_days": 41, "last_reason": "budget"});
    assert_eq!(board.at("/stages/0/cards/0/expected_close"), &slipped);
    let list = read(&li, "/v1/customers?owner=rep:li").await;
    assert_eq!(list.at("/items/0/expected_close"), &slipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_deals_are_forecast_by_the_period_in_which_they_are_expected_to_close() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let day = |days: i64| (now() + Duration::days(days)).date_naive();
    let deal = async |close: Option<i64>| {
        let mut body = json!({"pipeline": PIPELINE, "name": "Harbour", "amount": cny("1000.00"), "effective_at": ago(80)});
        if let Some(close) = close {
            body["expected_close_on"] = json!(day(close).to_string());
        }
        wang.register(body).await
    };
    // Said first of a day that has passed since, and put off below.
    let put_off = deal(Some(-45)).await;
    for close in [Some(40), Some(40), None] {
        let _ = deal(close).await;
    }
    let asked = format!("/v1/forecasts/{PIPELINE}?horizon_days=30");
    let told = |report: &Answer| -> Vec<Value> {
        let periods = report.at("/by_expected_close").as_array().cloned().unwrap_or_default();
        let line = |one: Value| {
            let expected = one["expected_amounts"].get(0).map(|money| money["amount"].clone());
            let deals = one["expected"].as_f64().map(|deals| (deals * 1e9).round() / 1e9);
            let slips = ["deals", "pushes", "pushed_days"].map(|figure| one["slips"][figure].clone());
            json!([one["period"], one["open"], one["overdue"], deals, expected, slips])
        };
        periods.into_iter().map(line).collect()
    };
    let month = |days: i64| day(days).format("%Y-%m").to_string();
    let before = read(&wang, &asked).await;
    // New leads, each with a configured probability of 0.05; nobody knows when a deal comes whose day has passed.
    let at_first = [
        json!([month(-45), 1, true, null, null, [0, 0, 0]]),
        json!([month(40), 2, false, 0.1, "100.00", [0, 0, 0]]),
        json!([null, 1, false, null, null, [0, 0, 0]]),
    ];
    assert_eq!(told(&before), at_first);
    let worth = before.at("/by_expected_close/1/amounts");
    assert_eq!(*worth, json!([{"amount": "2000.00", "currency": "CNY"}]));
    assert_eq!(before.at("/horizons/0/by_stage/0/open"), &json!(4), "each stands in one period");

    // Put off, it stands in another period, and what was known before stays.
    let known = wang.head().await;
    let on = json!({"expected_close_on": day(40).to_string(), "expected_close_reason": "budget"});
    let _ = wang.command(&put_off, "details", on).await.expect(200);
    let after = read(&wang, &asked).await;
    assert_eq!(
        told(&after),
        [
            json!([month(40), 3, false, 0.15, "150.00", [1, 1, 85]]),
            json!([null, 1, false, null, null, [0, 0, 0]])
        ],
        "of three deals one was put off once, by 85 days"
    );
    // Whose deals slip.
    let to = json!({"to": {"kind": "rep", "id": "li"}, "reason": "region"});
    let _ = wang.command(&put_off, "owner-changes", to).await.expect(200);
    let divided = read(&wang, &format!("{asked}&group_by=owner")).await;
    let groups = divided.at("/groups").as_array().cloned().unwrap_or_default();
    let slips = |owner: Value| {
        let of = groups.iter().find(|group| group["key"]["owner"] == owner);
        of.map(|group| group["by_expected_close"][0]["slips"].clone()).unwrap_or_default()
    };
    assert_eq!(slips(json!("rep:li")), json!({"deals": 1, "pushes": 1, "pushed_days": 85}));
    assert_eq!(groups.len(), 2, "{}", divided.text);
    let then = read(&wang, &format!("{asked}&known_position={known}")).await;
    assert_eq!(told(&then), at_first);
    let by_week = read(&wang, &format!("{asked}&close_by=week")).await;
    assert_eq!(by_week.at("/by_expected_close/0/period"), &json!(day(40).format("%G-W%V").to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_replays_what_stood_as_it_was_known_in_every_format() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.with_key(&installation.key("admin:root", &["admin"]));
    let _ = admin.create_pipeline(PIPELINE).await.expect(201);
    let harbour = registered(&admin, "Harbour", 10, "1000.00", "CNY").await;
    let hill = registered(&admin, "Hill, Ltd", 8, "800.00", "USD").await;
    let contacted = |days: i64| json!({"to": "contacted", "reason": "so it was", "effective_at": ago(days)});
    let _ = admin.command(&harbour, "transitions", contacted(5)).await.expect(200);
    // Said today of a day long ago.
    let rates = json!({"date": "2020-01-01", "base": "CNY", "rates": {"USD": "7.1234"}});
    let _ = admin.post("/v1/admin/rates", rates).await.expect(200);
    let (at, known) = (ago(1), instant(now()));
    let _ = admin.command(&hill, "transitions", contacted(4)).await.expect(200);
    let moment = format!("effective_at={at}&known_at={known}");
    let timeline = read(&admin, &format!("/v1/customers/{harbour}/timeline?{moment}")).await;
    let customers = read(&admin, &format!("/v1/customers?{moment}")).await;
    let forecast = read(&admin, &format!("/v1/forecasts/{PIPELINE}?{moment}")).await;
    assert_eq!(server.stop(), 0);

    let times = ["--effective-at", at.as_str(), "--known-at", known.as_str()];
    let replay = |arguments: &[&str]| installation.run(&[&["replay"], &times[..], arguments].concat());
    let of_harbour = ["--model", "timeline", "--customer", harbour.as_str()];
    let printed: Value =
        serde_json::from_str(&replay(&[&of_harbour[..], &["--json"]].concat()).succeeded()).unwrap();
    assert_eq!(&printed["items"], timeline.at("/items"));
    let lines = replay(&[&of_harbour[..], &["--format", "ndjson"]].concat()).succeeded();
    let items: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(items), printed["items"]);
    let table = replay(&of_harbour).succeeded();
    assert!(table.contains("new_lead → contacted"), "{table}");

    let all = ["--model", "customers", "--pipeline", PIPELINE];
    let printed: Value =
        serde_json::from_str(&replay(&[&all[..], &["--format", "json"]].concat()).succeeded()).unwrap();
    let stood = |list: &Value| -> Vec<Value> {
        let each = list.as_array().into_iter().flatten();
        each.map(|one| json!([one["id"], one["version"], one["journeys"][0]["stage"], one["amount"]]))
            .collect()
    };
    assert_eq!(stood(&printed["items"]), stood(customers.at("/items")));
    assert_eq!(stood(&printed["items"])[1][2], json!("new_lead"), "the move of Hill was not known");
    let csv = replay(&[&all[..], &["--format", "csv"]].concat()).succeeded();
    let header = csv.lines().next().unwrap_or_default();
    assert!(header.starts_with("id,version,name,") && header.contains(",amount.amount,"), "{header}");
    assert!(csv.contains(&format!("{hill},1,\"Hill, Ltd\",")), "{csv}");

    // The same question has the same bytes, in a file as well.
    let file = installation.directory().join("board.csv");
    let path = file.to_str().unwrap();
    let board = ["--pipeline", PIPELINE, "--format", "csv"];
    let _ = replay(&[&board[..], &["--output", path]].concat()).succeeded();
    assert_eq!(std::fs::read_to_string(&file).unwrap().replace('\r', ""), replay(&board).succeeded());
    let file = installation.directory().join("forecast.json");
    let asked = ["forecast", "--pipeline", PIPELINE, "--output", file.to_str().unwrap()];
    let _ = installation.run(&[&asked[..], &times].concat()).succeeded();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(&written["horizons"], forecast.at("/horizons"));
    // CNY 1,000.00 with a probability of 0.1 and USD 800.00, CNY 5,698.72, with one of 0.05.
    let first = &written["horizons"][0];
    assert_eq!(
        (&first["amounts"][0]["expected"], &first["amounts"][1]["expected"]),
        (&json!("100.00"), &json!("40.00"))
    );
    let converted = &first["converted"];
    assert_eq!((&converted["expected"], &converted["rate_date"]), (&json!("384.94"), &json!("2020-01-01")));

    // Whose history, and which pipeline, must be said; what is carried away of people is recorded.
    for (arguments, missing) in [(&["--model", "timeline"][..], "--customer"), (&[], "--pipeline")] {
        let ran = replay(arguments);
        assert_eq!((ran.code, ran.stderr.contains(missing)), (1, true), "{}", ran.stderr);
    }
    let events = installation.run(&["export", "events", "--format", "ndjson"]).succeeded();
    let exported = |kind: &str| {
        let is_of = |line: &&str| line.contains("export.started") && line.contains(kind);
        events.lines().filter(is_of).count()
    };
    assert_eq!((exported("timeline"), exported("customers")), (3, 2));
}

/// Twenty leads of two owners in January and twenty in February, of which few and many are won.
fn seasons() -> String {
    let mut rows = String::from("deal,stage,at\n");
    for lead in 0..40 {
        let (month, day) = (1 + lead / 20, 1 + lead % 20);
        rows.push_str(&format!("L{lead},New,2024-0{month}-{day:02}T00:00:00Z\n"));
        if lead < 4 || (20..34).contains(&lead) {
            rows.push_str(&format!("L{lead},Closed Won,2024-0{month}-{:02}T00:00:00Z\n", day + 2));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_divided_into_groups_and_held_beside_another_window() {
    let team = Team::on(PIPELINE).await;
    let admin = team.admin();
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at&won=Closed%20Won";
    let imported = admin.call(reqwest::Method::POST, path).bytes("text/csv", seasons()).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let end = "effective_at=2024-06-01T00:00:00Z";
    let asked = format!("/v1/funnels/past?{end}&from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z");
    let plain = read(&admin, &asked).await;
    assert_eq!((plain.at("/totals/count"), plain.at("/totals/won")), (&json!(20), &json!(14)));
    assert!(!plain.text.contains("\"groups\"") && !plain.text.contains("\"compared\""));

    // Fourteen of twenty against four of twenty.
    let beside = read(&admin, &format!("{asked}&compare_from=2024-01-01T00:00:00Z")).await;
    assert_eq!(beside.at("/compared/totals/won"), &json!(4));
    let difference = beside.at("/compared/difference");
    assert_eq!((&difference["figure"], &difference["test"]), (&json!("win_share"), &json!("two-proportion")));
    let number = |field: &str| difference[field].as_f64().unwrap_or_default();
    assert!((number("estimate") - 0.5).abs() < 1e-12 && number("low") > 0.19, "{difference}");
    // `proportions_ztest([14, 4], [20, 20])` of statsmodels 0.15.
    assert!((number("p_value") - 0.001_481_880_774_720_391_7).abs() < 1e-9, "{difference}");

    let by_month =
        read(&admin, &format!("/v1/funnels/past?{end}&group_by=month&to=2024-03-01T00:00:00Z")).await;
    let groups: Vec<(Value, Value)> = by_month
        .at("/groups")
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| (group["key"]["month"].clone(), group["totals"]["won"].clone()))
        .collect();
    assert_eq!(groups, [(json!("2024-01"), json!(4)), (json!("2024-02"), json!(14))]);
    let stays =
        read(&admin, &format!("/v1/dwell/past?{end}&group_by=owner,source&horizon_seconds=864000")).await;
    let first = stays.at("/groups/0");
    assert_eq!(first["key"]["source"], Value::Null);
    assert_eq!(first["stages"], *stays.at("/stages"), "all have one owner");
    let faster = read(
        &admin,
        &format!(
            "/v1/dwell/past?{end}&from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z&compare_from=2024-01-01T00:00:00Z"
        ),
    )
    .await;
    let new = line(faster.at("/compared/differences"), "stage", "New");
    assert_eq!((&new["test"], &new["small"]), (&json!("log-rank"), &json!(false)));
    assert!(new["q_value"].as_f64() >= new["p_value"].as_f64(), "{new}");
    // Of all stages together: their sum, tested in strata.
    let whole = faster.at("/compared/difference");
    assert_eq!((&whole["figure"], &whole["stage"]), (&json!("restricted_mean_seconds"), &Value::Null));
    let each = faster.at("/compared/differences").as_array().cloned().unwrap_or_default();
    let stages = each.iter().filter(|one| !one["stage"].is_null());
    let sum: f64 = stages.filter_map(|one| one["estimate"].as_f64()).sum();
    assert!((whole["estimate"].as_f64().unwrap_or_default() - sum).abs() < 1e-6, "{whole}");
    let flows = read(
        &admin,
        &format!(
            "/v1/flows/past?{end}&from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z&compare_from=2024-01-01T00:00:00Z"
        ),
    )
    .await;
    let whole = flows.at("/compared/difference");
    assert_eq!((&whole["figure"], &whole["test"]), (&json!("handover_share"), &json!("two-proportion")));
    let won = line(flows.at("/compared/differences"), "to", "Closed Won");
    let share = |report: &Value| {
        let out: Vec<&Value> = report["transitions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|way| way["from"] == won["stage"])
            .collect();
        let count = |way: &&Value| way["count"].as_f64().unwrap_or_default();
        let all: f64 = out.iter().map(count).sum();
        out.iter().filter(|way| way["to"] == "Closed Won").map(count).sum::<f64>() / all
    };
    let expected = share(&flows.body) - share(flows.at("/compared"));
    assert!((won["estimate"].as_f64().unwrap_or_default() - expected).abs() < 1e-12, "{won}");
    for report in ["flows", "losses"] {
        let divided = read(&admin, &format!("/v1/{report}/past?{end}&group_by=quarter")).await;
        assert_eq!(divided.at("/groups/0/key"), &json!({"quarter": "2024-Q1"}), "{report}");
    }
}

/// Two dozen leads of two sources in January, of which a third are won and a third lost, and as many in February, of which two
/// thirds are won; the one way leads over a quote, the other does not.
fn campaigns() -> String {
    let mut rows = String::from("deal,stage,at,source\n");
    for (month, lead) in (1..=2).flat_map(|month| (0..24_i64).map(move |lead| (month, lead))) {
        let source = ["fair", "web"][usize::from(lead % 2 == 1)];
        let began = DateTime::from_timestamp(1_704_067_200 + (i64::from(month == 2) * 31 + lead) * 86_400, 0);
        let hours = 12 + (lead * 7 + month * 5) % 31 * 3;
        let ending = match (month, lead % 3) {
            (1, 2) => None,
            (1, 1) | (2, 2) => Some("Closed Lost"),
            _ => Some("Closed Won"),
        };
        let is_quoted = if month == 1 { lead % 4 != 1 } else { lead % 2 == 0 };
        let steps = [
            Some((0, "New")),
            is_quoted.then_some((hours / 3, "Quoted")),
            ending.map(|ending| (hours, ending)),
        ];
        for (hours, stage) in steps.into_iter().flatten() {
            let at = instant(began.unwrap_or_default() + Duration::hours(hours));
            rows.push_str(&format!("M{month}L{lead},{stage},{at},{source}\n"));
        }
    }
    rows
}

/// Whether a difference is of that figure, of a row or path, of the whole otherwise.
fn difference_of<'a>(report: &'a Answer, figure: &str, part: &Value) -> &'a Value {
    let all = report.at("/compared/differences").as_array();
    let is = |one: &&Value| {
        let whole = one["key"].is_null() && one["path"].is_null() && one["stage"].is_null();
        let is_part = if part.is_null() { whole } else { one["key"] == *part || one["path"] == *part };
        one["figure"] == figure && is_part
    };
    all.into_iter().flatten().find(is).unwrap_or_else(|| panic!("{figure} of {part}: {}", report.text))
}

/// Insists on a difference and its p value, and answers it.
fn insist_on(difference: &Value, estimate: f64, p_value: f64) -> &Value {
    let number = |field: &str| difference[field].as_f64().unwrap_or(f64::NAN);
    assert!((number("estimate") - estimate).abs() < 1e-9, "{difference} is not {estimate}");
    assert!((number("p_value") - p_value).abs() < 1e-9, "{difference} is not of {p_value}");
    assert!(number("low") <= estimate && estimate <= number("high"), "{difference}");
    assert!(number("q_value") >= number("p_value") - 1e-12, "{difference}");
    difference
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_paths_bottlenecks_and_hours_are_held_beside_another_window_by_the_test_of_each_figure() {
    let team = Team::on(PIPELINE).await;
    let admin = team.admin();
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at&source=source&won=Closed%20Won&lost=Closed%20Lost";
    let imported = admin.call(reqwest::Method::POST, path).bytes("text/csv", campaigns()).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let months = "effective_at=2024-06-01T00:00:00Z&from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z&compare_from=2024-01-01T00:00:00Z";
    let beside = async |report: &str| read(&admin, &format!("/v1/{report}{months}")).await;

    // The shares by `proportions_ztest` and `confint_proportions_2indep(method="newcomb")` of statsmodels 0.15.0, the times by
    // `mannwhitneyu(method="asymptotic")` of SciPy 1.17.1; `wilcox.test(exact = FALSE)` of R 4.2.2 gives the same.
    let channels = beside("channels?pipeline=past&").await;
    assert_eq!(channels.at("/compared/items/0/won"), &json!(4));
    let won = insist_on(channels.at("/compared/difference"), 1.0 / 3.0, 0.020_921_335_337_794_03);
    assert_eq!((&won["figure"], &won["test"]), (&json!("win_share"), &json!("two-proportion")));
    assert_eq!((&won["mature"], &won["small"]), (&json!(false), &json!(false)), "a third of January is open");
    assert!((won["low"].as_f64().unwrap_or_default() - 0.051_051_358_961_077_5).abs() < 1e-9, "{won}");
    let cycle = insist_on(
        difference_of(&channels, "cycle_seconds", &Value::Null),
        -13.5 * 3600.0,
        0.713_124_294_013_808_6,
    );
    assert_eq!((&cycle["test"], &cycle["small"]), (&json!("mann-whitney"), &json!(true)));
    let web = json!({"source": "web", "channel": null});
    insist_on(difference_of(&channels, "win_share", &web), 1.0 / 3.0, 0.102_470_434_859_749_37);
    insist_on(difference_of(&channels, "cycle_seconds", &web), -18.0 * 3600.0, 0.443_097_314_231_702_3);

    let paths = beside("paths/past?ending=won&limit=1&").await;
    insist_on(paths.at("/compared/difference"), 1.0 / 6.0, 0.291_840_545_143_788_65);
    let quoted = json!(["New", "Quoted", "Closed Won"]);
    insist_on(difference_of(&paths, "path_share", &quoted), -0.25, 0.241_566_586_968_972_82);
    insist_on(difference_of(&paths, "path_seconds", &quoted), -13.5 * 3600.0, 0.796_034_095_256_982_7);
    assert_eq!(difference_of(&paths, "path_seconds", &Value::Null)["test"], "mann-whitney");
    let all = beside("paths/past?").await;
    assert!(!all.text.contains("path_seconds"), "what is under way has no time yet");

    // Stays in the stages in which deals are worked differ as in the report of stays.
    let (stuck, stays) = (beside("bottlenecks/past?").await, beside("dwell/past?").await);
    let of = |report: &Answer, stage: &str| {
        let mut found = line(report.at("/compared/differences"), "stage", stage).clone();
        found["q_value"] = Value::Null;
        found
    };
    for stage in ["New", "Quoted"] {
        assert_eq!(of(&stuck, stage), of(&stays, stage));
    }
    let whole = stuck.at("/compared/difference");
    assert_eq!((&whole["figure"], &whole["test"]), (&json!("restricted_mean_seconds"), &json!("log-rank")));
    let sum: f64 = ["New", "Quoted"].iter().filter_map(|stage| of(&stuck, stage)["estimate"].as_f64()).sum();
    assert!((whole["estimate"].as_f64().unwrap_or_default() - sum).abs() < 1e-6, "{whole}");

    // 9 of the 60 records of February were made on a Monday, 8 of the 58 of January.
    let hours = beside("heatmap?pipeline=past&zone=UTC&").await;
    assert_eq!(hours.at("/compared/difference"), &Value::Null);
    assert_eq!(hours.at("/compared/differences").as_array().map(Vec::len), Some(7));
    let monday = difference_of(&hours, "weekday_share", &json!({"weekday": "0"}));
    insist_on(monday, 0.012_068_965_517_241_376, 0.851_939_263_384_754_1);

    // 8 of the 24 that ended in February were lost, and 8 of the 16 of January; in February all eight that were still open had been
    // silent for more than ten days, and six of them at the end of January.
    let losses = beside("losses/past?").await;
    let lost = insist_on(losses.at("/compared/difference"), -1.0 / 6.0, 0.291_840_545_143_788_43);
    assert_eq!((&lost["figure"], &lost["test"]), (&json!("lost_share"), &json!("two-proportion")));
    let quality = beside("quality/past?silent_days=10&").await;
    let leaks = insist_on(quality.at("/compared/difference"), 0.25, 0.130_570_018_115_736_2);
    assert_eq!((&leaks["figure"], &leaks["small"]), (&json!("leak_share"), &json!(true)));
    // 12 of 24 keep to a way that 20 of 24 keep to, two of whom have not left its first stage.
    let standard = json!({"stages": ["New", "Quoted"]});
    let _ = admin.post("/v1/paths/past/standard", standard).await.expect(201);
    let kept = beside("paths/past?limit=1&").await;
    insist_on(difference_of(&kept, "standard_share", &Value::Null), -1.0 / 3.0, 0.014_305_878_435_429_409);

    // In groups, every difference of the answer counts for the rate of false discoveries.
    let divided = beside("channels?pipeline=past&group_by=source&").await;
    let of_group = |group: &Value| group["compared"]["difference"]["q_value"].as_f64().unwrap_or_default();
    let groups = divided.at("/groups").as_array().cloned().unwrap_or_default();
    assert_eq!(groups.len(), 2);
    assert!(groups.iter().all(|group| of_group(group) > 0.103), "{}", divided.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_and_reps_are_divided_and_compared_and_losses_grouped_by_their_reason() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end = now();
    let before = |days: i64| end - Duration::days(days);
    for (owner, source, days) in [("rep:li", "fair", 12), ("rep:li", "web", 14), ("rep:zhao", "fair", 2)] {
        let body = json!({"owner": owner, "source": source});
        let customer = since(&wang, before(days), body).await;
        let lost = json!({
            "to": "lost", "reason": if source == "fair" { "price" } else { "competitor" }, "note": "so it was",
            "next_step": "none", "effective_at": instant(before(days - 1)),
        });
        let _ = wang.command(&customer, "transitions", lost).await.expect(200);
    }
    let of = |report: &str, rest: &str| {
        format!(
            "/v1/{report}effective_at={}&from={}&compare_from={}{rest}",
            instant(end),
            instant(before(7)),
            instant(before(14))
        )
    };
    // Registered and lost 2 and 1 days ago, beside 14, 13, 12 and 11: the median difference is 11 days.
    let delays = read(&wang, &of(&format!("latency/{PIPELINE}?"), "&group_by=source")).await;
    let difference = delays.at("/compared/difference");
    assert_eq!(
        (&difference["figure"], &difference["test"]),
        (&json!("delay_seconds"), &json!("mann-whitney"))
    );
    let estimate = difference["estimate"].as_f64().unwrap_or_default();
    assert!((estimate + 11.0 * 86_400.0).abs() < 60.0, "{difference}");
    assert_eq!(difference["small"], true);
    let late = line(delays.at("/compared/differences"), "figure", "late_share");
    assert_eq!(late["test"], "two-proportion");
    assert!(late["q_value"].is_null() || late["q_value"].as_f64() >= late["p_value"].as_f64());
    let groups: Vec<(&Value, &Value)> = delays
        .at("/groups")
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| (&group["key"]["source"], &group["compared"]["changes"]["count"]))
        .collect();
    assert_eq!(groups, [(&json!("fair"), &json!(2)), (&json!("web"), &json!(2))]);

    let reps = read(&wang, &of(&format!("reps?pipeline={PIPELINE}&"), "&group_by=lost_reason")).await;
    assert_eq!((reps.at("/totals/lost"), reps.at("/compared/totals/lost")), (&json!(1), &json!(2)));
    assert_eq!(reps.at("/compared/difference/figure"), "win_share");
    let keys: Vec<&Value> = reps
        .at("/groups")
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| &group["key"]["lost_reason"])
        .collect();
    assert_eq!(keys, [&json!("competitor"), &json!("price")]);
    let zhao = line(reps.at("/groups/1/items"), "rep", "zhao");
    assert_eq!(zhao["lost"], 1);
    let filtered = read(&wang, &format!("/v1/reps?pipeline={PIPELINE}&source=web")).await;
    assert_eq!(filtered.at("/totals/lost"), &json!(1));
    let one = read(&wang, "/v1/reps?owner=rep:zhao").await;
    assert_eq!(one.at("/items").as_array().map(Vec::len), Some(1));
    let grouped = read(&wang, "/v1/reps?group_by=source").await;
    assert_eq!(grouped.at("/groups").as_array().map(Vec::len), Some(2), "there is one pipeline alone");
    let _ = team.admin().create_pipeline("funnel-5").await.expect(201);
    let _ = wang.get("/v1/reps?group_by=source").await.refused(422, "missing-parameter");
    // The other reports of all pipelines count all of them, too.
    let other = json!({"pipeline": "funnel-5", "owner": "rep:li", "source": "fair"});
    let _ = wang.register(other).await;
    let leads = |channels: &Answer| {
        let fair = line(channels.at("/items"), "source", "fair");
        (channels.at("/pipeline").clone(), fair["leads"].as_f64().unwrap_or_default())
    };
    let all = read(&wang, "/v1/channels?attribution=first").await;
    let one = read(&wang, &format!("/v1/channels?pipeline={PIPELINE}")).await;
    assert_eq!((leads(&all), leads(&one)), ((Value::Null, 3.0), (json!(PIPELINE), 2.0)));
    let reached = line(all.at("/items"), "source", "fair")["reached"].as_array().cloned().unwrap_or_default();
    let of = |pipeline: &str| reached.iter().filter(|stage| stage["pipeline"] == pipeline).count();
    assert!(of(PIPELINE) > 0 && of("funnel-5") > 0, "{reached:?}");
    let week = async |pipeline: &str| {
        let map = read(&wang, &format!("/v1/heatmap?by=record{pipeline}")).await;
        assert_eq!(map.at("/by"), "record");
        let hours =
            map.at("/weekdays").as_array().into_iter().flatten().flat_map(|day| day.as_array()).flatten();
        hours.filter_map(Value::as_u64).sum::<u64>()
    };
    let (first, second) = (week(&format!("&pipeline={PIPELINE}")).await, week("&pipeline=funnel-5").await);
    assert_eq!((week("").await, second), (first + second, 1));
    let neglect = read(&wang, "/v1/heatmap?by=neglect").await;
    assert_eq!(neglect.at("/by"), "neglect");
    assert_eq!((neglect.at("/pipeline"), neglect.at("/rows/0/pipeline")), (&Value::Null, &json!("funnel-5")));
    let _ = wang
        .get(&format!("/v1/reps?pipeline={PIPELINE}&group_by=nothing"))
        .await
        .refused(422, "invalid-value");
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_told_by_reason_stage_rep_source_and_month_and_lead_to_the_deals() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end: DateTime<Utc> = now() - Duration::hours(1);
    let before = |days: i64| end - Duration::days(days);
    let deal = async |name: &str, owner: &str, source: Option<&str>, days: i64, amount: &str| {
        let mut body = json!({"name": name, "owner": owner, "amount": cny(amount)});
        if let Some(source) = source {
            body["source"] = json!(source);
        }
        since(&wang, before(days), body).await
    };
    let lose = async |customer: &str, reason: &str, days: i64| {
        let body = json!({"to": "lost", "reason": reason, "note": "so", "next_step": "none", "effective_at": instant(before(days))});
        let _ = wang.command(customer, "transitions", body).await.expect(200);
    };
    let harbour = deal("Harbour", "rep:li", Some("fair"), 80, "100.00").await;
    let hill = deal("Hill", "rep:chen", Some("fair"), 70, "20.00").await;
    let lake = deal("Lake", "rep:li", None, 60, "3.00").await;
    let sold = deal("Sold", "rep:li", Some("fair"), 50, "4000.00").await;
    let _ = deal("Open", "rep:li", Some("web"), 40, "50000.00").await;
    lose(&harbour, "price", 45).await;
    lose(&hill, "price", 5).await;
    lose(&lake, "competitor", 4).await;
    won(&wang, &sold, before(3)).await;

    let at = format!("effective_at={}", instant(end));
    let losses = read(&wang, &format!("/v1/losses/{PIPELINE}?{at}")).await;
    let row = |list: &str, value: Value| {
        let rows = losses.at(list).as_array().cloned().unwrap_or_default();
        let found = rows.into_iter().find(|row| row["value"] == value);
        let found = found.unwrap_or_else(|| panic!("no {value} in {list} of {}", losses.text));
        (found["count"].clone(), found["amounts"].clone(), found["ended"].clone(), found["maturity"].clone())
    };
    let of = |cycles: u64, undecided: u64| json!({"mature": undecided == 0, "cycles": cycles, "undecided": undecided, "matures_at": null});
    let money = |amount: &str| json!([cny(amount)]);
    let told = |count: u64, amount: &str, ended: Value, maturity: Value| {
        (json!(count), money(amount), ended, maturity)
    };
    assert_eq!(row("/by_reason", json!("price")), told(2, "120.00", Value::Null, Value::Null));
    assert_eq!(row("/by_reason", json!("competitor")), told(1, "3.00", Value::Null, Value::Null));
    assert_eq!(row("/by_stage", json!("new_lead")), told(3, "123.00", json!(4), Value::Null));
    assert_eq!(row("/by_rep", json!("rep:li")), told(2, "103.00", json!(3), of(4, 1)));
    assert_eq!(row("/by_rep", json!("rep:chen")), told(1, "20.00", json!(1), of(1, 0)));
    assert_eq!(row("/by_source", json!("fair")), told(2, "120.00", json!(3), of(3, 0)));
    assert_eq!(row("/by_source", Value::Null), told(1, "3.00", json!(1), of(1, 0)));
    let month = |days: i64| before(days).format("%Y-%m").to_string();
    let in_month = |days: i64| [45, 5, 4].iter().filter(|lost| month(**lost) == month(days)).count();
    for days in [45, 5, 4] {
        assert_eq!(row("/by_month", json!(month(days))).0, json!(in_month(days)));
    }
    let share = losses.at("/by_rep/0/lost_share");
    assert_eq!((losses.at("/by_rep/0/share"), &share["share"]), (&json!(2.0 / 3.0), &json!(2.0 / 3.0)));
    // `proportion_confint(2, 3, method="wilson")` of statsmodels 0.15.
    assert!((share["low"].as_f64().unwrap_or_default() - 0.207_660).abs() < 1e-6, "{share}");
    assert_eq!(share["small"], true);

    let names = async |question: &str| -> Vec<String> {
        let list = read(&wang, &format!("/v1/losses/{PIPELINE}/customers?{at}{question}")).await;
        list.items()
            .iter()
            .map(|deal| deal["customer_name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["Lake", "Hill", "Harbour"], "the one lost last first");
    for (question, expected) in [
        ("&by=reason&value=price", vec!["Hill", "Harbour"]),
        ("&by=stage&value=new_lead", vec!["Lake", "Hill", "Harbour"]),
        ("&by=rep&value=rep:chen", vec!["Hill"]),
        ("&by=source", vec!["Lake"]),
        ("&by=source&value=web", vec![]),
        ("&owner=rep:li&by=source&value=fair", vec!["Harbour"]),
    ] {
        assert_eq!(names(question).await, expected, "{question}");
    }
    let by_month = names(&format!("&by=month&value={}", month(45))).await;
    assert_eq!(by_month.len(), in_month(45));
    let first = read(&wang, &format!("/v1/losses/{PIPELINE}/customers?{at}&limit=2")).await;
    assert_eq!((first.at("/total"), first.items().len()), (&json!(3), 2));
    let next = format!("&limit=2&cursor={}", first.text_at("/next_cursor"));
    assert_eq!(names(&next).await, ["Harbour"]);
    let expected = json!({
        "customer_id": lake, "customer_name": "Lake", "cycle": 1, "lost_at": first.items()[0]["lost_at"],
        "reason": "competitor", "stage": "new_lead", "rep": "li", "source": null, "amount": cny("3.00"),
    });
    assert_eq!(first.items()[0], expected);
    let lost_at: DateTime<Utc> = first.text_at("/items/0/lost_at").parse().unwrap();
    assert_eq!(instant(lost_at), instant(before(4)));
    let sun = team.analyst("sun");
    let unnamed = read(&sun, &format!("/v1/losses/{PIPELINE}/customers?{at}")).await;
    assert!(unnamed.items().iter().all(|deal| deal["customer_name"].is_null()), "{}", unnamed.text);
    for (question, field) in [("value=price", "value"), ("by=mood", "by"), ("limit=501", "limit")] {
        let refused = wang.get(&format!("/v1/losses/{PIPELINE}/customers?{question}")).await;
        assert_eq!(refused.refused(422, "invalid-value").at("/violations/0/field"), field, "{question}");
    }
    let bad = wang.get(&format!("/v1/losses/{PIPELINE}/customers?cursor=x")).await;
    assert_eq!(bad.status, 422, "{}", bad.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_divided_into_groups_that_add_up_or_says_why_not() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end = now();
    let before = |days: i64| end - Duration::days(days);
    let customer = async |name: &str, owner: &str, source: &str, days: i64, amount: &str| {
        let body = json!({"name": name, "owner": owner, "source": source, "amount": cny(amount)});
        since(&wang, before(days), body).await
    };
    let harbour = customer("Harbour", "rep:li", "fair", 40, "100.00").await;
    let _ = customer("Hill", "rep:li", "web", 12, "20.00").await;
    let _ = customer("Lake", "rep:chen", "fair", 10, "3.00").await;
    let sold = customer("Sold", "rep:chen", "fair", 9, "4000.00").await;
    let contacted = json!({"to": "contacted", "note": "told", "next_step": "call", "effective_at": ago(8)});
    let _ = wang.command(&harbour, "transitions", contacted).await.expect(200);
    won(&wang, &sold, before(2)).await;
    let talk = json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": ago(-3), "text": "call"}});
    let _ = team.rep("li").command(&harbour, "follow-ups", talk).await.expect(200);

    let at = format!("effective_at={}", instant(now()));
    for (report, count, whole, li, chen) in [
        ("bottlenecks/helloword-13?", "/items/0/stays", None, None, None),
        ("channels?", "/items/0/leads", Some(3.0), Some(1.0), Some(2.0)),
        (
            "forecasts/helloword-13?horizon_days=30&",
            "/horizons/0/by_stage/0/open",
            Some(2.0),
            Some(1.0),
            Some(1.0),
        ),
        ("paths/helloword-13?", "/journeys", Some(4.0), Some(2.0), Some(2.0)),
        ("heatmap?", "/weekdays", None, None, None),
        ("heatmap?by=neglect&", "/rows/0/count", None, None, None),
        ("heatmap?by=effect&", "/days", None, None, None),
        ("quality/helloword-13?", "/leak/open", Some(3.0), Some(2.0), Some(1.0)),
        ("loyalty/helloword-13?", "/pipeline", None, None, None),
        ("changes/helloword-13?", "/closing/count", Some(3.0), Some(2.0), Some(1.0)),
    ] {
        let pin = if report.starts_with("changes") { format!("to_{at}") } else { at.clone() };
        let divided = read(&wang, &format!("/v1/{report}{pin}&group_by=owner")).await;
        let groups = divided.at("/groups").as_array().cloned().unwrap_or_default();
        let keys: Vec<&Value> = groups.iter().map(|group| &group["key"]["owner"]).collect();
        assert_eq!(keys, [&json!("rep:chen"), &json!("rep:li")], "{report}");
        assert!(groups.iter().all(|group| group["members"] == 2 && group["small"] == true), "{report}");
        assert!(groups.iter().all(|group| group.pointer(count).is_some()), "{report}: {}", divided.text);
        let number = |body: &Value| body.pointer(count).and_then(Value::as_f64);
        if whole.is_some() {
            let told = (number(&divided.body), number(&groups[1]), number(&groups[0]));
            assert_eq!(told, (whole, li, chen), "{report}");
        }
        let filtered = read(&wang, &format!("/v1/{report}{pin}&owner=rep:li")).await;
        if !report.starts_with("changes") {
            assert_eq!(groups[1].pointer(count), filtered.body.pointer(count), "{report}");
        }
        assert!(!filtered.text.contains("\"groups\""), "{report}");
    }
    // Behind a change of a group stand the group's customers alone.
    let changes = read(&wang, &format!("/v1/changes/{PIPELINE}?to_{at}&group_by=owner,source")).await;
    let groups = changes.at("/groups").as_array().cloned().unwrap_or_default();
    let of = |owner: &str, source: &str| {
        groups
            .iter()
            .find(|group| group["key"] == json!({"owner": owner, "source": source}))
            .unwrap_or_else(|| panic!("{}", changes.text))
    };
    let created = |group: &Value| line(&group["happened"], "kind", "created").clone();
    let behind = async |bucket: &Value| -> Vec<String> {
        let cursor = bucket["customers"].as_str().unwrap_or_default();
        let list = wang.get(&format!("/v1/changes/{PIPELINE}/customers?cursor={cursor}")).await.expect(200);
        list.items().iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(behind(&created(of("rep:li", "web"))).await, ["Hill"]);
    assert_eq!(created(of("rep:chen", "fair"))["count"], 1, "the other one was created and won");
    assert_eq!(behind(&created(of("rep:chen", "fair"))).await, ["Lake"]);

    // What has no window has no months, and what is of the whole has no groups: each says why.
    for (path, words) in [
        (format!("/v1/forecasts/{PIPELINE}?group_by=month"), "no window"),
        (format!("/v1/changes/{PIPELINE}?group_by=owner,quarter"), "no window"),
        ("/v1/heatmap?by=neglect&group_by=month".to_owned(), "single instant"),
        (format!("/v1/alerts/{PIPELINE}?group_by=owner"), "of a whole pipeline"),
        (format!("/v1/forecasts/{PIPELINE}/back-test?group_by=owner"), "one at a time"),
        (format!("/v1/pilots/{PIPELINE}@2?group_by=owner"), "all others"),
        (format!("/v1/paths/{PIPELINE}?group_by=mood"), "field:KEY"),
    ] {
        let refused = wang.get(&path).await.refused(422, "invalid-value");
        assert_eq!(refused.at("/violations/0/field"), "group_by", "{path}");
        assert!(refused.text.contains(words), "{path}: {}", refused.text);
    }
    let by_month = read(&wang, &format!("/v1/paths/{PIPELINE}?{at}&group_by=month")).await;
    let journeys: u64 = by_month
        .at("/groups")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["journeys"].as_u64())
        .sum();
    assert_eq!(journeys, 4, "each began in one month");
    let _ = team.admin().create_pipeline("funnel-5").await.expect(201);
    for path in [
        "/v1/channels?group_by=owner",
        "/v1/heatmap?group_by=owner",
        "/v1/channels?from=2024-02-01T00:00:00Z&compare_from=2024-01-01T00:00:00Z",
    ] {
        let refused = wang.get(path).await.refused(422, "missing-parameter");
        assert_eq!(refused.at("/violations/0/field"), "pipeline", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_left_alone_is_named_and_conversations_are_judged_by_what_followed() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let end = now();
    let before = |days: i64| end - Duration::days(days);
    let alone = since(&wang, before(40), json!({"name": "Alone", "owner": "rep:li"})).await;
    let spoken = since(&wang, before(40), json!({"name": "Spoken", "owner": "rep:li"})).await;
    let talk = json!({
        "channel": "phone", "summary": "asked for a quote", "effective_at": instant(before(20)),
        "next_plan": {"at": instant(before(15)), "text": "call"},
    });
    let _ = wang.command(&spoken, "follow-ups", talk.clone()).await.expect(200);
    let neglect = format!("/v1/heatmap?pipeline={PIPELINE}&by=neglect&effective_at={}", instant(end));
    let report = read(&wang, &neglect).await;
    let row = report.at("/rows/0");
    assert_eq!(
        (&row["owner"]["id"], &row["stage"], &row["count"]),
        (&json!("li"), &json!("new_lead"), &json!(2))
    );
    let counts: Vec<&Value> =
        row["bands"].as_array().into_iter().flatten().map(|band| &band["count"]).collect();
    assert_eq!(counts, [0, 0, 0, 1, 1, 0]);
    let named = &row["bands"][4]["customers"][0];
    assert_eq!((&named["customer_id"], &named["name"]), (&json!(alone), &json!("Alone")));
    assert_eq!(named["untouched_seconds"], 3_456_000.0);
    let unnamed = read(&team.analyst("sun"), &neglect).await;
    assert_eq!(unnamed.at("/rows/0/bands/4/customers/0/name"), &Value::Null);

    // One conversation was followed by a move on the third day, the other by none.
    let _ = wang.command(&alone, "follow-ups", talk).await.expect(200);
    let _ = moved(&wang, &spoken, "proposal", 17).await;
    let effect = format!("/v1/heatmap?pipeline={PIPELINE}&by=effect&effective_at={}", instant(end));
    let report = read(&wang, &effect).await;
    assert_eq!(report.at("/by"), "effect");
    let row = report.at("/rows/0");
    assert_eq!((&row["actor"], &row["stage"]), (&json!("manager:wang"), &json!("new_lead")));
    assert_eq!(
        (&row["follow_ups"], &row["followed"], &row["share"]["share"]),
        (&json!(2), &json!(1), &json!(0.5))
    );
    let paths = read(&wang, &format!("/v1/paths/{PIPELINE}?limit=5")).await;
    let prefix = |stage: &str, count| {
        json!({
            "stage": stage, "count": count, "won": 0, "lost": 0, "win_rate": null,
            "maturity": {"mature": false, "cycles": count, "undecided": count, "matures_at": null},
        })
    };
    let way =
        paths.at("/paths").as_array().into_iter().flatten().find(|path| path["stages"][1] == "proposal");
    let expected = json!([prefix("new_lead", 2), prefix("proposal", 1)]);
    assert_eq!(way.map(|way| &way["prefixes"]), Some(&expected));

    // Ten days before, a conversation was followed by none.
    let earlier = json!({
        "channel": "phone", "summary": "asked again", "effective_at": instant(before(30)),
        "next_plan": {"at": instant(before(25)), "text": "call"},
    });
    let _ = wang.command(&alone, "follow-ups", earlier).await.expect(200);
    let window = format!("from={}&compare_from={}", instant(before(25)), instant(before(35)));
    let beside = read(&wang, &format!("{effect}&{window}")).await;
    assert_eq!(beside.at("/compared/rows/0/follow_ups"), &json!(1));
    // `proportions_ztest([1, 0], [2, 1])` of statsmodels 0.15.
    let followed = insist_on(beside.at("/compared/difference"), 0.5, 0.386_476_230_771_232_7);
    assert_eq!((&followed["figure"], &followed["small"]), (&json!("followed_share"), &json!(true)));
    let of_one = difference_of(&beside, "followed_share", &json!({"actor": "manager:wang"}));
    assert_eq!((&of_one["stage"], &of_one["estimate"]), (&json!("new_lead"), &followed["estimate"]));
    let refused = wang.get(&format!("{neglect}&compare_from={}", ago(9))).await.refused(422, "invalid-value");
    assert_eq!(refused.at("/violations/0/field"), "compare_from");
}

/// How many customers, or stays, or changes each group of a report has.
fn groups_of(report: &Answer, key: &str, count: &str) -> Vec<(Value, Value)> {
    let groups = report.at("/groups").as_array().cloned().unwrap_or_default();
    groups
        .iter()
        .map(|group| (group["key"][key].clone(), group.pointer(count).cloned().unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_fields_are_filters_and_groups_of_every_report_as_they_were_at_the_time() {
    let team = Team::on(PIPELINE).await;
    let (admin, wang) = (team.admin(), team.manager("wang"));
    let name = json!({"zh": "预算", "en": "Budget"});
    let options = ["low", "high"].map(|id| json!({"id": id, "name": {"zh": id, "en": id}}));
    for field in [
        json!({"key": "budget", "name": name, "type": "choice", "options": options}),
        json!({"key": "seats", "name": name, "type": "number"}),
    ] {
        let _ = admin.post("/v1/admin/fields", field).await.expect(200);
    }
    let with = async |days: i64, fields: Value| {
        since(&wang, now() - Duration::days(days), json!({"owner": "rep:li", "fields": fields})).await
    };
    let rich = with(12, json!({"budget": "high", "seats": "12.50"})).await;
    let _ = with(12, json!({"budget": "low", "seats": 3})).await;
    let bare = with(12, json!({})).await;
    let lost = json!({"to": "lost", "reason": "price", "note": "so it was", "next_step": "none", "effective_at": ago(4)});
    let _ = wang.command(&rich, "transitions", lost).await.expect(200);

    let key = "field:budget";
    let thirds = |high: u64, low: u64, none: u64| {
        vec![(Value::Null, json!(none)), (json!("high"), json!(high)), (json!("low"), json!(low))]
    };
    for (report, count, expected) in [
        ("funnels/helloword-13?", "/totals/count", thirds(1, 1, 1)),
        ("flows/helloword-13?", "/journeys", thirds(1, 1, 1)),
        ("losses/helloword-13?", "/lost", thirds(1, 0, 0)),
        ("latency/helloword-13?", "/changes/count", thirds(2, 1, 1)),
        ("reps?pipeline=helloword-13&", "/totals/lost", thirds(1, 0, 0)),
        ("quality/helloword-13?", "/leak/open", thirds(0, 1, 1)),
        ("channels?pipeline=helloword-13&", "/items/0/leads", thirds(1, 1, 1)),
        ("paths/helloword-13?", "/journeys", thirds(1, 1, 1)),
        ("bottlenecks/helloword-13?", "/items/0/stays", thirds(1, 1, 1)),
        ("forecasts/helloword-13?", "/horizons/0/by_stage/0/open", thirds(0, 1, 1)),
        ("loyalty/helloword-13?", "/buyers", thirds(0, 0, 0)),
        ("changes/helloword-13?", "/closing/count", thirds(0, 1, 1)),
    ] {
        let grouped = read(&wang, &format!("/v1/{report}group_by=field:budget")).await;
        assert_eq!(groups_of(&grouped, key, count), expected, "{report}");
        let filtered = read(&wang, &format!("/v1/{report}field:budget=high")).await;
        assert_eq!(filtered.body.pointer(count), Some(&expected[1].1), "{report}");
    }
    let stays = read(&wang, "/v1/dwell/helloword-13?group_by=field:budget,owner").await;
    assert_eq!(stays.at("/groups/1/key"), &json!({"field:budget": "high", "owner": "rep:li"}));
    for (filter, total) in
        [("field:seats=12.5", 1), ("field:seats=12.50,3", 2), ("field:budget=low&field:seats=3", 1)]
    {
        let board = read(&wang, &format!("/v1/boards/helloword-13?{filter}")).await;
        assert_eq!(board.at("/total"), &json!(total), "{filter}");
    }

    // What is said today of today leaves yesterday as it was, and what was known as it was known.
    let known = wang.head().await;
    let _ = wang.command(&bare, "details", json!({"fields": {"budget": "high"}})).await.expect(200);
    let high = async |rest: &str| {
        read(&wang, &format!("/v1/funnels/helloword-13?field:budget=high{rest}"))
            .await
            .at("/totals/count")
            .clone()
    };
    assert_eq!(high("").await, json!(2));
    assert_eq!(high(&format!("&effective_at={}", ago(1))).await, json!(1));
    assert_eq!(high(&format!("&known_position={known}")).await, json!(1));
    let changes = format!("from_effective_at={}&from_known_at={}", ago(1), instant(now()));
    let changes = read(&wang, &format!("/v1/changes/helloword-13?field:budget=high&{changes}")).await;
    assert_eq!(changes.at("/closing/count"), &json!(1));

    // Options are for those who see figures alone, too; texts and numbers are not.
    let analyst = team.analyst("sun");
    assert_eq!(
        groups_of(&read(&analyst, "/v1/losses/helloword-13?group_by=field:budget").await, key, "/lost"),
        [(json!("high"), json!(1)), (json!("low"), json!(0))]
    );
    for (path, field) in [
        ("/v1/losses/helloword-13?field:seats=3", "field:seats"),
        ("/v1/losses/helloword-13?group_by=field:seats", "group_by"),
    ] {
        assert_eq!(analyst.get(path).await.refused(422, "invalid-value").at("/violations/0/field"), field);
    }
    for (path, field) in [
        ("/v1/losses/helloword-13?field:size=3", "field:size"),
        ("/v1/losses/helloword-13?group_by=field:size", "group_by"),
        ("/v1/losses/helloword-13?field:budget=huge", "field:budget"),
    ] {
        let refused = wang.get(path).await.refused(422, "invalid-value");
        assert_eq!(refused.at("/violations/0/field"), field);
        assert!(refused.text.contains("budget") || refused.text.contains("low"), "{}", refused.text);
    }

    // Who is forgotten is in no group of the past either.
    let _ = admin.command(&rich, "erasure", json!({"ground": "request"})).await.expect(200);
    assert_eq!(high(&format!("&known_position={known}")).await, json!(0));
}
