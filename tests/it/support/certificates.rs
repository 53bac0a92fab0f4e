//! Certificates of a test's own making, by the `openssl` command: an authority that nobody knows, and what it signs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An authority in a folder.
pub struct Authority {
    folder: PathBuf,
}

/// A certificate and its key, as PEM files.
pub struct Signed {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Whether this machine can make any; a test that needs them says that it is skipped.
pub fn can_be_made() -> bool {
    let there = Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        println!("skipped: no openssl on this machine; make test-packages offers it");
    }
    there
}

fn openssl(folder: &Path, words: &[&str]) {
    let out = Command::new("openssl").current_dir(folder).args(words).stdin(Stdio::null()).output();
    let out = out.expect("openssl starts");
    assert!(out.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&out.stderr));
}

const KEY: [&str; 6] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];

impl Authority {
    /// A new one of that name.
    pub fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).expect("a new folder");
        let subject = format!("/CN={name}");
        let words = ["req", "-x509", "-days", "2", "-subj", &subject, "-out", "authority.pem"];
        openssl(&folder, &[&words[..], &KEY, &["authority.key"]].concat());
        Self { folder }
    }

    /// Its own certificate: what is to be trusted.
    pub fn file(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate for names such as `DNS:localhost,IP:127.0.0.1`, good for so many days; fewer than none: it
    /// has expired.
    pub fn sign(&self, file: &str, names: &str, days: i32) -> Signed {
        let [request, key, certificate, more] =
            ["csr", "key", "pem", "ext"].map(|ending| format!("{file}.{ending}"));
        let extensions = format!("subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n");
        std::fs::write(self.folder.join(&more), extensions).expect("written");
        let words = ["req", "-new", "-subj", "/CN=server", "-out", &request];
        openssl(&self.folder, &[&words[..], &KEY, &[&key]].concat());
        let days = days.to_string();
        let words =
            ["x509", "-req", "-in", &request, "-days", &days, "-extfile", &more, "-out", &certificate];
        let by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"];
        openssl(&self.folder, &[&words[..], &by].concat());
        Signed { certificate: self.folder.join(certificate), key: self.folder.join(key) }
    }
}
