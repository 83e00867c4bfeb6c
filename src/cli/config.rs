//! Combines the arguments with the file of `--config`, whose values count where neither a flag nor
//! a variable gives one.
//!
//! The file's values become the defaults of clap's arguments, so that clap alone checks names,
//! values and what is required.

use std::{ffi::OsString, path::Path};

use clap::{
    Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, error::ErrorKind,
    parser::ValueSource,
};

use planwright_core::finding::{Finding, Location};
use planwright_package::{
    suggest::nearest,
    yaml::{Entry, Kind, Node},
};

use super::{Cli, plain};
use crate::{checkout::Error, settings::SECRETS};

/// The commands that take the settings of the bot.
const CONFIGURED: [&str; 2] = ["serve", "doctor"];

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Unread {
    /// Help was requested, or the arguments are invalid.
    Words(clap::Error),
    /// The settings are invalid.
    Settings { error: Error, of_doctor: bool },
}

/// Reads the arguments of the process, including its name, and the file that they name.
pub fn read(arguments: &[OsString]) -> Result<Cli, Unread> {
    let mut command = Cli::command();
    // Errors in the arguments are reported below; this only looks for the file.
    let glance = command.clone().ignore_errors(true).try_get_matches_from(arguments).ok();
    let of_doctor = glance.as_ref().and_then(ArgMatches::subcommand_name) == Some("doctor");
    let settings = |error| Unread::Settings { error, of_doctor };
    let named = glance.as_ref().and_then(|glance| glance.subcommand());
    if let Some((name, matches)) = named.filter(|(name, _)| CONFIGURED.contains(name))
        && let Some(file) = matches.get_one::<std::path::PathBuf>("config")
    {
        command = with_file(command, name, file).map_err(settings)?;
    }
    let matches = command.try_get_matches_from(arguments).map_err(|error| {
        let is_of_settings = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::ValueValidation
                | ErrorKind::InvalidValue
        );
        match is_of_settings && of_doctor {
            true => settings(Error::Usage(plain(&error))),
            false => Unread::Words(error),
        }
    })?;
    no_secret_as_argument(&matches).map_err(settings)?;
    Cli::from_arg_matches(&matches).map_err(Unread::Words)
}

/// Fails if a secret is given as an argument, which every user of the machine can read.
fn no_secret_as_argument(matches: &ArgMatches) -> Result<(), Error> {
    let Some((_, matches)) = matches.subcommand().filter(|(name, _)| CONFIGURED.contains(name))
    else {
        return Ok(());
    };
    for name in SECRETS {
        if matches.value_source(&name.replace('-', "_")) == Some(ValueSource::CommandLine) {
            let variable = name.to_uppercase().replace('-', "_");
            return Err(Error::Usage(format!(
                "`--{name}` would show the secret to every user of this machine; give \
                 --{name}-file FILE, PLANWRIGHT_{variable}, or `{name}` in the file of --config"
            )));
        }
    }
    Ok(())
}

/// Returns the command with the values of the file as its defaults.
fn with_file(command: Command, name: &str, file: &Path) -> Result<Command, Error> {
    let shown = file.display().to_string();
    let bytes = std::fs::read(file)
        .map_err(|e| Error::Usage(format!("reading {shown} of --config: {e}")))?;
    let node = Node::parse(&shown, &bytes).map_err(|mut findings| {
        // The usual advice is about files of a repository.
        findings.iter_mut().for_each(|finding| finding.fix = None);
        Error::Findings(findings)
    })?;
    let Kind::Map(entries) = &node.kind else {
        let message = "settings are lines of `name: value`";
        return Err(Error::Findings(vec![Finding::error("wrong_type", node.place, message)]));
    };
    let mut findings = Vec::new();
    let mut defaults = Vec::new();
    for (key, entry) in entries {
        match default_of(&command, name, key, entry) {
            Ok(default) => defaults.push(default),
            Err(finding) => findings.push(*finding),
        }
    }
    if !findings.is_empty() {
        return Err(Error::Findings(findings));
    }
    Ok(command.mut_subcommand(name, |command| {
        defaults.into_iter().fold(command, |command, (id, values)| {
            command.mut_arg(id, |arg| arg.required(false).default_values(values))
        })
    }))
}

