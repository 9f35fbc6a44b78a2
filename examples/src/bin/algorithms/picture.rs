//! The picture: a strip for each algorithm, with a mark for each request and a line for what counts.

use std::error::Error;

use limiter_core::Algorithm;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::traffic::{COUNT, END, PERIOD, Run, SLOTS, TENTHS};

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: i32 = 900;
const HEADER: i32 = 78;
const STRIP: i32 = 108;
const FOOTER: i32 = 40;
/// Where the strips begin and end: two pixels for a tenth of a second, so that all marks are apart.
const LEFT: i32 = 222;
const RIGHT: i32 = LEFT + 2 * END as i32;

// A card of its own: readable on light pages and on dark ones.
const CARD: RGBColor = RGBColor(255, 255, 255);
const EDGE: RGBColor = RGBColor(208, 215, 222);
const GRID: RGBColor = RGBColor(228, 232, 237);
const INK: RGBColor = RGBColor(31, 35, 40);
const FAINT: RGBColor = RGBColor(89, 99, 110);
// Told apart by every kind of eye, and by their place as well: up and down.
const ADMITTED: RGBColor = RGBColor(9, 105, 218);
const REFUSED: RGBColor = RGBColor(207, 100, 10);

/// Draws all runs into an SVG.
pub fn draw(runs: &[Run]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let height = HEADER + STRIP * runs.len() as i32 + FOOTER;
        let root = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        root.fill(&CARD)?;
        root.draw(&Rectangle::new([(0, 0), (WIDTH - 1, height - 1)], EDGE))?;
        header(&root)?;
        for (top, run) in (HEADER..).step_by(STRIP as usize).zip(runs) {
            strip(&root, top, run)?;
        }
        footer(&root, height - FOOTER)?;
        root.present()?;
    }
    svg.push('\n');
    Ok(svg)
}

fn header(root: &Area<'_>) -> Drawn {
    text(root, "The same requests, limited to 10 in 10 seconds", (20, 28), 18, INK, Weight::Bold, HPos::Left)?;
    let words = |words, x| text(root, words, (x, 54), 13, FAINT, Weight::Plain, HPos::Left);
    mark(root, 24, 59, true)?;
    words("admitted", 34)?;
    mark(root, 116, 49, false)?;
    words("refused", 126)?;
    line(root, [(202, 54), (230, 54)], ADMITTED)?;
    words("admitted in the last 10 seconds (concurrent: at the same time)", 238)?;
    dashes(root, 690, 718, 54)?;
    words("the limit", 726)
}

fn strip(root: &Area<'_>, top: i32, run: &Run) -> Drawn {
    let (baseline, roof) = (top + 80, top + 12);
    line(root, [(20, top), (WIDTH - 20, top)], GRID)?;
    for edge in (0..=END).step_by(PERIOD as usize) {
        line(root, [(x(edge), top + 6), (x(edge), top + STRIP - 6)], GRID)?;
    }

    text(root, run.algorithm.name(), (20, top + 26), 16, INK, Weight::Bold, HPos::Left)?;
    for (row, words) in (0..).zip(promise(run.algorithm)) {
        text(root, words, (20, top + 48 + 18 * row), 13, FAINT, Weight::Plain, HPos::Left)?;
    }

    // Twice the limit fits into every strip.
    let limit = if run.algorithm == Algorithm::Concurrent { SLOTS } else { COUNT };
    let y = |count: u32| baseline - (baseline - roof) * count as i32 / (2 * limit as i32);
    let mut steps = vec![(x(0), y(run.counting(0)))];
    for at in 1..END {
        let (before, after) = (y(run.counting(at - 1)), y(run.counting(at)));
        if before != after {
            steps.extend([(x(at), before), (x(at), after)]);
        }
    }
    steps.push((x(END), y(run.counting(END - 1))));
    let mut shape = steps.clone();
    shape.extend([(x(END), baseline), (x(0), baseline)]);
    root.draw(&Polygon::new(shape, ADMITTED.mix(0.14)))?;
    root.draw(&PathElement::new(steps, ADMITTED.stroke_width(2)))?;
    dashes(root, LEFT, RIGHT, y(limit))?;
    text(root, &limit.to_string(), (LEFT - 7, y(limit)), 12, FAINT, Weight::Plain, HPos::Right)?;

    for (at, admitted) in &run.requests {
        mark(root, x(*at), baseline + 13, *admitted)?;
    }

    text(root, &run.most().to_string(), (WIDTH - 20, top + 36), 26, INK, Weight::Bold, HPos::Right)?;
    text(root, run.of_what(), (WIDTH - 20, top + 60), 13, FAINT, Weight::Plain, HPos::Right)?;
    text(root, "at the most", (WIDTH - 20, top + 78), 13, FAINT, Weight::Plain, HPos::Right)
}

fn footer(root: &Area<'_>, top: i32) -> Drawn {
    line(root, [(20, top), (WIDTH - 20, top)], GRID)?;
    for second in (0..=END / TENTHS).step_by(5) {
        line(root, [(x(second * TENTHS), top), (x(second * TENTHS), top + 5)], FAINT)?;
        text(root, &format!("{second} s"), (x(second * TENTHS), top + 18), 12, FAINT, Weight::Plain, HPos::Center)?;
    }
    Ok(())
}

/// What an algorithm promises, in a few words.
fn promise(algorithm: Algorithm) -> [&'static str; 2] {
    match algorithm {
        Algorithm::Bucket => ["a burst of 10, then", "one more every second"],
        Algorithm::Concurrent => ["4 at the same time;", "each takes 2 seconds"],
        Algorithm::Fixed => ["10 in each window:", "from 0, 10 and 20 s on"],
        Algorithm::Interval => ["a burst of 10, then", "5 more every 5 seconds"],
        Algorithm::Log => ["never more than 10", "in any 10 seconds"],
        Algorithm::Sliding => ["a window that slides,", "by an estimate"],
        _ => ["", ""],
    }
}

fn x(at: u32) -> i32 {
    LEFT + 2 * at as i32
}

/// Admitted requests stand on the middle, refused ones hang from it.
fn mark(root: &Area<'_>, x: i32, middle: i32, admitted: bool) -> Drawn {
    let (y, color) = if admitted { ([middle - 11, middle - 1], ADMITTED) } else { ([middle + 1, middle + 9], REFUSED) };
    root.draw(&Rectangle::new([(x - 1, y[0]), (x + 1, y[1])], color.filled()))?;
    Ok(())
}

fn line(root: &Area<'_>, ends: [(i32, i32); 2], color: RGBColor) -> Drawn {
    root.draw(&PathElement::new(ends, color.stroke_width(if color == ADMITTED { 2 } else { 1 })))?;
    Ok(())
}

fn dashes(root: &Area<'_>, from: i32, to: i32, y: i32) -> Drawn {
    (from..to).step_by(10).try_for_each(|x| line(root, [(x, y), ((x + 6).min(to), y)], FAINT))
}

#[derive(Clone, Copy)]
enum Weight {
    Bold,
    Plain,
}

fn text(root: &Area<'_>, words: &str, at: (i32, i32), size: u32, color: RGBColor, weight: Weight, side: HPos) -> Drawn {
    // The backend makes letters smaller by this factor.
    let font = FontDesc::new(
        FontFamily::SansSerif,
        f64::from(size) * 1.24,
        match weight {
            Weight::Bold => FontStyle::Bold,
            Weight::Plain => FontStyle::Normal,
        },
    );
    let style = TextStyle::from(font).color(&color).pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(words.to_owned(), at, style))?;
    Ok(())
}
