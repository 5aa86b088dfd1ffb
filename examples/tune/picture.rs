//! Draws what was measured: time of a hash and logins a second, by memory.

use std::fmt::Write as _;
use std::time::Duration;

use crate::measure::Measured;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// Which passes have a line, and its colour.
const LINES: [(u32, &str); 2] = [(1, "#1f5fbf"), (3, "#b3541e")];
const CHOSEN: &str = "#2e7d32";

/// One of the two charts.
struct Chart<'a> {
    title: &'a str,
    top: f64,
    highest: f64,
    value: fn(&Measured) -> f64,
}

/// The picture, as SVG: the lines of one and of three passes, and what fits into `budget`.
pub(crate) fn draw(measured: &[Measured], fitting: &[Measured], budget: Duration) -> String {
    let budget = budget.as_secs_f64() * 1000.0;
    let milliseconds: fn(&Measured) -> f64 = |one| one.time.as_secs_f64() * 1000.0;
    let rate: fn(&Measured) -> f64 = |one| one.rate;
    let drawn = || measured.iter().filter(|one| is_drawn(one)).chain(fitting);
    let charts = [
        Chart {
            title: "time of a hash, ms",
            top: 0.0,
            highest: drawn().map(milliseconds).fold(budget, f64::max) * 1.05,
            value: milliseconds,
        },
        Chart {
            title: "logins a second",
            top: HEIGHT,
            highest: drawn().map(rate).fold(1.0, f64::max) * 1.05,
            value: rate,
        },
    ];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        2.0 * HEIGHT
    );
    for chart in &charts {
        chart.draw(&mut svg, measured, fitting);
    }
    let y = charts.first().map_or(0.0, |chart| chart.y(budget));
    line(&mut svg, [(LEFT, y), (WIDTH - RIGHT, y)], "#888", "4 3");
    text(
        &mut svg,
        (WIDTH - RIGHT + 6.0, y + 4.0),
        "start",
        "what it may take",
    );
    svg.push_str("</svg>\n");
    svg
}

fn is_drawn(one: &Measured) -> bool {
    LINES.iter().any(|(passes, _)| *passes == one.t)
}

impl Chart<'_> {
    fn y(&self, value: f64) -> f64 {
        let height = HEIGHT - TOP - BOTTOM;
        self.top + TOP + height * (1.0 - value / self.highest)
    }

    fn draw(&self, svg: &mut String, measured: &[Measured], fitting: &[Measured]) {
        let last = measured.iter().map(|one| one.m_kib).max().unwrap_or(1);
        let scale = (f64::from(last) / 19_456.0).log2().max(1.0);
        let x = |one: &Measured| {
            let share = (f64::from(one.m_kib) / 19_456.0).log2() / scale;
            LEFT + share * (WIDTH - LEFT - RIGHT)
        };
        text(svg, (LEFT, self.top + 20.0), "start", self.title);
        let bottom = self.y(0.0);
        line(
            svg,
            [(LEFT, bottom), (WIDTH - RIGHT, bottom)],
            "#444",
            "none",
        );
        for share in [0.25, 0.5, 0.75, 1.0] {
            let value = self.highest / 1.05 * share;
            let y = self.y(value);
            line(svg, [(LEFT, y), (WIDTH - RIGHT, y)], "#ddd", "none");
            text(svg, (LEFT - 8.0, y + 4.0), "end", &format!("{value:.0}"));
        }
        for (passes, colour) in LINES {
            let of_line = || measured.iter().filter(|one| one.t == passes);
            let points: Vec<(f64, f64)> = of_line()
                .map(|one| (x(one), self.y((self.value)(one))))
                .collect();
            let joined: Vec<String> = points
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                joined.join(" ")
            );
            if let Some((x, y)) = points.last() {
                let name = if passes == 1 { "1 pass" } else { "3 passes" };
                text(svg, (x + 6.0, y + 4.0), "start", name);
            }
        }
        for one in fitting {
            let y = self.y((self.value)(one));
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{CHOSEN}\"/>",
                x(one)
            );
            text(svg, (x(one), y - 8.0), "middle", &format!("t={}", one.t));
            let mib = (one.m_kib / 1024).to_string();
            text(svg, (x(one), bottom + 16.0), "middle", &mib);
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        text(
            svg,
            (middle, bottom + 34.0),
            "middle",
            "memory of a hash, MiB",
        );
    }
}

fn line(svg: &mut String, [from, to]: [(f64, f64); 2], colour: &str, dashes: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
         stroke-dasharray=\"{dashes}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{words}</text>"
    );
}