/// Returns the id of the argument that an entry of the file sets, and its values.
fn default_of(
    command: &Command,
    name: &str,
    key: &str,
    entry: &Entry,
) -> Result<(String, Vec<OsString>), Box<Finding>> {
    let words = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    let known: Vec<&Arg> = words.filter(|arg| arg.get_id() != "config").collect();
    let long = |arg: &&Arg| arg.get_long().unwrap_or_default().to_owned();
    let Some(arg) = known.iter().find(|arg| long(arg) == key) else {
        let names: Vec<String> = known.iter().map(long).collect();
        let message = format!("there is no setting `{key}`");
        let mut finding = finding("unknown_field", &entry.key, key, message);
        finding.did_you_mean = nearest(key, names.iter().map(String::as_str)).map(str::to_owned);
        finding.fix = finding.did_you_mean.as_ref().map(|it| format!("rename `{key}` to `{it}`"));
        finding.allowed = names;
        return Err(finding);
    };
    let values = values(&entry.node, arg.get_value_delimiter().is_some())
        .map_err(|message| finding("wrong_type", &entry.node.place, key, message))?;
    let alone = Command::new("settings").no_binary_name(true).arg((*arg).clone().required(false));
    let given = values.iter().map(|value| format!("--{key}={value}"));
    alone
        .try_get_matches_from(given)
        .map_err(|error| finding("wrong_value", &entry.node.place, key, plain(&error)))?;
    Ok((arg.get_id().to_string(), values.into_iter().map(Into::into).collect()))
}

fn values(node: &Node, takes_several: bool) -> Result<Vec<String>, String> {
    match &node.kind {
        Kind::String(text) => Ok(vec![text.clone()]),
        Kind::Number(number) => Ok(vec![number.to_string()]),
        Kind::List(list) if takes_several => {
            let one = |node| values(node, false);
            Ok(list.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ if takes_several => Err("this has to be a text, or a list of texts".into()),
        _ => Err("this has to be a text or a number".into()),
    }
}

fn finding(code: &'static str, place: &Location, key: &str, message: String) -> Box<Finding> {
    let mut finding = Finding::error(code, place.clone(), message);
    finding.pointer = Some(format!("/{key}"));
    Box::new(finding)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::Command as Asked;
    use super::*;
    use crate::settings::Serve;

    fn serve(file: &str, flags: &[&str]) -> Result<Serve, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.yaml");
        std::fs::write(&path, file).unwrap();
        let mut arguments = vec!["planwright", "serve", "--config", path.to_str().unwrap()];
        arguments.extend(flags);
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        match read(&arguments) {
            Ok(Cli { command: Asked::Serve(configured), .. }) => Ok(configured.settings),
            Ok(_) => panic!("not `serve`"),
            Err(Unread::Settings { error, .. }) => Err(error),
            Err(Unread::Words(error)) => Err(Error::Usage(plain(&error))),
        }
    }

    fn error_text(file: &str) -> String {
        match serve(file, &[]).unwrap_err() {
            Error::Findings(findings) => {
                let one = |finding: &Finding| {
                    let place = &finding.place;
                    let fix =
                        finding.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
                    format!("{}:{}: {}{fix}", place.line, place.column, finding.message)
                };
                findings.iter().map(one).collect::<Vec<_>>().join("\n")
            }
            Error::Usage(message) => message,
            error => panic!("{error:?}"),
        }
    }

    #[test]
    fn the_file_counts_where_no_flag_says_otherwise() {
        let file = "app-id: 12\nlisten: 127.0.0.1:9\nworkers: 2\nroles: [web, plan]\n\
                    plan-env: A,B=C\nprivate-key: |\n  a key\n";
        let serve = serve(file, &["--workers", "7"]).unwrap();
        assert_eq!(serve.github.app_id, 12);
        assert_eq!(serve.process.listen, SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(serve.process.workers, 7);
        assert_eq!(serve.process.roles.len(), 2);
        assert_eq!(serve.engine.plan_env, ["A", "B=C"]);
        assert_eq!(serve.engine.plan_timeout, 900);
        assert!(!format!("{serve:?}").contains("a key"));
    }

    #[test]
    fn each_mistake_of_the_file_is_told_with_its_line() {
        insta::assert_snapshot!(
            error_text("app_id: 1\nworkers: many\nroles:\n  - wep\nlisten: [1]\nnonsense: 1\n"),
            @r"
            1:1: there is no setting `app_id`; rename `app_id` to `app-id`
            5:9: this has to be a text or a number
            6:1: there is no setting `nonsense`
            4:3: invalid value 'wep' for '--roles <ROLES>' [possible values: web, plan, apply, agent]; tip: a similar value exists: 'web'
            2:10: invalid value 'many' for '--workers <WORKERS>': invalid digit found in string
            "
        );
        insta::assert_snapshot!(error_text("- app-id"), @r"1:1: settings are lines of `name: value`");
        insta::assert_snapshot!(error_text("workers: 1"), @r"the following required arguments were not provided: --app-id <APP_ID>");
    }

    #[test]
    fn a_secret_is_no_argument() {
        let error = serve("app-id: 1", &["--webhook-secret", "hunter2"]).unwrap_err();
        let Error::Usage(message) = error else { panic!("{error:?}") };
        assert!(message.starts_with("`--webhook-secret` would show the secret"), "{message}");
        assert!(!message.contains("hunter2"));
    }
}
