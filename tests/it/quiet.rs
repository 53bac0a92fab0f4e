//! The alarm over sources that should have spoken and did not: how often it is wrong and how soon it is right, over
//! made sources of many sorts. It is the daemon's own ledger that decides, look by look.

use earmark::domain::notification::Notice;
use earmark::domain::rhythm::Rhythm;
use earmark::domain::source::SourceState;
use earmark::pipeline::coverage::{Look, enter};
use jiff::{SignedDuration, Timestamp};

/// Dice that fall the same way every time.
struct Dice(u64);

impl Dice {
    /// In 0…1, never 0.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::MIN_POSITIVE
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.roll().ln()).sqrt() * (std::f64::consts::TAU * self.roll()).cos()
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (mut count, mut left) = (0, self.roll());
        while left > (-mean).exp() {
            left *= self.roll();
            count += 1;
        }
        count
    }

    /// With mean 1; the smaller the shape, the more it is all or nothing (Marsaglia and Tsang).
    fn gamma(&mut self, shape: f64) -> f64 {
        let boost = if shape < 1.0 { self.roll().powf(1.0 / shape) } else { 1.0 };
        let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.roll().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v * boost / shape;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Sort {
    /// Without memory.
    Even,
    /// Awake by day, half asleep at the weekend, silent at night.
    Daily,
    /// By the hour all or nothing: negative binomial with this shape.
    Bursty(f64),
    /// Both.
    DailyBursty(f64),
    /// Some days it is ten times louder, on others it hardly speaks: the luck of a day holds all day.
    Moody,
    /// Half as loud each quarter.
    Fading,
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const QUARTER: i64 = 2_190;
const LEARNS: i64 = 4 * 168;

struct Made {
    sort: Sort,
    rate: f64,
    dice: Dice,
    mood: f64,
}

impl Made {
    fn posts(&mut self, hour: i64) -> u64 {
        let day = match (hour % 24, hour / 24 % 7) {
            (0..7, _) => 0.0,
            (_, 5 | 6) => 0.7,
            _ => 1.58,
        };
        let luck = match self.sort {
            Sort::Even => 1.0,
            Sort::Daily => day,
            Sort::Bursty(shape) => self.dice.gamma(shape),
            Sort::DailyBursty(shape) => day * self.dice.gamma(shape),
            Sort::Moody => {
                if hour % 24 == 0 {
                    self.mood = self.dice.gamma(0.5);
                }
                self.mood
            }
            Sort::Fading => 0.5_f64.powf(hour as f64 / QUARTER as f64),
        };
        self.dice.poisson(self.rate * luck)
    }
}

struct Seen {
    state: SourceState,
    rhythm: Option<Rhythm>,
    at: Timestamp,
}

impl Seen {
    fn new() -> Self {
        let at: Timestamp = "2026-01-05T00:00:00Z".parse().expect("a Monday");
        Self { state: SourceState::new("made".into(), at), rhythm: None, at }
    }

    /// One look; what was told.
    fn look(&mut self, posts: u64) -> Option<Notice> {
        self.at += HOUR;
        let look = Look { at: self.at, interval: Some(HOUR), fresh: posts, learns: true, ..Look::default() };
        let entry = enter(&self.state, &look, Some(self.at), &[], false, Vec::new(), self.rhythm.clone());
        entry.apply(&mut self.state);
        self.state.answered_at = Some(self.at);
        self.state.next_poll = self.at + HOUR;
        if posts > 0 {
            self.state.spoke_at = Some(self.at);
        }
        if entry.rhythm.is_some() {
            self.rhythm = entry.rhythm;
        }
        entry.notice
    }
}

/// False alarms in each quarter of one source, and the hours until it is noticed that it died; none within a year.
fn life(sort: Sort, rate: f64, seed: u64, quarters: i64) -> (Vec<u32>, Option<i64>) {
    let mut made = Made { sort, rate, dice: Dice(seed), mood: 1.0 };
    let mut seen = Seen::new();
    let mut wrong = vec![0; usize::try_from(quarters).expect("a few")];
    let is_alarm = |notice: Option<Notice>| matches!(notice, Some(Notice::SourceQuiet { .. }));
    for hour in 0..LEARNS + quarters * QUARTER {
        let told = is_alarm(seen.look(made.posts(hour)));
        if hour >= LEARNS {
            wrong[usize::try_from((hour - LEARNS) / QUARTER).expect("a few")] += u32::from(told);
        }
    }
    // It speaks once more, and never again.
    seen.look(1);
    (wrong, (1..24 * 366).find(|_| is_alarm(seen.look(0))))
}

#[test]
fn the_quiet_source_alarm_is_wrong_at_most_once_in_a_quarter() {
    const SOURCES: u64 = 20;
    const QUARTERS: i64 = 8;
    let scenes: &[(&str, Sort, f64)] = &[
        ("even", Sort::Even, 100.0),
        ("even", Sort::Even, 5.0),
        ("even", Sort::Even, 0.5),
        ("even", Sort::Even, 0.05),
        ("even", Sort::Even, 0.02),
        ("daily", Sort::Daily, 20.0),
        ("daily", Sort::Daily, 1.0),
        ("daily", Sort::Daily, 0.1),
        ("bursty, shape 0.3", Sort::Bursty(0.3), 10.0),
        ("bursty, shape 0.05", Sort::Bursty(0.05), 1.0),
        ("daily and bursty, shape 0.2", Sort::DailyBursty(0.2), 3.0),
        ("daily and bursty, shape 0.2", Sort::DailyBursty(0.2), 0.2),
        ("moody", Sort::Moody, 3.0),
        ("fading", Sort::Fading, 2.0),
    ];
    println!("sort                          posts/h  wrong/quarter  most  noticed after (median, slowest)");
    for (name, sort, rate) in scenes {
        let lives: Vec<_> = (0..SOURCES).map(|seed| life(*sort, *rate, seed * 7_919 + 1, QUARTERS)).collect();
        let wrong: Vec<u32> = lives.iter().flat_map(|(wrong, _)| wrong.clone()).collect();
        let mean = f64::from(wrong.iter().sum::<u32>()) / wrong.len() as f64;
        let most = wrong.iter().max().copied().unwrap_or_default();
        let mut noticed: Vec<i64> = lives.iter().map(|(_, noticed)| noticed.unwrap_or(24 * 366)).collect();
        noticed.sort_unstable();
        let slowest = noticed.last().copied().expect("some");
        println!("{name:28} {rate:8} {mean:14.3} {most:5}  {} h, {slowest} h", noticed[noticed.len() / 2]);
        assert!(mean <= 1.0, "{name} at {rate}: {mean} false alarms per source and quarter");
        assert!(slowest < 24 * 366, "{name} at {rate}: a dead source was never noticed");
    }
}
