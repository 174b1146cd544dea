//! The figures of the dashboard: how much arrived in the last day, week or month, as tiles and as bars.

use std::time::Duration;

use crate::features::endpoints::Figures;
use crate::platform::clock::Timestamp;
use crate::text_enum;

const HOUR: i64 = 60 * 60 * 1000;
/// The bars share this many units of the drawing.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 160;

text_enum! {
    in pub(super),
    /// How far back the figures go.
    Range {
        /// By the hour.
        Day = "24h",
        /// By six hours.
        Week = "7d",
        /// By the day.
        Month = "30d",
    }
}

impl Range {
    /// Gives the number of bars and the hours that each stands for.
    fn bars(self) -> (i64, i64) {
        match self {
            Self::Day => (24, 1),
            Self::Week => (28, 6),
            Self::Month => (30, 24),
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Day => "24 h",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Day => "hour",
            Self::Week => "six hours",
            Self::Month => "day",
        }
    }

    /// Gives the beginning of the first bar: whole hours, so that the last bar holds the present one.
    pub(super) fn since(self, now: Timestamp) -> Timestamp {
        let (bars, hours) = self.bars();
        let this_hour = now.millis() - now.millis().rem_euclid(HOUR);
        Timestamp::from_millis(this_hour + HOUR - bars * hours * HOUR)
    }
}

/// What the template draws.
pub(super) struct Chart {
    pub(super) unit: &'static str,
    pub(super) since: Timestamp,
    pub(super) bars: Vec<Bar>,
    pub(super) ticks: Vec<Tick>,
    pub(super) total: Figures,
    pub(super) size: (i64, i64),
    /// Points of a small line, for a tile of 96 × 24 units.
    pub(super) delivered_line: String,
    pub(super) failed_line: String,
    pub(super) bytes_line: String,
}

/// One span of time.
pub(super) struct Bar {
    pub(super) from: Timestamp,
    pub(super) figures: Figures,
    pub(super) x: i64,
    pub(super) width: i64,
    pub(super) delivered_y: i64,
    pub(super) delivered_height: i64,
    pub(super) failed_y: i64,
    pub(super) failed_height: i64,
}

/// A line across, with its number.
pub(super) struct Tick {
    pub(super) y: i64,
    pub(super) count: i64,
}

impl Chart {
    /// Draws what was counted by the hour.
    pub(super) fn of(range: Range, now: Timestamp, hours: &[(Timestamp, Figures)]) -> Self {
        let (count, length) = range.bars();
        let since = range.since(now);
        let mut spans = vec![Figures::default(); usize::try_from(count).unwrap_or(0)];
        for (hour, figures) in hours {
            let place = (hour.millis() - since.millis()) / (length * HOUR);
            if let Some(span) = usize::try_from(place).ok().and_then(|place| spans.get_mut(place)) {
                add(span, *figures);
            }
        }
        let mut total = Figures::default();
        for span in &spans {
            add(&mut total, *span);
        }
        let most = nice(spans.iter().map(|span| span.delivered + span.failed).max().unwrap_or(0));
        let step = WIDTH / count;
        let bars = (0..).zip(&spans).map(|(place, figures)| {
            let scaled = |amount: i64| amount * HEIGHT / most;
            let (delivered, failed) =
                (scaled(figures.delivered), at_least_one(scaled(figures.failed), figures.failed));
            let length = Duration::from_hours(u64::try_from(place * length).unwrap_or(0));
            Bar {
                from: since.plus(length),
                figures: *figures,
                x: place * step,
                width: (step - 6).max(4),
                delivered_y: HEIGHT - delivered,
                delivered_height: delivered,
                failed_y: (HEIGHT - delivered - failed).max(0),
                failed_height: failed,
            }
        });
        Self {
            unit: range.unit(),
            since,
            bars: bars.collect(),
            ticks: (0..=2)
                .map(|half| Tick { y: HEIGHT - half * HEIGHT / 2, count: most * half / 2 })
                .collect(),
            total,
            size: (step * count, HEIGHT),
            delivered_line: line(spans.iter().map(|span| span.delivered)),
            failed_line: line(spans.iter().map(|span| span.failed)),
            bytes_line: line(spans.iter().map(|span| span.bytes)),
        }
    }

    /// Tells whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.total == Figures::default()
    }
}

fn add(to: &mut Figures, more: Figures) {
    to.delivered += more.delivered;
    to.failed += more.failed;
    to.bytes += more.bytes;
}

/// A failure is seen, however small its share.
fn at_least_one(height: i64, count: i64) -> i64 {
    if count > 0 { height.max(2) } else { 0 }
}

/// Gives an even number that is at least `most` and easy to read: 2, 4, 10, 20, 40, 100 and so on.
fn nice(most: i64) -> i64 {
    let mut unit = 1;
    loop {
        for factor in [2, 4] {
            if factor * unit >= most {
                return factor * unit;
            }
        }
        unit *= 10;
        if unit >= most {
            return unit;
        }
    }
}

/// Gives the points of a line through amounts, 96 units wide and 24 high.
fn line(amounts: impl Iterator<Item = i64> + Clone) -> String {
    let (most, count) = (amounts.clone().max().unwrap_or(0).max(1), amounts.clone().count());
    let last = i64::try_from(count).unwrap_or(1).max(2) - 1;
    let points = (0..).zip(amounts).map(|(place, amount)| {
        format!("{},{}", place * 96 / last, 22 - i128::from(amount) * 20 / i128::from(most))
    });
    points.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_fall_into_their_bars_and_the_present_one_is_the_last() {
        let now = Timestamp::from_millis(100 * HOUR + 5);
        let figures = |delivered, failed| Figures { delivered, failed, bytes: 10 };
        let hours = [
            (Timestamp::from_millis(76 * HOUR), figures(9, 9)),
            (Timestamp::from_millis(77 * HOUR), figures(4, 0)),
            (Timestamp::from_millis(100 * HOUR), figures(10, 1)),
        ];
        let chart = Chart::of(Range::Day, now, &hours[1..]);

        assert_eq!((chart.bars.len(), chart.total), (24, Figures { delivered: 14, failed: 1, bytes: 20 }));
        assert_eq!((chart.bars[0].figures.delivered, chart.bars[23].figures.failed), (4, 1));
        assert_eq!(chart.bars[0].from, Range::Day.since(now));
        let tall = &chart.bars[23];
        assert_eq!(tall.delivered_y + tall.delivered_height, HEIGHT);
        assert!(tall.failed_y >= 0 && tall.failed_y + tall.failed_height <= tall.delivered_y);
        assert_eq!(Chart::of(Range::Day, now, &hours[..1]).total, Figures::default(), "too long ago");
        assert!(Chart::of(Range::Month, now, &[]).is_empty());
    }

    #[test]
    fn scales_end_at_numbers_that_are_easy_to_read() {
        for (most, scale) in
            [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (40, 40), (41, 100), (123_456, 200_000)]
        {
            assert_eq!(nice(most), scale, "{most}");
        }
    }
}
