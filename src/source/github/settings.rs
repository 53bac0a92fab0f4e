//! What a source of GitHub's is told to read, checked against what the site allows.

use jiff::SignedDuration;
use url::Url;

use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::source::Settings;
use crate::source::params::Params;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Issues,
    Comments,
    ReviewComments,
    Discussions,
}

pub(super) const PARTS: [(&str, Part); 4] = [
    ("issues", Part::Issues),
    ("comments", Part::Comments),
    ("review_comments", Part::ReviewComments),
    ("discussions", Part::Discussions),
];

pub(super) struct Wanted {
    pub base: String,
    pub token: Option<SecretRef>,
    pub interval: SignedDuration,
    pub back: SignedDuration,
    pub repositories: Vec<String>,
    pub searches: Vec<String>,
    pub parts: Vec<Part>,
    pub bots: bool,
    pub allow_private: bool,
}

pub(super) fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://api.github.com").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        let remedy = "begin with https://; a server of one's own ends in /api/v3";
        params.fault("base_url", format!("\"{base}\" is no address"), remedy);
    }
    let token = params.secret("token");
    let interval = params.wait("interval", 600, 60);
    let back = params.wait("back", 3_600, 0);
    let repositories = params.texts("repositories", "[\"acme/app\"]", |name| {
        let mut parts = name.split('/');
        let plain = |part: Option<&str>| {
            part.is_some_and(|part| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            })
        };
        plain(parts.next()) && plain(parts.next()) && parts.next().is_none()
    });
    let searches = params.texts("searches", "[\"\\\"acme app\\\" in:title,body,comments\"]", |search| {
        !search.contains("updated:") && !search.contains("sort:") && search.len() <= 200
    });
    if repositories.is_empty() && searches.is_empty() {
        params.fault(
            "repositories",
            "there is nothing to read",
            "name repositories = [\"acme/app\"] or searches",
        );
    }
    let read = params
        .texts("read", "[\"issues\", \"comments\"]", |word| PARTS.iter().any(|(known, _)| *known == word));
    let chosen = |(word, part): &(&str, Part)| {
        let by_default = *part != Part::Discussions || token.is_some();
        (if read.is_empty() { by_default } else { read.iter().any(|asked| asked == word) }).then_some(*part)
    };
    let parts: Vec<Part> = PARTS.iter().filter_map(chosen).collect();
    if token.is_none() && parts.contains(&Part::Discussions) {
        params.fault(
            "read",
            "discussions are served to a token only",
            "name one: token = { credential = \"github\" }",
        );
    }
    let asked = i64::try_from(repositories.len() * parts.len()).unwrap_or(i64::MAX);
    if token.is_none() && asked.saturating_mul(3_600) > interval.as_secs().saturating_mul(60) {
        let least = asked.saturating_mul(60);
        params.fault(
            "interval",
            format!(
                "{asked} lists every {} s are more than the 60 requests an hour without a token",
                interval.as_secs()
            ),
            format!("write interval = \"{least}s\" or more, or name a token"),
        );
    }
    let bots = params.flag("bots");
    let allow_private = params.flag("allow_private");
    let wanted = Wanted { base, token, interval, back, repositories, searches, parts, bots, allow_private };
    (wanted, params.finish())
}
