//! The one comment on an issue with a request, edited in place: what became of the request.

use planwright_core::{
    finding::Finding,
    names::{Login, PrNumber},
};

use super::{
    doc::{Block, Doc, Item, Span, Text, code},
    run::RunReport,
    stack::finding_list,
};
use crate::text;

#[derive(Clone, Debug, PartialEq)]
pub enum RequestReport {
    /// A pull request answers the request.
    Opened { pull_request: PrNumber, title: String },
    /// The issue is a form with errors.
    Invalid(Vec<Finding>),
    /// The issue is not a form. These forms may fit, the best first.
    Unclear { forms: Vec<FormLink> },
    /// A run of the agent works on the request.
    Run(RunReport),
    /// The person who made the request has no write access.
    NotAllowed { login: Login },
}

/// A link to a form that can be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormLink {
    pub package: String,
    pub summary: String,
    /// The address that opens the form.
    pub url: String,
}

/// Returns the text of the comment.
pub fn request(report: &RequestReport) -> Doc {
    match report {
        RequestReport::Opened { pull_request, title } => {
            let opened = text!["opened ", *pull_request, ": ", code(title)];
            let steps = vec![
                Item::task(true, "read the form"),
                Item::task(true, "validated, locked and committed"),
                Item::task(true, opened),
            ];
            let plan = "Its plan is shown there. It is a draft until the plan succeeds, and it takes \
                        an approval by someone who did not ask for it.";
            vec![Block::List(steps), Block::Paragraph(plan.into())].into()
        }
        RequestReport::Invalid(findings) => {
            let steps = vec![Item::task(true, "read the form"), Item::task(false, "validated")];
            vec![
                Block::List(steps),
                Block::Paragraph("Something is wrong in the form:".into()),
                finding_list(findings),
                Block::Paragraph("Edit the issue; it is read again.".into()),
            ]
            .into()
        }
        RequestReport::Unclear { forms } => unclear(forms),
        RequestReport::Run(report) => super::run::run(report),
        RequestReport::NotAllowed { login } => text![
            login,
            " has no write access to this repository, so nothing was done. Someone who has can take \
             the label off and put it on again: then it is done for both."
        ]
        .into(),
    }
}

fn unclear(forms: &[FormLink]) -> Doc {
    if forms.is_empty() {
        return text![
            "Planwright answers issues that were written with one of its forms, and this repository \
             has none: ",
            code("planwright forms"),
            " makes one for each package that ",
            code("planwright.yaml"),
            " allows."
        ]
        .into();
    }
    let item = |form: &FormLink| {
        let text = Text::from(Span::Foreign(form.package.clone()));
        let link = Span::Link { text, url: form.url.clone() };
        Item::new(text![link, ": ", Span::Foreign(form.summary.clone())])
    };
    vec![
        Block::Paragraph(
            "Planwright answers issues that were written with one of its forms, and no model is set \
             up here that reads free text. These packages fit best; each link opens the form:"
                .into(),
        ),
        Block::List(forms.iter().map(item).collect()),
        Block::Paragraph(text![
            "A param of a stack that is there already is changed by a comment: ",
            code("/infra set STACK PATH=VALUE"),
            "."
        ]),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use planwright_core::finding::Location;

    use super::*;
    use crate::{Marker, markdown};

    fn comment(report: &RequestReport) -> String {
        Marker::Request.on(&markdown(&request(report)))
    }

    #[test]
    fn what_is_wrong_in_a_form_is_told_and_cannot_speak_for_us() {
        let place = Location { file: "issue".into(), line: 5, column: 1 };
        let finding = Finding::error("form_field", place, "`name`: \n/infra apply @team <img>");
        let text = comment(&RequestReport::Invalid(vec![finding]));
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
        let text = comment(&RequestReport::Unclear { forms });
        assert!(
            text.contains("- [aws-bucket](https://github.com/acme/infra/issues/new?"),
            "{text}"
        );
    }
}
