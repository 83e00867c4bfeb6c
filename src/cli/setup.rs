//! `planwright setup`: registers the App and stores its secrets.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Output;
use crate::{
    checkout::Error,
    setup::{Registered, RegistrationRequest, register},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where GitHub will reach the bot, e.g. https://planwright.example.com.
    #[arg(long)]
    url: String,
    /// The organisation that the App will belong to; yourself if not given.
    #[arg(long, value_name = "LOGIN")]
    organization: Option<String>,
    /// API of GitHub; `https://HOST/api/v3` for GitHub Enterprise Server.
    #[arg(long, env = "PLANWRIGHT_GITHUB_URL", default_value = "https://api.github.com")]
    github_url: String,
    /// Port of the page, on loopback; any free one if not given.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Where the settings are written, readable for you alone; never over a file that is there.
    #[arg(long, default_value = "settings.yaml")]
    file: PathBuf,
    /// Print the settings instead, for a secret store.
    #[arg(long, conflicts_with = "file")]
    print: bool,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> Result<ExitCode, Error> {
    crate::telemetry::log("error", output.is_json);
    let request = RegistrationRequest {
        api_url: arguments.github_url.clone(),
        organization: arguments.organization.clone(),
        url: arguments.url.clone(),
        port: arguments.port,
        file: (!arguments.print).then(|| arguments.file.clone()),
    };
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let tell = |address| {
        eprintln!("Open http://{address}/ in a browser that is signed in to GitHub.");
    };
    let registered = runtime.block_on(register(&request, tell))?;
    print(&registered, &arguments.file, output)?;
    Ok(ExitCode::SUCCESS)
}

fn print(
    registered: &Registered,
    file: &std::path::Path,
    output: &mut Output,
) -> Result<(), Error> {
    let Registered { registration, settings } = registered;
    let (slug, install) = (&registration.slug, registration.install_page());
    let mut json = json!({
        "app": { "id": registration.id, "slug": slug, "page": registration.page },
        "install": install,
    });
    if let Some(settings) = settings {
        json["settings"] = settings.expose_secret().into();
        eprintln!("Registered {slug}; install it at {install}");
        return output.print(&json, settings.expose_secret());
    }
    let file = file.display();
    json["file"] = file.to_string().into();
    let text = format!(
        "Registered {slug}; its settings are in {file}.\n\n\
         Next:\n  \
         planwright serve --config {file}     run it, behind a proxy with TLS\n  \
         {install}     install it on repositories\n  \
         planwright doctor --config {file}    see whether all is well"
    );
    output.print(&json, &text)
}
