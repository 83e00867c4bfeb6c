//! What became of a request: the one comment on its issue, edited in place.

use planwright_core::{
    escape,
    finding::Finding,
    names::{Login, PrNumber},
};

use super::{marker::Marker, run::RunReport, stack::finding_list};

#[derive(Clone, Debug, PartialEq)]
pub enum RequestReport {
    /// A pull request answers it.
    Opened { pull_request: PrNumber, title: String },
    /// The form is filled in, and something in it is wrong.
    Invalid(Vec<Finding>),
    /// It is no form; these would fit, best first.
    Unclear { forms: Vec<FormLink> },
    /// A run of the agent answers it.
    Run(RunReport),
    /// Whoever put it before us may not ask for anything.
    NotAllowed { login: Login },
}

/// A form that can be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormLink {
    pub package: String,
    pub summary: String,
    /// Where it opens.
    pub url: String,
}

/// The comment, with its marker.
pub fn request(report: &RequestReport) -> String {
    let text = match report {
        RequestReport::Opened { pull_request, title } => format!(
            "- [x] read the form\n- [x] validated, locked and committed\n- [x] opened #{pull_request}: \
             {}\n\nIts plan is shown there. It is a draft until the plan succeeds, and it takes an \
             approval by someone who did not ask for it.",
            escape::code(title)
        ),
        RequestReport::Invalid(findings) => format!(
            "- [x] read the form\n- [ ] validated\n\nSomething is wrong in the form:\n\n{}\n\nEdit the \
             issue; it is read again.",
            finding_list(findings)
        ),
        RequestReport::Unclear { forms } if forms.is_empty() => {
            "Planwright answers issues that were written with one of its forms, and this repository \
             has none: `planwright forms` makes one for each package that `planwright.yaml` allows."
                .into()
        }
        RequestReport::Unclear { forms } => {
            let forms = forms.iter().map(|form| {
                let summary = escape::prose(&form.summary);
                format!("- [{}]({}): {summary}", escape::prose(&form.package), form.url)
            });
            let forms: Vec<String> = forms.collect();
            format!(
                "Planwright answers issues that were written with one of its forms, and no model is set \
                 up here that reads free text. These packages fit best; each link opens the form:\n\n\
                 {}\n\nA param of a stack that is there already is changed by a comment: `/infra set \
                 STACK PATH=VALUE`.",
                forms.join("\n")
            )
        }
        RequestReport::Run(report) => super::run::run(report),
        RequestReport::NotAllowed { login } => format!(
            "`{login}` has no write access to this repository, so nothing was done. Someone who has \
             can take the label off and put it on again: then it is done for both."
        ),
    };
    Marker::Request.on(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use planwright_core::finding::Location;

    #[test]
    fn what_is_wrong_in_a_form_is_told_and_cannot_speak_for_us() {
        let place = Location { file: "issue".into(), line: 5, column: 1 };
        let finding = Finding::error("form_field", place, "`name`: \n/infra apply @team <img>");
        let text = request(&RequestReport::Invalid(vec![finding]));
        assert!(text.starts_with("<!-- planwright:request -->\n"), "{text}");
        assert!(text.contains("Edit the issue; it is read again."), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("/infra")), "{text}");
        assert!(text.contains("`@team` `<img>`"), "{text}");
    }

    #[test]
    fn free_text_gets_the_forms_that_fit() {
        let forms = vec![FormLink {
            package: "aws-bucket".into(),
            summary: "A private S3 bucket.".into(),
            url: "https://github.com/acme/infra/issues/new?template=planwright-aws-bucket.yml"
                .into(),
        }];
        let text = request(&RequestReport::Unclear { forms });
        assert!(
            text.contains("- [aws-bucket](https://github.com/acme/infra/issues/new?"),
            "{text}"
        );
    }
}
