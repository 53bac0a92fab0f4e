//! How fast posts are matched, in posts a second, with 10, 1,000 and 10,000 phrases; beside it two
//! plain ways on the same posts: one regular expression a topic, and one search for each phrase.
//!
//! ```text
//! cargo bench --bench matching
//! ```

use divan::Bencher;
use divan::counter::ItemsCount;
use earmark::domain::post::{Post, PostKind};
use earmark::domain::topic::Topic;
use earmark::matching::Matcher;

const PHRASES: [usize; 3] = [10, 1_000, 10_000];
const POSTS: usize = 500;

fn main() {
    divan::main();
}

/// What a start or a reload costs, in phrases a second.
#[divan::bench(args = PHRASES, sample_count = 5)]
fn compile(bencher: Bencher, phrases: usize) {
    let topics: Vec<_> =
        self::phrases(phrases).iter().enumerate().map(|(n, phrase)| topic(n, phrase)).collect();
    bencher.counter(ItemsCount::new(phrases)).bench_local(|| Matcher::compile(&topics));
}

#[divan::bench(args = PHRASES, sample_count = 20)]
fn earmark(bencher: Bencher, phrases: usize) {
    let topics: Vec<_> =
        self::phrases(phrases).iter().enumerate().map(|(n, phrase)| topic(n, phrase)).collect();
    let matcher = Matcher::compile(&topics).expect("the phrases are sound");
    let posts = posts(phrases);
    bencher
        .counter(ItemsCount::new(posts.len()))
        .bench_local(|| posts.iter().map(|post| matcher.find(post).len()).sum::<usize>());
}

/// Over fewer posts: at 10,000 phrases this reads about a hundred a second.
#[divan::bench(args = PHRASES, sample_count = 3)]
fn one_regex_a_topic(bencher: Bencher, phrases: usize) {
    let topics: Vec<_> = self::phrases(phrases)
        .iter()
        .map(|phrase| {
            let pattern = format!(r"(?i)\b{}\b", regex::escape(phrase));
            regex::Regex::new(&pattern).expect("the phrase is escaped")
        })
        .collect();
    let posts = &posts(phrases)[..50];
    bencher.counter(ItemsCount::new(posts.len())).bench_local(|| {
        posts
            .iter()
            .map(|post| topics.iter().filter(|topic| topic.is_match(&post.text)).count())
            .sum::<usize>()
    });
}

/// Lower case, no word edges, no places: much less than what is asked for. It wins at ten phrases and
/// loses by a multiple at a thousand.
#[divan::bench(args = PHRASES, sample_count = 3)]
fn one_search_a_phrase(bencher: Bencher, phrases: usize) {
    let (posts, phrases) = (&posts(phrases)[..50], self::phrases(phrases));
    bencher.counter(ItemsCount::new(posts.len())).bench_local(|| {
        posts
            .iter()
            .map(|post| {
                let text = post.text.to_lowercase();
                phrases.iter().filter(|phrase| text.contains(phrase.as_str())).count()
            })
            .sum::<usize>()
    });
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("smaller than a usize")
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] = [
            "ac", "me", "glo", "bex", "ta", "ri", "no", "lum", "per", "so", "vi", "dan", "ke", "mo", "th",
            "ra",
        ];
        (0..2 + self.roll(2)).map(|_| SYLLABLES[self.roll(SYLLABLES.len())]).collect()
    }
}

fn phrases(count: usize) -> Vec<String> {
    let mut dice = Dice(7);
    (0..count).map(|n| format!("{} {}{}", dice.word(), dice.word(), n % 7)).collect()
}

/// Posts of some 25 words, one in three with a phrase in it, one in ten not in plain ASCII.
fn posts(phrases: usize) -> Vec<Post> {
    let phrases = self::phrases(phrases);
    let mut dice = Dice(11);
    (0..POSTS)
        .map(|n| {
            let mut words: Vec<String> = (0..15 + dice.roll(20)).map(|_| dice.word()).collect();
            if n % 3 == 0 {
                words.push(phrases[dice.roll(phrases.len())].clone());
            }
            if n % 10 == 0 {
                words.push("schöne Grüße 👍".to_owned());
            }
            post(words.join(" "))
        })
        .collect()
}

fn post(text: String) -> Post {
    Post {
        source: "bench".into(),
        site: "social.example".to_owned(),
        id: String::new(),
        version: String::new(),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: None,
        author: None,
        created_at: None,
        title: None,
        text,
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
    }
}

fn topic(n: usize, phrase: &str) -> Topic {
    Topic {
        id: format!("topic-{n}").into(),
        name: String::new(),
        query: format!("\"{phrase}\""),
        owner: None,
        policy: None,
        panel: None,
        retention: None,
    }
}
