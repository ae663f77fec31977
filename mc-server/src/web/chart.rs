//! Charts, drawn on the server: bars whose lengths are amounts of money, each with its name and its amount as a title.
//!
//! A chart goes with a table of the same figures, which says everything that it does.

use super::times::dollars;

/// The width of the drawing, in its own units.
const WIDTH: f64 = 320.0;
/// The height of a row: its name, and the bar below.
const ROW: f64 = 34.0;
/// The longest bar of a row, which leaves room for its amount.
const LONGEST: f64 = 250.0;
/// The height of the columns.
const HIGHEST: f64 = 110.0;
/// The room above the columns, for the largest amount.
const ABOVE: f64 = 18.0;
/// The most characters of a name that fit above its bar.
const NAME_CHARS: usize = 40;

/// A chart, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// What it shows, in words.
    pub(super) label: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) bars: Vec<Bar>,
    pub(super) texts: Vec<Text>,
    /// The height of the line that columns stand on.
    pub(super) axis: Option<String>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) title: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

/// One text beside the bars.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) x: String,
    pub(super) y: String,
    /// Which end of it is at `x`.
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

impl Chart {
    /// A bar for each name, one below the other.
    pub(super) fn rows(label: impl Into<String>, amounts: &[(String, f64)]) -> Self {
        let most = most(amounts);
        let (mut bars, mut texts) = (Vec::new(), Vec::new());
        let mut top = 0.0;
        for (name, amount) in amounts {
            let length = share(*amount, most) * LONGEST;
            bars.push(bar(name, *amount, (0.0, top + 16.0), (length.max(1.0), 12.0)));
            texts.push(text(0.0, top + 12.0, "start", shortened(name)));
            texts.push(text(length.max(1.0) + 5.0, top + 26.0, "start", dollars(*amount)));
            top += ROW;
        }
        Self { label: label.into(), width: units(WIDTH), height: units(top), bars, texts, axis: None }
    }

    /// A column for each name, one beside the other, with the first and the last name below.
    pub(super) fn columns(label: impl Into<String>, amounts: &[(String, f64)]) -> Self {
        let most = most(amounts);
        let ground = ABOVE + HIGHEST;
        let each = amounts.iter().map(|_| 1.0).sum::<f64>().max(1.0);
        let step = WIDTH / each;
        let mut left = 0.0;
        let mut bars = Vec::new();
        for (name, amount) in amounts {
            let height = share(*amount, most) * HIGHEST;
            bars.push(bar(name, *amount, (left + step * 0.1, ground - height), (step * 0.8, height)));
            left += step;
        }
        let mut texts = vec![text(0.0, 12.0, "start", format!("at most {}", dollars(most)))];
        if let (Some((first, _)), Some((last, _))) = (amounts.first(), amounts.last()) {
            texts.push(text(0.0, ground + 16.0, "start", first.clone()));
            texts.push(text(WIDTH, ground + 16.0, "end", last.clone()));
        }
        let (width, height) = (units(WIDTH), units(ground + 22.0));
        Self { label: label.into(), width, height, bars, texts, axis: Some(units(ground)) }
    }
}

fn most(amounts: &[(String, f64)]) -> f64 {
    amounts.iter().map(|(_, amount)| *amount).fold(0.0, f64::max)
}

/// How much of the largest amount an amount is.
fn share(amount: f64, most: f64) -> f64 {
    if most > 0.0 { (amount / most).clamp(0.0, 1.0) } else { 0.0 }
}

fn bar(name: &str, amount: f64, (x, y): (f64, f64), (width, height): (f64, f64)) -> Bar {
    let title = format!("{name}: {}", dollars(amount));
    Bar { title, x: units(x), y: units(y), width: units(width), height: units(height) }
}

fn text(x: f64, y: f64, anchor: &'static str, text: String) -> Text {
    Text { x: units(x), y: units(y), anchor, text }
}

/// A length of the drawing.
fn units(length: f64) -> String {
    format!("{length:.1}")
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(of: &[(&str, f64)]) -> Vec<(String, f64)> {
        of.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
    }

    #[test]
    fn the_largest_amount_has_the_longest_bar_and_the_others_their_share() {
        let chart = Chart::rows("Costs", &amounts(&[("Scout", 2.0), ("Nova", 0.5), ("Echo", 0.0)]));
        let widths: Vec<_> = chart.bars.iter().map(|bar| bar.width.as_str()).collect();
        assert_eq!((widths, chart.height.as_str()), (vec!["250.0", "62.5", "1.0"], "102.0"));
        assert_eq!(chart.bars[1].title, "Nova: $0.50");
    }

    #[test]
    fn columns_stand_on_the_axis_beside_each_other() {
        let chart = Chart::columns("Trend", &amounts(&[("Monday", 1.0), ("Tuesday", 4.0)]));
        let [monday, tuesday] = &chart.bars[..] else { panic!("two bars") };
        assert_eq!((monday.height.as_str(), monday.y.as_str()), ("27.5", "100.5"));
        assert_eq!((tuesday.x.as_str(), tuesday.y.as_str()), ("176.0", "18.0"));
        assert_eq!(chart.axis.as_deref(), Some("128.0"));
    }

    #[test]
    fn nothing_spent_draws_nothing_that_is_no_number() {
        for chart in [
            Chart::columns("Trend", &amounts(&[("Monday", 0.0)])),
            Chart::columns("Trend", &[]),
            Chart::rows("Costs", &[]),
        ] {
            assert!(!format!("{chart:?}").contains("NaN"), "{chart:?}");
        }
    }

    #[test]
    fn a_long_name_is_shortened_in_the_drawing_and_not_in_the_title() {
        let name = "a".repeat(80);
        let chart = Chart::rows("Costs", &[(name.clone(), 1.0)]);
        assert_eq!(chart.texts[0].text.chars().count(), 40);
        assert!(chart.bars[0].title.starts_with(&name));
    }
}
