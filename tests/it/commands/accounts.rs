//! Who opens the store: root becomes the folder's owner, everyone else must be it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User};

use super::scene::{Ran, Scene};

/// A scene whose store belongs to nobody; none where this is not root or there is no such account.
fn owned_by_nobody() -> Option<(Scene, User)> {
    let nobody = User::from_name("nobody").ok().flatten();
    let Some(nobody) = nobody.filter(|_| Uid::effective().is_root()) else {
        println!("skipped: needs root and the account nobody");
        return None;
    };
    let scene = Scene::with_posts();
    give(&scene.path("state"), &nobody);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(scene.folder.path(), open).unwrap();
    Some((scene, nobody))
}

fn give(path: &Path, user: &User) {
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

fn all_belong(path: &Path, user: &User) {
    assert_eq!(path.metadata().unwrap().uid(), user.uid.as_raw(), "{}", path.display());
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            all_belong(&entry.unwrap().path(), user);
        }
    }
}

#[test]
fn root_leaves_nothing_of_its_own_in_the_store() {
    let Some((scene, nobody)) = owned_by_nobody() else { return };
    assert_eq!(scene.json(["mentions"]).len(), 3);
    let id = scene.escalation()["id"].as_str().unwrap().to_owned();
    scene.run(["escalations", "acknowledge", &id, "--as", "care"]).ok();
    scene.run(["import", "posts.jsonl"]).ok();
    scene.run(["store", "compact"]).ok();
    all_belong(&scene.path("state"), &nobody);
    // Where the owner may not write, standard output still works, and the words say so.
    let ran = scene.run(["store", "export", "backup.jsonl"]);
    ran.fails(1, &["cannot be written", "store export -"]);
    assert!(scene.run(["store", "export", "-"]).ok().out.lines().count() > 10);
}

#[test]
fn root_reaches_a_store_below_a_folder_that_only_root_may_enter() {
    let Some((scene, nobody)) = owned_by_nobody() else { return };
    // As systemd has it for accounts of its own making: state -> private/state.
    std::fs::create_dir(scene.path("private")).unwrap();
    std::fs::set_permissions(scene.path("private"), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::rename(scene.path("state"), scene.path("private/state")).unwrap();
    std::os::unix::fs::symlink("private/state", scene.path("state")).unwrap();
    assert_eq!(scene.json(["mentions"]).len(), 3);
    scene.run(["store", "compact"]).ok();
    scene.run(["store", "verify"]).ok();
    all_belong(&scene.path("private/state"), &nobody);
}

#[test]
fn somebody_else_is_told_the_line_to_type() {
    let Some((scene, nobody)) = owned_by_nobody() else { return };
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: needs setpriv");
        return;
    }
    let earmark = scene.earmark(["mentions", "--topic", "acme app"]);
    let other = (nobody.uid.as_raw() - 1).to_string();
    let mut command = Command::new("setpriv");
    command.args([&*format!("--reuid={other}"), &format!("--regid={other}"), "--clear-groups"]);
    // Libraries and configuration may lie where only root reads; who runs it is what counts.
    command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"]);
    command.arg(earmark.get_program()).args(earmark.get_args()).current_dir(scene.folder.path());
    let ran = Ran::of(&mut command);
    if matches!(ran.code, 126 | 127) {
        println!("skipped: another account cannot start the binary here: {}", ran.err.trim());
        return;
    }
    let line = format!("belongs to nobody; type: sudo -u nobody {}", earmark.get_program().to_str().unwrap());
    ran.fails(1, &[&line, "--topic 'acme app'"]);
}
