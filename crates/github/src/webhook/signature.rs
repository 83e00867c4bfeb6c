//! Whether a webhook was sent by someone who knows the secret.
//!
//! The signature is an HMAC-SHA256 over the raw body, compared in constant time. The older header
//! with SHA-1 is ignored.

use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The webhook secret, and the previous one during a rotation.
#[derive(Clone, Debug)]
pub struct Secrets(Vec<SecretString>);

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("no `X-Hub-Signature-256`; set a secret on the webhook")]
    Missing,
    #[error("`X-Hub-Signature-256` is not `sha256=` and 64 hex digits")]
    Malformed,
    #[error("`X-Hub-Signature-256` does not fit the body; is the webhook's secret ours?")]
    Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the webhook secret is empty; without one anybody could send events, so nothing is started"
)]
pub struct NoSecret;

impl Secrets {
    /// Fails if a secret is empty, because everybody could sign with it.
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Result<Self, NoSecret> {
        let secrets: Vec<SecretString> = std::iter::once(current).chain(previous).collect();
        if secrets.iter().any(|secret| secret.expose_secret().trim().is_empty()) {
            return Err(NoSecret);
        }
        Ok(Self(secrets))
    }

    /// Checks the value of `X-Hub-Signature-256` against the raw body.
    pub fn verify(&self, header: Option<&str>, body: &[u8]) -> Result<(), BadSignature> {
        let digits = header.ok_or(BadSignature::Missing)?.strip_prefix("sha256=");
        let signature = digits.and_then(|digits| hex::decode(digits).ok());
        let signature = signature.filter(|s| s.len() == 32).ok_or(BadSignature::Malformed)?;
        let fits = |secret: &SecretString| {
            Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
                .is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature).is_ok())
        };
        if self.0.iter().any(fits) { Ok(()) } else { Err(BadSignature::Wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in GitHub's documentation of webhook signatures.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(current: &str, previous: Option<&str>) -> Secrets {
        Secrets::new(current.into(), previous.map(Into::into)).unwrap()
    }

    #[test]
    fn githubs_own_vector_passes() {
        assert_eq!(secrets(SECRET, None).verify(Some(SIGNATURE), BODY), Ok(()));
    }

    #[test]
    fn each_flaw_alone_is_refused() {
        let sha1 = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
        let forged = SIGNATURE.replace("sha256=7", "sha256=8");
        let short = &SIGNATURE[..SIGNATURE.len() - 2];
        for (secret, header, body, why) in [
            (SECRET, None, BODY, BadSignature::Missing),
            (SECRET, Some(sha1), BODY, BadSignature::Malformed),
            (SECRET, Some(short), BODY, BadSignature::Malformed),
            (SECRET, Some("sha256="), BODY, BadSignature::Malformed),
            (SECRET, Some(forged.as_str()), BODY, BadSignature::Wrong),
            (SECRET, Some(SIGNATURE), b"Hello, World?".as_slice(), BadSignature::Wrong),
            ("another", Some(SIGNATURE), BODY, BadSignature::Wrong),
        ] {
            assert_eq!(secrets(secret, None).verify(header, body), Err(why), "{header:?}");
        }
    }

    #[test]
    fn during_a_rotation_the_previous_secret_still_passes() {
        assert_eq!(secrets("new", Some(SECRET)).verify(Some(SIGNATURE), BODY), Ok(()));
        assert!(secrets("new", Some("older")).verify(Some(SIGNATURE), BODY).is_err());
    }

    #[test]
    fn an_empty_secret_is_none() {
        for (current, previous) in [("", None), (" \n", None), ("good", Some(""))] {
            assert!(Secrets::new(current.into(), previous.map(Into::into)).is_err());
        }
    }
}
