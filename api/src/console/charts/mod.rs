//! Charts, drawn on the server as SVG. Each is a function of its figures; colours and type are the style sheet's.

mod bars;
mod heat;
mod plot;
mod ranges;
mod survival;

pub(super) use bars::{Bar, bars, linked};
pub(super) use heat::heat;
pub(super) use plot::{Mark, Row, of_most, plot, ticks};
pub(super) use ranges::{Range, ranges};
pub(super) use survival::survival;

/// A coordinate, short.
fn at(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A round step so that at most five of them fit into `most`, in seconds: minutes, hours, days and their multiples.
fn step(most: f64) -> f64 {
    const STEPS: [f64; 18] = [
        60.0,
        300.0,
        900.0,
        3_600.0,
        7_200.0,
        14_400.0,
        28_800.0,
        43_200.0,
        86_400.0,
        172_800.0,
        432_000.0,
        864_000.0,
        1_728_000.0,
        2_592_000.0,
        5_184_000.0,
        8_640_000.0,
        17_280_000.0,
        31_536_000.0,
    ];
    let fits = STEPS.into_iter().find(|step| most / step <= 5.0);
    fits.unwrap_or_else(|| (most / 5.0 / 31_536_000.0).ceil() * 31_536_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps_and_at_most_five_of_them() {
        assert_eq!(step(100.0), 60.0);
        assert_eq!(step(432_000.0), 86_400.0);
        assert_eq!(step(432_001.0), 172_800.0);
        assert_eq!(step(1e10), 64.0 * 31_536_000.0);
        for most in [1.0, 61.0, 5e3, 7e4, 9e5, 3e6, 5e7, 2e9] {
            assert!(most / step(most) <= 5.0, "{most}");
        }
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!((at(3.0), at(3.24), at(-0.5)), ("3".to_owned(), "3.2".to_owned(), "-0.5".to_owned()));
    }
}
