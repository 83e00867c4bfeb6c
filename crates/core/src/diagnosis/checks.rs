//! Checks of this machine: settings, files, database, engine.

use super::{
    super::public_url::{PAGES, SIGNED_IN},
    Check, DigestKey, File, Inventory, Tables, WarmStatus, named,
};

pub fn settings(inventory: &Inventory) -> Check {
    const NAME: &str = "settings";
    if let Err(why) = &inventory.settings {
        return Check::failed(NAME, why, "docs/settings.md says what each setting is");
    }
    let Some(config) = &inventory.config else {
        return Check::ok(NAME, "given as flags and variables");
    };
    Check::ok(NAME, format!("read, with `{}`", config.path))
}

pub fn secrets(inventory: &Inventory) -> Check {
    const NAME: &str = "secrets";
    if let Err(why) = &inventory.webhook_secret {
        let mend = "write the secret that stands in the App's settings at GitHub into it, on one \
                    line; `openssl rand -hex 32` makes a new one, which has to be entered there too";
        return Check::failed(NAME, why, mend);
    }
    if let Err(why) = &inventory.private_key {
        let mend = "generate a private key on the App's settings page at GitHub, and use the whole \
                    file as it is";
        return Check::failed(NAME, why, mend);
    }
    let open: Vec<&str> = open(inventory.config.iter().chain(&inventory.secrets));
    if !open.is_empty() {
        let found = format!("every user of this machine can read {}", named(open.iter().copied()));
        return Check::failed(NAME, found, format!("chmod 600 {}", open.join(" ")));
    }
    Check::ok(NAME, "the private key and the webhook secret are there, and private")
}

/// Returns the files that every user can read. Their group may read them, because secrets mounted
/// into a container often belong to one.
fn open<'a>(files: impl IntoIterator<Item = &'a File>) -> Vec<&'a str> {
    let is_open = |file: &&File| file.mode.is_some_and(|mode| mode & 0o007 != 0);
    files.into_iter().filter(is_open).map(|file| file.path.as_str()).collect()
}

pub fn pages(inventory: &Inventory) -> Check {
    const NAME: &str = "pages";
    match &inventory.pages {
        Ok(None) => Check::ok(NAME, "there are none, since --public-url is not given"),
        Ok(Some(url)) => {
            let found = format!(
                "at {url}{PAGES}; {url}{PAGES}/{SIGNED_IN} has to be a callback URL of the App"
            );
            Check::ok(NAME, found)
        }
        Err(why) => Check::failed(NAME, why, "mend that setting, or leave --public-url out"),
    }
}

pub fn data(inventory: &Inventory) -> Check {
    const NAME: &str = "data-directory";
    let path = &inventory.data.path;
    if let Err(why) = &inventory.data.write {
        let found = format!("`{path}` cannot be written: {why}");
        let mend = "let this user write there (chown), or name another directory by --data";
        return Check::failed(NAME, found, mend);
    }
    match inventory.data.mode {
        None => Check::ok(NAME, format!("`{path}` is not there yet; `planwright serve` makes it")),
        Some(mode) if mode & 0o007 != 0 => {
            let found = format!("every user of this machine can look into `{path}`");
            Check::failed(NAME, found, format!("chmod o= {path}"))
        }
        Some(_) => Check::ok(NAME, format!("`{path}` can be written, and is private")),
    }
}

pub fn digest_key(inventory: &Inventory) -> Check {
    const NAME: &str = "digest-key";
    match &inventory.digest_key {
        Err(why) => {
            let mend = "restore the file from a backup; if there is none, `openssl rand 32` makes a \
                        new one, and what is open has to be planned and approved again";
            Check::failed(NAME, why, mend)
        }
        Ok(DigestKey::None(path)) => {
            Check::ok(NAME, format!("`{path}` is not there yet; `planwright serve` makes it"))
        }
        Ok(DigestKey::There(file)) if !open([file]).is_empty() => {
            let found = format!("every user of this machine can read `{}`", file.path);
            Check::failed(NAME, found, format!("chmod 600 {}", file.path))
        }
        Ok(DigestKey::There(file)) => Check::ok(NAME, format!("read from `{}`", file.path)),
    }
}

pub fn database(inventory: &Inventory) -> Check {
    const NAME: &str = "database";
    match &inventory.database {
        Ok(Tables::Current) => Check::ok(NAME, "it answers, and its tables are up to date"),
        Ok(Tables::Behind) => {
            let found = "its tables are of an older version; the start of `planwright serve` \
                         brings them up to date";
            Check::ok(NAME, found)
        }
        Ok(Tables::None) => {
            Check::ok(NAME, "there are no tables yet; the start of `planwright serve` makes them")
        }
        Err(why) => Check::failed(NAME, why, "mend what stands there, or --database-url"),
    }
}

pub fn engine(inventory: &Inventory) -> Option<Check> {
    const NAME: &str = "engine";
    Some(match inventory.engine.as_ref()? {
        Ok(engine) => Check::ok(NAME, engine),
        Err(why) => Check::failed(
            NAME,
            why,
            "OpenTofu or Terraform, 1.9 or newer; --engine PATH names one that is not on PATH",
        ),
    })
}

pub fn warm(inventory: &Inventory) -> Check {
    const NAME: &str = "kept-providers";
    let now = match &inventory.warm {
        WarmStatus::Off => {
            return Check::ok(NAME, "none: the engine starts each provider for each plan");
        }
        WarmStatus::Silent(address) => {
            let found = format!("none now, since no bot answers at {address}");
            return Check::ok(NAME, found);
        }
        WarmStatus::Running(now) => now,
    };
    let found = format!(
        "processes: {} with {} MB, the oldest for {} s; plans made warm: {}, cold in spite of that: {}",
        now.processes,
        now.memory >> 20,
        now.oldest,
        now.warm,
        now.fallbacks
    );
    if now.fallbacks > now.warm {
        let mend = "the log says of each why, after `planning cold`; --warm off ends the attempts";
        return Check::warning(NAME, found, mend);
    }
    Check::ok(NAME, found)
}
