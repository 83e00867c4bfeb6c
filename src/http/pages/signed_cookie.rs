//! Signed cookies: values that a browser stores and that only this bot can have written.
//!
//! They are signed but not encrypted, so they must hold nothing that their owner may not read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// A key that only the processes of this bot have, derived from the App's client secret.
pub struct CookieSigner([u8; 32]);

impl CookieSigner {
    pub fn new(secret: &SecretString) -> Self {
        Self(
            mac(secret.expose_secret().as_bytes(), b"planwright pages v1")
                .finalize()
                .into_bytes()
                .into(),
        )
    }

    /// Returns the value as the text of a cookie, which is only valid under the same `name`.
    pub fn sign(&self, name: &str, value: &impl Serialize) -> serde_json::Result<String> {
        let value = URL_SAFE_NO_PAD.encode(serde_json::to_vec(value)?);
        let signature = URL_SAFE_NO_PAD.encode(self.mac(name, &value).finalize().into_bytes());
        Ok(format!("{value}.{signature}"))
    }

    /// Returns the value of a cookie; `None` if it was not signed by this bot, or under another
    /// name.
    pub fn verify<T: DeserializeOwned>(&self, name: &str, text: &str) -> Option<T> {
        let (value, signature) = text.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(name, value).verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()
    }

    /// Returns a text derived from `text` and `name` that only this bot can compute.
    pub fn derive(&self, name: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(name, text).finalize().into_bytes())
    }

    fn mac(&self, name: &str, text: &str) -> Hmac<Sha256> {
        mac(&self.0, format!("{name}.{text}").as_bytes())
    }
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::unwrap_used, reason = "HMAC takes a key of any length")]
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_signed_under_that_name_is_taken() {
        let signer = CookieSigner::new(&"secret".into());
        let text = signer.sign("session", &7).unwrap();
        assert_eq!(signer.verify("session", &text), Some(7));
        assert_eq!(signer.verify::<i32>("sign-in", &text), None, "another name");
        assert_eq!(
            CookieSigner::new(&"other".into()).verify::<i32>("session", &text),
            None,
            "another bot"
        );
        let (value, signature) = text.split_once('.').unwrap();
        let eight = URL_SAFE_NO_PAD.encode("8");
        for forged in [
            format!("{eight}.{signature}"),
            format!("{value}."),
            format!("{value}.{}", &signature[..signature.len() - 2]),
            value.to_owned(),
            String::new(),
        ] {
            assert_eq!(signer.verify::<i32>("session", &forged), None, "{forged}");
        }
    }
}
