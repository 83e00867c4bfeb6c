//! The address at which GitHub and browsers reach the bot.
//!
//! `doctor` checks whether anything answers there.

use std::fmt;

/// The path of the pages below the address. A proxy has to pass on nothing else for browsers.
pub const PAGES: &str = "/runs";
/// The path, below [`PAGES`], to which GitHub redirects the browser after the sign-in.
pub const SIGNED_IN: &str = "signed-in";

/// The public address of the bot, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    /// The path after scheme, host and port; usually empty.
    path: String,
}

impl PublicUrl {
    /// Parses the address, with or without `/webhook` at the end. The error says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim_end_matches('/');
        let trimmed = trimmed.strip_suffix("/webhook").unwrap_or(trimmed).trim_end_matches('/');
        let uri: http::Uri = trimmed
            .parse()
            .map_err(|e| format!("{text}: {e}; expected e.g. https://planwright.example.com"))?;
        let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
        // The address is put into links, headers and cookies.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        if !is_web || uri.host().is_none() || !trimmed.chars().all(is_plain) {
            return Err(format!("{text}: expected e.g. https://planwright.example.com"));
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { text: trimmed.to_owned(), path })
    }

    pub fn webhook(&self) -> String {
        format!("{self}/webhook")
    }

    /// Returns the address of the page of a run.
    pub fn page(&self, run: impl fmt::Display) -> String {
        format!("{self}{PAGES}/{run}")
    }

    pub fn signed_in(&self) -> String {
        format!("{self}{PAGES}/{SIGNED_IN}")
    }

    /// Returns the path of all pages, as browsers see it.
    pub fn pages(&self) -> String {
        format!("{}{PAGES}", self.path)
    }

    pub fn is_encrypted(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Returns whether traffic to it is encrypted or stays on this machine.
    pub fn is_protected(&self) -> bool {
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let is_at = |host: &&str| {
            let rest = self.text.strip_prefix(*host);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        };
        self.is_encrypted() || local.iter().any(is_at)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_with_and_without_its_end() {
        for text in ["https://a.example", "https://a.example/", "https://a.example/webhook"] {
            assert_eq!(PublicUrl::parse(text).unwrap().to_string(), "https://a.example");
        }
        let below = PublicUrl::parse("https://a.example/bot/").unwrap();
        assert_eq!(below.to_string(), "https://a.example/bot");
        assert_eq!(below.pages(), "/bot/runs");
        assert_eq!(below.page(7), "https://a.example/bot/runs/7");
        for text in [
            "a.example",
            "ftp://a.example",
            "https://a.example/?x=1",
            "https://a.example/)",
            "https://me:hunter2@a.example",
            "https://a.example/;x",
            "",
            "https://",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_protected_by_tls_alone() {
        let is_protected = |text| PublicUrl::parse(text).unwrap().is_protected();
        for text in
            ["https://a.example", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"]
        {
            assert!(is_protected(text), "{text}");
        }
        for text in ["http://a.example", "http://localhost.evil.example", "http://127.0.0.10"] {
            assert!(!is_protected(text), "{text}");
        }
    }
}
