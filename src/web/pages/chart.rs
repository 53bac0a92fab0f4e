//! The bars of a day: a picture without script, each bar a link to the mentions behind it.

use jiff::SignedDuration;
use maud::{Markup, html};

use super::show::Reading;
use crate::api::status::Hour;
use crate::domain::sentiment::Polarity;
use crate::domain::words;

const WIDTH: u64 = 20;
const HEIGHT: u64 = 100;

/// Mentions an hour, stacked by polarity.
pub fn hours(read: &Reading<'_>, hours: &[Hour]) -> Markup {
    let most = hours.iter().map(|hour| hour.counts.total()).max().unwrap_or(0);
    let clock = |hour: &Hour| hour.from.to_zoned(read.zone.clone()).strftime("%H:%M %Z").to_string();
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return html! {} };
    let width = WIDTH * hours.len() as u64;
    html! {
        @if most > 0 {
            svg.chart role="group" aria-label=(format!("Mentions an hour, at most {most}"))
                viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" {
                @for (place, hour) in hours.iter().enumerate() { (bar(hour, place as u64, most, &clock(hour))) }
            }
            div.axis {
                span { (clock(first)) }
                span { "mentions an hour, at most " (words::figure(most)) }
                span { (clock(last)) }
            }
        }
    }
}

fn bar(hour: &Hour, place: u64, most: u64, clock: &str) -> Markup {
    let total = hour.counts.total();
    let until = hour.from + SignedDuration::from_hours(1);
    let said: Vec<String> = Polarity::ALL
        .iter()
        .filter(|polarity| hour.counts.of(**polarity) > 0)
        .map(|polarity| format!("{} {}", hour.counts.of(*polarity), polarity.as_str()))
        .collect();
    let said = format!("{clock}: {} ({})", words::count(total, "mention"), said.join(", "));
    let mut below = 0;
    let parts: Vec<(Polarity, u64, u64)> = Polarity::ALL
        .iter()
        .map(|polarity| {
            let from = below * HEIGHT / most;
            below += hour.counts.of(*polarity);
            let until = below * HEIGHT / most;
            (*polarity, HEIGHT - until, until - from)
        })
        .collect();
    let left = place * WIDTH;
    html! {
        @if total > 0 {
            a href=(format!("/mentions?from={}&until={until}", hour.from)) aria-label=(said) {
                title { (said) }
                rect.ground x=(left) y="0" width=(WIDTH) height=(HEIGHT) {}
                @for (polarity, top, height) in &parts {
                    @if *height > 0 {
                        rect class=(polarity.as_str()) x=(left + 2) y=(top) width=(WIDTH - 4) height=(height) {}
                    }
                }
            }
        }
    }
}
