//! `planwright demo`: a local GitHub, the bot and the real engine in one process, for anyone to
//! try.
//!
//! The bot is the same as in `serve` and is spoken to over HTTP; only the people are simulated. In
//! a browser the viewer acts as them; `play` goes through the same story in a terminal, step by
//! step.

mod guide;
mod home;
mod play;
mod sample;
mod sandbox;

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use anyhow::{Context as _, Result};
use guide::{Applied, GuideContext};
use home::Home;
use sandbox::Sandbox;

use crate::serve::asked_to_end;

/// Plays the whole story in the directory, or in one that is removed afterwards.
///
/// Returns whether every step passed. Fails before the first step if there is no engine.
pub async fn play(data: Option<&Path>, engine: Option<&Path>) -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let home = Home::take(data.unwrap_or(scratch.path()))?;
    let sandbox = Sandbox::open(&home, engine, 0).await?;
    let played = match sandbox.engine().await {
        Ok(()) => Ok(play::play(&sandbox).await),
        Err(error) => Err(error),
    };
    sandbox.close().await?;
    played
}

/// Serves the demo for a browser until the process is asked to end.
///
/// `port` is on loopback, and 0 means any free one; `is_new` first deletes what an earlier demo
/// left behind. Fails at the start if there is no engine.
pub async fn show(data: &Path, engine: Option<&Path>, port: u16, is_new: bool) -> Result<()> {
    let home = Home::take(data)?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!("port {port} of 127.0.0.1 cannot be had; give another with `--port PORT`")
    })?;
    if is_new {
        home.reset()?;
    }
    let sandbox = Sandbox::open(&home, engine, port).await?;
    if let Err(error) = sandbox.engine().await {
        sandbox.close().await?;
        return Err(error);
    }
    let applied = Applied::default();
    let context =
        GuideContext { states: sandbox.states(), dir: home.dir.clone(), applied: applied.clone() };
    let steps = guide::for_terminal(&sandbox.hub, &context);
    sandbox.hub.set_guide(move |hub| guide::guide(hub, &context));
    let repository = sandbox.id(0).repository;
    let following = applied.follow(sandbox.hub.clone(), sandbox.bot.app.clone(), repository);
    let following = tokio::spawn(following);
    let text = format!(
        "Planwright demo: {}\n\nOpen that page and try:\n\n{steps}\nEverything is kept in {}; \
         `--reset` starts anew. Ctrl-C ends it.",
        sandbox.hub.url(),
        home.dir.display()
    );
    // The output may be closed; the pages work all the same.
    let _ = writeln!(io::stdout(), "{text}");
    let stop = sandbox.bot.stopper();
    tokio::spawn(async move {
        asked_to_end().await;
        stop.cancel();
    });
    let worked = sandbox.bot.work().await;
    following.abort();
    worked?;
    sandbox.close().await
}
