//! What is wrong with a certificate, in words that say what to do. The library's own name a rule; who reads ours
//! has a server to mend or an authority to trust.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as Tls};

/// Where an authority of one's own is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Among those of the machine only.
    Machine,
    /// Also in the settings of what is connected.
    Setting,
}

/// A fragment for an error that came of TLS; none for any other.
pub(super) fn words(error: &(dyn StdError + 'static), trust: Trust) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(fault) = fault(cause) {
            return Some(of(fault, trust));
        }
        next = cause.source();
    }
    None
}

/// An error of TLS, which comes wrapped into one of input and output, whose `source` passes over it.
fn fault<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Tls> {
    if let Some(fault) = error.downcast_ref::<Tls>() {
        return Some(fault);
    }
    let inner: &(dyn StdError + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    fault(inner)
}

fn of(fault: &Tls, trust: Trust) -> String {
    let Tls::InvalidCertificate(why) = fault else {
        return match fault {
            Tls::InvalidMessage(_) => format!("no TLS: what answers there speaks no TLS ({fault})"),
            _ => format!("no TLS: {fault}"),
        };
    };
    let what = match why {
        CertificateError::UnknownIssuer => {
            let ours = match trust {
                Trust::Machine => "name its file in the daemon's SSL_CERT_FILE, or",
                Trust::Setting => "name its file in `authority`, or",
            };
            format!(
                "its certificate is signed by nobody whom this machine trusts; where the authority is your own, {ours} install it (update-ca-certificates)"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; it must be renewed there".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; look at this machine's clock, and at theirs".to_owned()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name; ask for it by the one it bears".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // `DnsName("db.acme.example")`
            let name = |name: &String| name.split('"').nth(1).map_or_else(|| name.clone(), str::to_owned);
            let names: Vec<String> = presented.iter().take(3).map(name).collect();
            format!(
                "its certificate is for another name ({}); ask for it by one that it bears",
                if names.is_empty() { "it bears none".to_owned() } else { names.join(", ") }
            )
        }
        CertificateError::Revoked => "its certificate was revoked; it must be renewed there".to_owned(),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own; a server needs one that the authority signed for it"
                .to_owned()
        }
        other => format!("its certificate does not hold ({other})"),
    };
    format!("no TLS: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(why: CertificateError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Tls::InvalidCertificate(why))
    }

    #[test]
    fn each_says_what_to_do() {
        let name = rustls::pki_types::ServerName::try_from("a.example").expect("a name");
        let presented = vec!["DnsName(\"b.example\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()];
        for (why, part) in [
            (CertificateError::UnknownIssuer, "SSL_CERT_FILE"),
            (CertificateError::Expired, "renewed"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::NotValidForName, "another name"),
            (
                CertificateError::NotValidForNameContext { expected: name, presented },
                "(b.example, IpAddress(10.0.0.1))",
            ),
            (CertificateError::BadSignature, "does not hold"),
        ] {
            let outer = io::Error::other(wrapped(why.clone()));
            let said = words(&outer, Trust::Machine).expect("it is of TLS");
            assert!(said.starts_with("no TLS: ") && said.contains(part), "{why:?}: {said}");
        }
        let said = words(&wrapped(CertificateError::UnknownIssuer), Trust::Setting).expect("it is of TLS");
        assert!(said.contains("`authority`"), "{said}");
        assert_eq!(words(&io::Error::other("cut"), Trust::Machine), None);
    }
}
