//! `planwright demo`: a local GitHub, the bot and the real engine in one process, for anyone to try.
//!
//! The bot is the one that `serve` runs, spoken to over HTTP; only people are played. `play` tells
//! the story step by step.

mod play;
mod scene;

use std::path::Path;

use anyhow::Result;

use scene::Scene;

/// Plays the whole story in the directory, or in one that is removed afterwards.
///
/// Returns whether every step passed; errors before the first where there is no engine.
pub async fn play(data: Option<&Path>, engine: Option<&Path>) -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let dir = data.unwrap_or(scratch.path());
    let scene = Scene::open(dir, engine).await?;
    let played = match scene.engine().await {
        Ok(()) => Ok(play::play(&scene).await),
        Err(error) => Err(error),
    };
    scene.close().await?;
    played
}
