//! References between the parts of a package: `${params.…}` and `${slots.SLOT.OUTPUT}`.
//!
//! No logic and no text around a reference: whatever has to be computed is computed in a module.

use std::fmt;

/// The reason why a text is not a valid reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadReference(pub(crate) String);

/// What a reference refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The path of a param.
    Param(Vec<String>),
    /// An output of the variant that fills a slot.
    Slot { slot: String, output: String },
}

impl Reference {
    /// Parses a reference; returns `None` for plain text. Fails if the text is neither plain nor
    /// exactly one valid reference.
    pub fn parse(text: &str) -> Result<Option<Self>, BadReference> {
        if !text.contains("${") && !text.contains("%{") {
            return Ok(None);
        }
        let inner =
            text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).ok_or_else(|| {
                BadReference(format!("`{text}` is neither plain text nor one reference"))
            })?;
        let steps: Vec<&str> = inner.split('.').collect();
        let is_name = |step: &&str| {
            !step.is_empty()
                && step.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if !steps.iter().all(is_name) {
            return Err(BadReference(format!(
                "`{text}` is no reference: names joined by dots were expected"
            )));
        }
        match steps.as_slice() {
            ["params", path @ ..] if !path.is_empty() => {
                Ok(Some(Self::Param(path.iter().map(|step| (*step).to_owned()).collect())))
            }
            ["slots", slot, output] => {
                Ok(Some(Self::Slot { slot: (*slot).into(), output: (*output).into() }))
            }
            ["stacks" | "secrets" | "stages", ..] => Err(BadReference(format!(
                "`{text}` cannot be used yet: this version of Planwright has no {}",
                steps[0]
            ))),
            _ => Err(BadReference(format!(
                "`{text}` names nothing: `${{params.…}}` or `${{slots.SLOT.OUTPUT}}` was expected"
            ))),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param(path) => write!(f, "${{params.{}}}", path.join(".")),
            Self::Slot { slot, output } => write!(f, "${{slots.{slot}.{output}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_and_prints_alike() {
        for text in ["${params.name}", "${params.dns.zone_id}", "${slots.site.domain}"] {
            assert_eq!(Reference::parse(text).unwrap().unwrap().to_string(), text);
        }
        assert_eq!(Reference::parse("plain $ text {}").unwrap(), None);
    }

    #[test]
    fn anything_between_plain_text_and_a_reference_is_an_error() {
        for text in [
            "a-${params.name}",
            "${params.name}-${params.b}",
            "${params}",
            "${params.}",
            "${slots.site}",
            "${upper(params.name)}",
            "%{ if true }a%{ endif }",
            "${stacks.network.outputs.id}",
            "${secrets.token}",
            "${var.x}",
            "${",
        ] {
            assert!(Reference::parse(text).is_err(), "{text} was taken");
        }
    }
}
