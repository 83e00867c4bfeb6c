//! Programs that a test writes itself.

use std::{path::Path, process::Command};

/// Writes a script that can be started at once.
///
/// A process of its own does it: what is open for writing here is so for a moment in every child that
/// another thread starts just then, and the system runs no such file (`ETXTBSY`).
pub fn write_script(path: &Path, text: &str) {
    let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
    let written = Command::new("/bin/sh").arg("-c").arg(write).arg(path).arg(text).status();
    assert!(written.unwrap().success(), "{}", path.display());
}
