//! What is planned: a number of equal stacks of one package, and what the engine needs for them.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use crate::support::{
    bot::{hello, locked},
    engine::component,
    moto::Moto,
};

pub struct Case {
    pub package: &'static str,
    pub stacks: usize,
    /// The path and text of each file of the stacks.
    pub files: Vec<(String, String)>,
    /// The variables by which the engine finds its API and its providers.
    pub env: BTreeMap<String, OsString>,
    pub provider_cache: PathBuf,
    _moto: Moto,
}

impl Case {
    pub fn new(package: &'static str, stacks: usize) -> Self {
        let moto = Moto::start();
        let mut env = moto.env();
        env.insert("TF_CLI_CONFIG_FILE".into(), component("tools/terraform.rc").into());
        let provider_cache = component("tools").join("plugins-terraform");
        std::fs::create_dir_all(&provider_cache).unwrap();
        let names = (0..stacks).map(|i| format!("{package}-{i}"));
        let files = names.flat_map(|name| stack(package, &name)).collect();
        Self { package, stacks, files, env, provider_cache, _moto: moto }
    }
}

fn stack(package: &str, name: &str) -> Vec<(String, String)> {
    if package == "hello" {
        return hello(name, "Hello");
    }
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: {package}\nversion: \"^0.1\"\n\
         params:\n  name: bench-{name}\n  region: eu-central-1\n"
    );
    locked(name, &text)
}
