//! The posts of a run: every one speaks of exactly one topic and bears a number of its own; a few
//! are angry enough to open a matter.

use serde_json::{Value, json};

/// What the topics are about.
pub const SIDES: [&str; 4] = ["north", "south", "east", "west"];

/// One post as a fake serves it.
#[derive(Debug, Clone)]
pub struct Post {
    pub number: usize,
    pub author: String,
    pub text: String,
}

impl Post {
    fn new(number: usize) -> Self {
        let side = SIDES[number % SIDES.len()];
        let text = match number % 100 {
            // Two of one author about one topic, so that the second joins; one from each other source.
            0 | 4 | 7 | 29 => {
                format!("The {side} app crashed again and lost my order, worst update ever, p{number}x")
            }
            _ => format!("I opened the {side} app on my phone, p{number}x"),
        };
        Self { number, author: format!("customer-{}", number / 100), text }
    }

    /// As a line of the file, or a record that is pushed.
    pub fn record(&self) -> Value {
        json!({ "id": format!("p{}", self.number), "author": self.author, "text": self.text })
    }

    /// The number that a text bears.
    pub fn number_in(text: &str) -> Option<usize> {
        let (_, rest) = text.rsplit_once(", p")?;
        rest.split('x').next()?.parse().ok()
    }
}

/// Posts by where they come from.
#[derive(Debug, Clone, Default)]
pub struct Posts {
    pub filed: Vec<Post>,
    pub pushed: Vec<Post>,
    pub walked: Vec<Post>,
}

impl Posts {
    /// So many: six of ten stand in a file, three are pushed, one is an item of Hacker News.
    pub fn new(count: usize) -> Self {
        let mut posts = Self::default();
        for post in (0..count).map(Post::new) {
            match post.number % 10 {
                0..6 => posts.filed.push(post),
                6..9 => posts.pushed.push(post),
                _ => posts.walked.push(post),
            }
        }
        posts
    }

    /// All of them.
    pub fn count(&self) -> usize {
        self.filed.len() + self.pushed.len() + self.walked.len()
    }
}
