//! `make install` into an empty folder, and what lies there: started by an account that can read
//! nothing else of ours, with libraries, model and configuration found from where it is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::daemon::{BINARY, Place, SMALL, open_to_all};

/// The project's folder.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The tree that is staged, once a test.
struct Staged {
    root: TempDir,
}

impl Staged {
    /// None, with a line, where it cannot be staged.
    fn new() -> Option<Self> {
        let Some(libtorch) = std::env::var_os("LIBTORCH") else {
            println!("skipped: LIBTORCH is not set, which cargo does where there is a libtorch");
            return None;
        };
        let root = TempDir::new().expect("a temporary folder");
        // What a package's build does: no rebuild, no rights, no host.
        let made = Command::new("make")
            .args(["-C", HERE, "install", "PREFIX=/usr", "PROFILE=dev"])
            .arg(format!("BINARY={BINARY}"))
            .arg(format!("DESTDIR={}", root.path().display()))
            .env("LIBTORCH", libtorch)
            .env_remove("MAKEFLAGS")
            .output()
            .expect("make is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        open_to_all(root.path(), 0o755);
        Some(Self { root })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it was installed")
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_tree_runs_for_an_account_without_a_home() {
    let Some(staged) = Staged::new() else { return };
    for (name, mode) in [
        ("usr/bin/earmark", 0o755),
        ("usr/lib/earmark/libtorch_cpu.so", 0o644),
        ("usr/share/earmark/models/sentiment/model.safetensors", 0o644),
        ("usr/share/earmark/config/earmark.toml", 0o644),
        ("usr/share/earmark/config/sample/posts.jsonl", 0o644),
        ("usr/lib/systemd/system/earmark.service", 0o644),
        ("etc/earmark/earmark.toml", 0o644),
    ] {
        let found = std::fs::metadata(staged.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.permissions().mode() & 0o777, mode, "{name}");
    }

    let mut place = Place::new(&SMALL.replace("word_list", "bert")).await;
    place.working_folder = "/".into();
    let home = place.path("home");
    std::fs::create_dir(&home).expect("a folder");
    open_to_all(&home, 0o000);
    let binary = staged.path("usr/bin/earmark").display().to_string();
    place.command = if is_root() {
        let store = place.path("store");
        std::fs::create_dir(&store).expect("a folder");
        let nobody = nix::unistd::User::from_name("nobody").ok().flatten().expect("every Debian has it");
        let folder = place.path("");
        for path in [&folder, &store] {
            std::os::unix::fs::chown(path, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw()))
                .expect("as root");
        }
        let account = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all"];
        let account = account.map(String::from).into_iter();
        ["setpriv".to_owned()].into_iter().chain(account).chain([binary]).collect()
    } else {
        println!("skipped in part: not root, so the tree is started by this account itself");
        vec![binary]
    };

    // The configuration that was installed, as it is.
    let installed = staged.path("etc/earmark/earmark.toml").display().to_string();
    let home = home.display().to_string();
    let checked = place.run_at_home(&home, &["--config", &installed, "check", "--no-tests"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    let mut daemon = place.start_with(&[("HOME", &home)]);
    daemon.heard("READY=1").await;
    assert_eq!(daemon.page_over_socket("/readyz").await, Some(200));
    let ours = staged.path("usr/lib/earmark").canonicalize().expect("it is there");
    let libraries = daemon.libraries();
    let foreign: Vec<_> =
        libraries.iter().filter(|path| is_bundled(path) && !path.starts_with(&ours)).collect();
    assert!(foreign.is_empty(), "not from the tree: {foreign:?}");
    for name in ["libtorch_cpu.so", "libc10.so", "libgomp"] {
        let found = libraries.iter().any(|path| {
            path.starts_with(&ours)
                && path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
        });
        assert!(found, "{name} is mapped from the tree: {libraries:?}");
    }
    daemon.terminated().await;
}

/// Whether a library is one that the tree brings along.
fn is_bundled(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ["libtorch", "libc10", "libgomp", "libcudart", "libcupti"].iter().any(|bundled| name.starts_with(bundled))
}

/// Nothing but the configuration and the store is left behind; a second installation keeps the
/// configuration.
#[test]
fn installation_is_repeatable_and_undone() {
    let Some(staged) = Staged::new() else { return };
    let config = staged.path("etc/earmark/earmark.toml");
    std::fs::write(&config, "champion = \"me\"\n").expect("a file");
    let make = |target: &str| {
        let destination = format!("DESTDIR={}", staged.root.path().display());
        let binary = format!("BINARY={BINARY}");
        let made =
            Command::new("make").args(["-C", HERE, target, "PREFIX=/usr", &binary, &destination]).output();
        assert!(made.expect("make is there").status.success(), "{target}");
    };
    make("install");
    assert_eq!(staged.text("etc/earmark/earmark.toml"), "champion = \"me\"\n");
    make("uninstall");
    let find =
        Command::new("find").arg(staged.root.path()).args(["-type", "f"]).output().expect("find is there");
    assert_eq!(String::from_utf8_lossy(&find.stdout).trim(), config.display().to_string());
}

/// systemd's own judgement of the unit.
#[test]
fn unit_is_clean_and_tight() {
    if !is_there("systemd-analyze") {
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    // As installed, but for the binary's place: systemd looks for it where it will be.
    let unit = std::fs::read_to_string(Path::new(HERE).join("systemd/earmark.service")).expect("the unit");
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("earmark.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/earmark", BINARY)).expect("a file");

    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("it runs");
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.trim().is_empty(), "{said}");

    let security = ["security", "--offline=true", "--no-pager", "--threshold=15"];
    let judged = Command::new("systemd-analyze").args(security).arg(&path).output().expect("it runs");
    let table = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "exposure is above 1.5:\n{table}");
    println!("{}", table.lines().last().unwrap_or_default());
}

/// A reader of the unit finds the reason above each line.
#[test]
fn every_line_of_the_unit_has_its_reason() {
    let unit = include_str!("../../../systemd/earmark.service");
    let service =
        unit.split("[Service]").nth(1).and_then(|rest| rest.split("[Install]").next()).expect("a section");
    let mut before = "";
    for line in service.lines() {
        let is_setting = !line.is_empty() && !line.starts_with('#');
        // The command comes with its check, whose reason covers both.
        let is_alone = !line.starts_with("ExecStart=");
        assert!(!(is_setting && is_alone) || before.starts_with('#'), "no reason above {line}");
        before = line;
    }
}
