//! A configuration file, and what the stages say of what is in it.

#![no_main]

use std::path::Path;

use earmark::config::load::{Variables, load_text};
use earmark::domain::problem::Problem;
use earmark::escalation::Rules;
use earmark::source::{self, Settings};
use earmark::{matching, source::terms};
use libfuzzer_sys::fuzz_target;

fn said(problems: &[Problem]) {
    for problem in problems {
        assert!(!problem.what.is_empty(), "{problem:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (folder, env) = (Path::new("/nowhere"), Variables::new());
    let (once, again) = (load_text(text, folder, &env), load_text(text, folder, &env));
    assert_eq!(format!("{once:?}"), format!("{again:?}"), "a configuration was read in two ways");
    let loaded = match once {
        Ok(loaded) => loaded,
        Err(problems) => {
            assert!(problems.has_faults(), "refused without a fault");
            return said(&problems.0);
        }
    };
    assert!(!loaded.warnings.has_faults());
    said(&loaded.warnings.0);
    let config = loaded.config;
    said(&matching::check(&config.topics).0);
    said(&Rules::check(&config.triggers, &config.routes).0);
    for settings in &config.sources {
        if let Some(kind) = source::kind(&settings.kind) {
            let wanted = Settings { id: settings.id.clone(), params: settings.params.clone() };
            said(&terms::check(kind, &wanted, Some(config.retention.text)).0);
        }
    }
});
