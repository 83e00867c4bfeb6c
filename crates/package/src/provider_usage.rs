//! Which types and functions of which providers the module files of a stack use.
//!
//! Determined from the source text alone, so it may include more than a plan needs (a block with
//! `count = 0`) but never less. Types of the engine itself (`terraform_data`) are left out.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::{
    expr::{Expression, FuncCall, Object, ObjectKey, TraversalOperator},
    structure::{Block, Body},
    template::ForTemplateExpr,
    visit::{Visit, visit_for_template_expr, visit_func_call},
};

use planwright_core::{
    finding::Finding,
    provider_types::{Kind, Types},
};

use super::{Checked, modules};

/// Returns the types that the module files among `files` use, by the source of their provider, such
/// as `hashicorp/aws`.
///
/// `origin` is the prefix of file paths in positions of findings.
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

/// One name from a provider's schema, as a module uses it.
struct Use {
    kind: Kind,
    name: String,
    /// The provider's local name; `None` if only the engine can determine the provider.
    provider: Option<String>,
}

/// What the files of one folder declare and use.
#[derive(Default)]
struct Module {
    /// Provider sources by local name.
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
                // Its results are described by the schema of the resources that it lists.
                self.typed(Kind::Resource, block);
            }
            _ => {}
        }
    }

    /// Records the type in the first label of a block.
    fn typed(&mut self, kind: Kind, block: &Block) {
        let Some(name) = block.labels.first() else { return };
        let provider = provider(&block.body).unwrap_or_else(|| Some(prefix(name.as_str())));
        self.uses.push(Use { kind, name: name.as_str().to_owned(), provider });
    }

    /// Records the type in an address such as `module.a["b"].aws_s3_bucket.c`. Only the engine
    /// knows the providers of another module.
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

    /// Returns the source of a local name; an undeclared name belongs to `hashicorp/`, as in the
    /// engine.
    fn source(&self, local: &str) -> String {
        match (self.required.get(local), local) {
            (Some(source), _) => source.clone(),
            (None, "terraform") => "terraform.io/builtin/terraform".into(),
            (None, local) => format!("hashicorp/{local}"),
        }
    }
}

/// Records `provider::NAME::FUNCTION(…)`; in OpenTofu an alias may follow the name.
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

    fn visit_for_template_expr(&mut self, template: &ForTemplateExpr) {
        // The visitor of the library leaves this out.
        self.visit_expr(&template.collection_expr);
        visit_for_template_expr(self, template);
    }
}

/// Returns the part before the first `_`, by which the engine finds the provider of a type.
fn prefix(name: &str) -> String {
    name.split('_').next().unwrap_or_default().to_owned()
}

/// Reads the argument `provider`: `None` if absent, `Some(None)` if its local name cannot be
/// determined.
fn provider(body: &Body) -> Option<Option<String>> {
    let attribute = body.get_attribute("provider")?;
    Some(steps(&attribute.value).into_iter().next())
}

/// Returns the names in `aws.west` or `a.b["c"].d`, with or without quotes around it.
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

/// Returns the source in an entry of `required_providers`, without the host of the default
/// registry.
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
