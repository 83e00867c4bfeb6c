//! `planwright setup`: serves the page that registers the App, until GitHub has created it.
//!
//! The secrets are written to one settings file or returned to the caller; they are never logged.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use planwright_core::{public_url::PublicUrl, registration::Registration};
use planwright_github as github;
use planwright_github::{Client, Converted, GitHub, Manifest, convert, web_address};

use crate::http::{self, Form, Registrar};

/// What to register, and for whom.
#[derive(Clone, Debug)]
pub struct RegistrationRequest {
    pub api_url: String,
    /// The organisation that owns the App; `None` for the user of the browser.
    pub organization: Option<String>,
    /// The address at which GitHub reaches the bot, without `/webhook`.
    pub url: String,
    /// The port of the page, on loopback; 0 means any free one.
    pub port: u16,
    /// The file for the settings; `None` to return them.
    pub file: Option<PathBuf>,
}

/// A registered App.
pub struct Registered {
    pub registration: Registration,
    /// The settings as YAML, with secrets; `None` if they were written to a file.
    pub settings: Option<SecretString>,
}

/// Serves the page, passes its address to `tell`, and returns once the App is registered.
pub async fn register(
    request: &RegistrationRequest,
    tell: impl FnOnce(SocketAddr),
) -> Result<Registered> {
    let url = PublicUrl::parse(&request.url).map_err(|why| anyhow!("--url {why}"))?;
    let place = request.file.as_deref().map(OutputFile::reserve).transpose()?;
    let listen = (Ipv4Addr::LOCALHOST, request.port);
    let listener = TcpListener::bind(listen).await.context("listening on loopback")?;
    let address = listener.local_addr().context("the address that we listen on")?;
    let manifest = Manifest::ours()?;
    let redirect = format!("http://{address}{}", http::CREATED);
    let form = Form {
        action: action(&request.api_url, request.organization.as_deref())?,
        manifest: manifest
            .document(&name(request.organization.as_deref()), &url, &redirect)
            .to_string(),
        grants: manifest.grants(),
        state: random()?,
        address,
    };
    let (stop, outcome) = (CancellationToken::new(), Arc::default());
    let exchange = ManifestExchange {
        api_url: request.api_url.clone(),
        url,
        place: Mutex::new(place),
        outcome: Arc::clone(&outcome),
        stop: stop.clone(),
    };
    tell(address);
    http::serve(listener, http::setup(form, exchange), stop).await.context("serving the page")?;
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.context("the page ended without an App")?
}

/// Exchanges the code of a manifest once, and stores the secrets that GitHub returns.
struct ManifestExchange {
    api_url: String,
    url: PublicUrl,
    place: Mutex<Option<OutputFile>>,
    outcome: Arc<Mutex<Option<Result<Registered>>>>,
    stop: CancellationToken,
}

impl Registrar for ManifestExchange {
    async fn register(&self, code: &str) -> Result<Registration> {
        let converted = convert(&self.api_url, code).await?;
        let registration = converted.registration.clone();
        // The code can be used only once, so there is no second attempt from here on.
        let outcome = self.store_secrets(converted).await.with_context(|| {
            format!(
                "`{}` is registered, but its secrets could not be kept; generate new ones on its \
                 settings page ({}), or delete it there and start again",
                registration.slug, registration.page
            )
        });
        let answer = outcome.as_ref().map(|_| registration).map_err(|error| anyhow!("{error:#}"));
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.stop.cancel();
        answer
    }
}

impl ManifestExchange {
    async fn store_secrets(&self, converted: Converted) -> Result<Registered> {
        let Converted { registration, private_key, webhook_secret, client } = converted;
        let github = GitHub::new(&github::Settings {
            api_url: self.api_url.clone(),
            app_id: registration.id,
            private_key: private_key.clone(),
        })?;
        let webhook_secret = match webhook_secret {
            Some(secret) => secret,
            None => {
                let secret = SecretString::from(random()?);
                github.set_webhook_secret(&secret).await.context("setting a webhook secret")?;
                secret
            }
        };
        let settings = SettingsFile {
            api_url: &self.api_url,
            url: &self.url,
            registration: &registration,
            private_key: &private_key,
            webhook_secret: &webhook_secret,
            client: &client,
        }
        .yaml();
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let settings = match place {
            Some(place) => place.write(&settings).map(|()| None)?,
            None => Some(settings),
        };
        Ok(Registered { registration, settings })
    }
}

