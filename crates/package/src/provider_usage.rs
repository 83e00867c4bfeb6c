//! Which types and functions of which providers the module files of a stack use.
//!
//! Read from the text alone, so it may name more than a plan will need (a block with `count = 0`) and
//! never less. The engine's own types (`terraform_data`) have no provider to be asked.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::{
    expr::{Expression, FuncCall, Object, ObjectKey, TraversalOperator},
    structure::{Block, Body},
    visit::{Visit, visit_func_call},
};

use planwright_core::{
    finding::Finding,
    provider_types::{Kind, Types},
};

use super::{Checked, modules};

/// By source of the provider, e.g. `hashicorp/aws`; of `files`, those that are module files.
///
/// `origin` is what stands before a file's path in a place.
pub fn types<'a>(
    origin: &str,
    files: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>,
) -> Checked<BTreeMap<String, Types>> {
    let mut modules: BTreeMap<&str, Module> = BTreeMap::new();
    let mut findings: Vec<Finding> = Vec::new();
    for (path, bytes) in files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match modules::bodies(&format!("{origin}/{path}"), bytes) {
            None => {}
            Some(Ok(bodies)) => {
                let module = modules.entry(folder).or_default();
                bodies.iter().for_each(|body| module.read(body));
            }
            Some(Err(finding)) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let all: BTreeSet<&String> =
        modules.values().flat_map(|module| module.required.values()).collect();
    let mut types: BTreeMap<String, Types> = BTreeMap::new();
    for module in modules.values() {
        for Use { kind, name, provider } in &module.uses {
            let mut add = |source: String| types.entry(source).or_default().add(*kind, name);
            match provider {
                Some(local) => add(module.source(local)),
                None => all.iter().for_each(|source| add((*source).clone())),
            }
        }
    }
    types.retain(|source, _| !source.starts_with("terraform.io/builtin/"));
    Ok(types)
}

/// One name of a provider's schema, as a module writes it.
struct Use {
    kind: Kind,
    name: String,
    /// By its local name; `None` where only the engine can tell whose it is.
    provider: Option<String>,
}

/// What the files of one folder say.
#[derive(Default)]
struct Module {
    /// Sources by local name.
    required: BTreeMap<String, String>,
    uses: Vec<Use>,
}

impl Module {
    fn read(&mut self, body: &Body) {
        body.blocks().for_each(|block| self.block(block));
        self.visit_body(body);
    }

    fn block(&mut self, block: &Block) {
        let inner = &block.body;
        match block.ident.as_str() {
            "terraform" => {
                let required = inner.get_blocks("required_providers");
                for attribute in required.flat_map(|block| block.body.attributes()) {
                    let local = attribute.key.as_str();
                    self.required.insert(local.to_owned(), source(local, &attribute.value));
                }
            }
            "check" => inner.blocks().for_each(|block| self.block(block)),
            "import" => self.address(inner, "to"),
            "moved" => ["from", "to"].iter().for_each(|end| self.address(inner, end)),
            "removed" => self.address(inner, "from"),
            "resource" => self.typed(Kind::Resource, block),
            "data" => self.typed(Kind::DataSource, block),
            "ephemeral" => self.typed(Kind::Ephemeral, block),
            "action" => self.typed(Kind::Action, block),
            "list" => {
                self.typed(Kind::List, block);
                // What it finds is described as the resources that it lists.
                self.typed(Kind::Resource, block);
            }
            _ => {}
        }
    }

    /// A block whose first label is a type.
    fn typed(&mut self, kind: Kind, block: &Block) {
        let Some(name) = block.labels.first() else { return };
        let provider = provider(&block.body).unwrap_or_else(|| Some(prefix(name.as_str())));
        self.uses.push(Use { kind, name: name.as_str().to_owned(), provider });
    }

    /// The type in an address such as `module.a["b"].aws_s3_bucket.c`; of another module only the
    /// engine knows the providers.
    fn address(&mut self, body: &Body, attribute: &str) {
        let Some(attribute) = body.get_attribute(attribute) else { return };
        let steps = steps(&attribute.value);
        let mut rest = steps.as_slice();
        while let [module, _, below @ ..] = rest
            && module == "module"
        {
            rest = below;
        }
        let is_here = rest.len() == steps.len();
        let (kind, name) = match rest {
            [data, name, ..] if data == "data" => (Kind::DataSource, name),
            [name, _, ..] => (Kind::Resource, name),
            _ => return,
        };
        let provider = provider(body).unwrap_or_else(|| is_here.then(|| prefix(name)));
        self.uses.push(Use { kind, name: name.clone(), provider });
    }

    /// Returns the source behind a local name; one that nobody declares is HashiCorp's, as in the
    /// engine.
    fn source(&self, local: &str) -> String {
        match (self.required.get(local), local) {
            (Some(source), _) => source.clone(),
            (None, "terraform") => "terraform.io/builtin/terraform".into(),
            (None, local) => format!("hashicorp/{local}"),
        }
    }
}

/// `provider::NAME::FUNCTION(…)`, with an alias between them where the engine is OpenTofu.
impl Visit for Module {
    fn visit_func_call(&mut self, call: &FuncCall) {
        let namespace: Vec<&str> = call.name.namespace.iter().map(|part| part.as_str()).collect();
        if let ["provider", local, ..] = namespace.as_slice() {
            self.uses.push(Use {
                kind: Kind::Function,
                name: call.name.name.as_str().to_owned(),
                provider: Some((*local).to_owned()),
            });
        }
        visit_func_call(self, call);
    }
}

/// Returns the local name before the first `_`, as the engine takes it.
fn prefix(name: &str) -> String {
    name.split('_').next().unwrap_or_default().to_owned()
}

/// Returns what `provider = …` says: nothing, or a local name, or what cannot be read here.
fn provider(body: &Body) -> Option<Option<String>> {
    let attribute = body.get_attribute("provider")?;
    Some(steps(&attribute.value).into_iter().next())
}

/// `aws.west`, `a.b["c"].d` or the same in quotes, as its names.
fn steps(expression: &Expression) -> Vec<String> {
    match expression {
        Expression::String(text) => {
            text.parse::<Expression>().map_or_else(|_| Vec::new(), |inner| steps(&inner))
        }
        Expression::Variable(name) => vec![name.as_str().to_owned()],
        Expression::Parenthesis(inner) => steps(inner.inner()),
        Expression::Traversal(traversal) => {
            let names = traversal.operators.iter().filter_map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => Some(name.as_str().to_owned()),
                _ => None,
            });
            steps(&traversal.expr).into_iter().chain(names).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the source in an entry of `required_providers`, without the engine's own registry.
fn source(local: &str, entry: &Expression) -> String {
    let is_source = |key: &ObjectKey| match key {
        ObjectKey::Ident(name) => name.as_str() == "source",
        ObjectKey::Expression(name) => name.as_str() == Some("source"),
    };
    let find = |object: &Object| {
        let (_, value) = object.iter().find(|(key, _)| is_source(key))?;
        value.expr().as_str().map(str::to_lowercase)
    };
    let written = entry.as_object().and_then(find).unwrap_or_else(|| local.to_owned());
    let bare = ["registry.terraform.io/", "registry.opentofu.org/"]
        .iter()
        .find_map(|registry| written.strip_prefix(registry))
        .unwrap_or(&written);
    if bare.contains('/') { bare.to_owned() } else { format!("hashicorp/{bare}") }
}
#[cfg(test)]
mod tests;
