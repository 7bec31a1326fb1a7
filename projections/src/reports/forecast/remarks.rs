//! A back-test in words: where the forecast is no better than one without a model, and where its range is too narrow or too wide.

use waymark_domain::Label;

use super::naive::NaiveReport;
use super::score::Score;

/// How many forecasts it takes to judge by.
const ENOUGH: usize = 20;

/// Which shares of outcomes a range of 80% is meant to hold.
const GOOD: std::ops::RangeInclusive<f64> = 0.7..=0.9;

/// What a reader has to know of the number of points, of the share of them that the range held, and of how far the forecast and
/// those without a model were off. Nothing where all is as it is meant to be.
pub(super) fn remarks(
    points: usize,
    coverage: Option<f64>,
    ours: &Score,
    naive: &[NaiveReport],
) -> Vec<Label> {
    let mut remarks = Vec::new();
    if points < ENOUGH {
        remarks.push(few(points));
    }
    remarks.extend(coverage.filter(|coverage| !GOOD.contains(coverage)).map(off));
    remarks.extend(naive.iter().filter(|naive| !naive.beaten).map(|naive| no_better(ours, naive)));
    remarks
}

fn few(points: usize) -> Label {
    Label::new(
        format!("只有 {points} 次预测，少于 {ENOUGH} 次，不足以评判。"),
        format!("With {points} forecasts there are fewer than the {ENOUGH} that it takes to judge by."),
    )
}

fn off(coverage: f64) -> Label {
    let share = coverage * 100.0;
    let (zh, en) = if coverage < *GOOD.start() { ("过窄", "narrow") } else { ("过宽", "wide") };
    Label::new(
        format!("80% 区间过去{zh}：实际值落在其中的占 {share:.0}%。"),
        format!("The 80% range has been too {en}: it held {share:.0}% of what came."),
    )
}

fn no_better(forecast: &Score, naive: &NaiveReport) -> Label {
    let brier = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |value| format!("{value:.4}"));
    let share =
        |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |value| format!("{:.1}%", value * 100.0));
    let (ours, theirs) = (brier(forecast.brier()), brier(naive.brier));
    let (error, other) = (share(forecast.mape()), share(naive.mape));
    let name = naive.name;
    Label::new(
        format!(
            "未能在两项指标上都优于 {name}：Brier 分数 {ours}，对方 {theirs}；平均误差 {error}，对方 {other}。"
        ),
        format!(
            "Not better than {name} by both figures: Brier score {ours} against {theirs}, mean error {error} against {other}."
        ),
    )
}