/// A file that does not exist yet, in a writable directory.
struct OutputFile {
    path: PathBuf,
    /// A temporary file, readable only by its owner from the start.
    aside: NamedTempFile,
}

impl OutputFile {
    /// Checks that the file can be written. Fails early, before there are secrets to store.
    fn reserve(path: &Path) -> Result<Self> {
        let shown = path.display();
        ensure!(
            path.symlink_metadata().is_err(),
            "{shown} is there already and is not replaced; move it away, or name another by --file"
        );
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let aside = NamedTempFile::new_in(dir.unwrap_or(Path::new(".")));
        Ok(Self {
            path: path.to_owned(),
            aside: aside.with_context(|| format!("writing {shown}"))?,
        })
    }

    fn write(mut self, text: &SecretString) -> Result<()> {
        self.aside.write_all(text.expose_secret().as_bytes())?;
        self.aside.as_file().sync_all()?;
        let shown = self.path.display().to_string();
        self.aside
            .persist_noclobber(&self.path)
            .map(drop)
            .with_context(|| format!("writing {shown}"))
    }
}

/// The file that `planwright serve --config` reads.
struct SettingsFile<'a> {
    api_url: &'a str,
    url: &'a PublicUrl,
    registration: &'a Registration,
    private_key: &'a SecretString,
    webhook_secret: &'a SecretString,
    client: &'a Client,
}

impl SettingsFile<'_> {
    fn yaml(&self) -> SecretString {
        let lines = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
        // JSON is valid YAML, and quotes what has to be quoted.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let public_url = match self.url.is_protected() {
            true => format!("public-url: {}\n", quoted(&self.url.to_string())),
            false => String::new(),
        };
        format!(
            "# Written by `planwright setup` for {}.\n\
             # Whoever has this file is the App: keep it for its owner alone, and out of git.\n\
             github-url: {}\n{public_url}app-id: {}\nwebhook-secret: {}\nclient-id: {}\n\
             client-secret: {}\nprivate-key: |\n{}",
            self.registration.page,
            quoted(self.api_url),
            self.registration.id,
            quoted(self.webhook_secret.expose_secret()),
            quoted(&self.client.id),
            quoted(self.client.secret.expose_secret()),
            lines(self.private_key.expose_secret()),
        )
        .into()
    }
}

/// Returns the address that the form is sent to.
fn action(api_url: &str, organization: Option<&str>) -> Result<String> {
    let web = web_address(api_url)?;
    let Some(organization) = organization else { return Ok(format!("{web}/settings/apps/new")) };
    let is_login = organization.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    ensure!(
        is_login && !organization.is_empty(),
        "`{organization}` is no name of an organisation: letters, digits and `-`"
    );
    Ok(format!("{web}/organizations/{organization}/settings/apps/new"))
}

/// Returns a suggested name. On GitHub, names of Apps are unique and have at most 34 characters.
fn name(organization: Option<&str>) -> String {
    let name = organization.map_or("planwright".into(), |it| format!("planwright-{it}"));
    name.chars().take(34).collect()
}

/// Returns 32 random bytes in hexadecimal.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("this machine gives no randomness"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_goes_to_the_page_of_the_organisation() {
        let api = "https://ghes.example/api/v3";
        assert_eq!(action(api, None).unwrap(), "https://ghes.example/settings/apps/new");
        let of_acme = "https://ghes.example/organizations/acme/settings/apps/new";
        assert_eq!(action(api, Some("acme")).unwrap(), of_acme);
        for name in ["", "a/b", "a?b", "ä"] {
            assert!(action(api, Some(name)).is_err(), "{name:?} was taken");
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.yaml");
        let place = OutputFile::reserve(&path).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert!(OutputFile::reserve(&path).is_err());
        // A file that was created in the meantime is not replaced either.
        assert!(place.write(&"theirs".into()).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
