//! Issue forms: the page to fill one in, and the text that GitHub makes of what was filled in.
//!
//! GitHub's documentation describes the files under "Syntax for GitHub's form schema".

use serde::Deserialize;

use crate::{
    actions::issues::NewIssue,
    api_error::ApiError,
    pages::{
        context::{Fields, RepoPage, Submission, rendered, segments_of},
        frame::Frame,
        markdown,
    },
    state::State,
};

const FOLDER: &str = ".github/ISSUE_TEMPLATE/";
const NO_RESPONSE: &str = "_No response_";

/// An issue form, with those of GitHub's keys that make a difference here.
#[derive(Debug, Deserialize)]
struct Form {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    labels: Vec<String>,
    body: Vec<Element>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Markdown,
    Input,
    Textarea,
    Dropdown,
    Checkboxes,
}

#[derive(Debug, Deserialize)]
struct Element {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    validations: Validations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    label: String,
    description: String,
    placeholder: String,
    /// The text of a Markdown element, or the initial value of a field.
    value: String,
    render: Option<String>,
    multiple: bool,
    options: Vec<Choice>,
    default: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    Text(String),
    Box {
        label: String,
        #[serde(default)]
        required: bool,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Validations {
    required: bool,
}

impl Choice {
    fn label(&self) -> &str {
        match self {
            Self::Text(label) | Self::Box { label, .. } => label,
        }
    }
}

impl Element {
    /// Returns the name of the field in the HTML form: its id, or else one made of its index.
    fn field(&self, index: usize) -> String {
        self.id.clone().unwrap_or_else(|| format!("field-{index}"))
    }

    /// Returns the text that GitHub writes below the heading of the field.
    ///
    /// Fails with 422, and names the field, if a required value is missing or a choice is not
    /// offered.
    fn answer(&self, fields: &Fields, field: &str) -> Result<String, ApiError> {
        let label = &self.attributes.label;
        let missing = || ApiError::new(422, format!("The field `{label}` has to be filled in"));
        if let Kind::Checkboxes = self.kind {
            let ticked: Vec<&str> = fields.all(field).collect();
            let line = |choice: &Choice| {
                let is_ticked = ticked.contains(&choice.label());
                match choice {
                    Choice::Box { required: true, .. } if !is_ticked => Err(missing()),
                    _ => {
                        let mark = if is_ticked { 'X' } else { ' ' };
                        Ok(format!("- [{mark}] {}", choice.label()))
                    }
                }
            };
            let lines: Vec<String> =
                self.attributes.options.iter().map(line).collect::<Result<_, _>>()?;
            return Ok(lines.join("\n"));
        }
        let given: Vec<String> = fields
            .all(field)
            .map(|text| text.replace("\r\n", "\n").trim_end().to_owned())
            .collect();
        let text = given.join(", ");
        if text.trim().is_empty() {
            return if self.validations.required { Err(missing()) } else { Ok(NO_RESPONSE.into()) };
        }
        let is_offered =
            |text: &String| self.attributes.options.iter().any(|it| it.label() == text);
        match (&self.kind, &self.attributes.render) {
            (Kind::Dropdown, _) if !given.iter().all(is_offered) => {
                Err(ApiError::new(422, format!("`{text}` is no choice of the field `{label}`")))
            }
            (Kind::Textarea, Some(language)) => Ok(format!("```{language}\n{text}\n```")),
            _ => Ok(text),
        }
    }
}

impl Form {
    fn text(&self, fields: &Fields) -> Result<String, ApiError> {
        let mut parts = vec![];
        for (index, element) in self.body.iter().enumerate() {
            if !matches!(element.kind, Kind::Markdown) {
                let answer = element.answer(fields, &element.field(index))?;
                parts.push(format!("### {}\n\n{answer}", element.attributes.label));
            }
        }
        Ok(parts.join("\n\n"))
    }
}

/// A form, or why it cannot be parsed.
type Read = Result<Form, String>;

/// Returns the forms on the default branch, with their file names.
fn forms(state: &State, repo: i64) -> Result<Vec<(String, Read)>, ApiError> {
    let repository = state.repository(repo)?;
    let Some(sha) = repository.refs.get(&repository.default_branch) else { return Ok(vec![]) };
    let git = state.git_repo(repo)?;
    let mut found = vec![];
    for path in git.paths(sha)? {
        let Some(name) = path.strip_prefix(FOLDER) else { continue };
        let is_form = [".yml", ".yaml"].iter().any(|end| name.ends_with(end));
        if !is_form || name.starts_with("config.") {
            continue;
        }
        let bytes = git.file(sha, &path)?.unwrap_or_default();
        let form = serde_saphyr::from_slice(&bytes).map_err(|error| error.to_string());
        found.push((name.to_owned(), form));
    }
    Ok(found)
}

fn form_named(state: &State, repo: i64, name: &str) -> Result<Form, ApiError> {
    let mut forms = forms(state, repo)?.into_iter();
    let found = forms.find(|(file, _)| file == name).ok_or_else(ApiError::not_found)?.1;
    found.map_err(|why| ApiError::new(422, format!("{FOLDER}{name} is no form: {why}")))
}

#[derive(askama::Template)]
#[template(path = "forms.html")]
struct Chooser {
    frame: Frame,
    url: String,
    forms: Vec<Offer>,
}

struct Offer {
    name: String,
    description: String,
    url: String,
    wrong: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "form.html")]
struct Page {
    frame: Frame,
    url: String,
    template: String,
    name: String,
    description: String,
    title: String,
    fields: Vec<Field>,
}

struct Field {
    kind: &'static str,
    id: String,
    label: String,
    /// HTML, rendered from Markdown.
    help: String,
    placeholder: String,
    value: String,
    is_required: bool,
    choices: Vec<Ticked>,
}

struct Ticked {
    label: String,
    is_on: bool,
    is_required: bool,
}

/// Returns the page that offers the forms or, with `?template=`, the page of that form.
///
/// `?template=blank` is an issue without a form.
pub fn page(page: RepoPage<'_>) -> Result<String, ApiError> {
    let url = page.url();
    let template = page.context.fields.text("template").to_owned();
    let frame = Frame::within(page, "issues");
    if template.is_empty() {
        let offer = |(file, form): (String, Read)| {
            let url =
                format!("{url}/issues/new?template={}", crate::pages::context::segment(&file));
            let (name, description, wrong) = match form {
                Ok(form) => (form.name, form.description, None),
                Err(why) => (file, String::new(), Some(why)),
            };
            Offer { name, description, url, wrong }
        };
        let forms = forms(page.context.state, page.repo)?.into_iter().map(offer).collect();
        return rendered(&Chooser { frame, url, forms });
    }
    let form = match template.as_str() {
        "blank" => blank(),
        name => form_named(page.context.state, page.repo, name)?,
    };
    let fields = form.body.iter().enumerate();
    rendered(&Page {
        frame,
        url,
        name: form.name,
        description: form.description,
        title: prefilled(page, "title").unwrap_or(form.title),
        fields: fields.map(|(nth, element)| field(page, nth, element)).collect(),
        template,
    })
}

/// Returns the stand-in for a form if there is none: one field, which becomes the whole text.
fn blank() -> Form {
    Form {
        name: "Blank issue".into(),
        description: "Without a form.".into(),
        title: String::new(),
        labels: vec![],
        body: vec![Element {
            kind: Kind::Textarea,
            id: Some("body".into()),
            attributes: Attributes { label: "Description".into(), ..Attributes::default() },
            validations: Validations::default(),
        }],
    }
}

/// Returns the value that the query of the URL gives for a field, as on GitHub.
fn prefilled(page: RepoPage<'_>, field: &str) -> Option<String> {
    Some(page.context.fields.text(field).to_owned()).filter(|text| !text.is_empty())
}

fn field(page: RepoPage<'_>, nth: usize, element: &Element) -> Field {
    let id = element.field(nth);
    let attributes = &element.attributes;
    let references = crate::pages::timeline::references(page);
    let kind = match element.kind {
        Kind::Markdown => "markdown",
        Kind::Input => "input",
        Kind::Textarea => "textarea",
        Kind::Dropdown if attributes.multiple => "checkboxes",
        Kind::Dropdown => "dropdown",
        Kind::Checkboxes => "checkboxes",
    };
    let value = prefilled(page, &id);
    let choice = |(at, choice): (usize, &Choice)| Ticked {
        label: choice.label().to_owned(),
        is_on: match &value {
            Some(value) => value == choice.label(),
            None => attributes.default == Some(at),
        },
        is_required: matches!(choice, Choice::Box { required: true, .. }),
    };
    let text = if kind == "markdown" { &attributes.value } else { &attributes.description };
    Field {
        kind,
        label: attributes.label.clone(),
        help: markdown::rendered(text, &references),
        placeholder: attributes.placeholder.clone(),
        is_required: element.validations.required,
        choices: attributes.options.iter().enumerate().map(choice).collect(),
        value: value.unwrap_or_else(|| attributes.value.clone()),
        id,
    }
}

/// Opens the issue, and returns the path of its page.
pub fn act(submission: Submission<'_>) -> Result<String, ApiError> {
    let Submission { state, by, repo, name, fields } = submission;
    let title = fields.required("title")?.to_owned();
    let template = fields.required("template")?;
    let new = match template {
        "blank" => {
            NewIssue { title, body: Some(fields.text("body").to_owned()), ..NewIssue::default() }
        }
        template => {
            let form = form_named(state, repo, template)?;
            let body = Some(form.text(fields)?);
            NewIssue { title, body, labels: form.labels, has_form: true }
        }
    };
    let number = state.open_issue(repo, &new, by)?;
    Ok(format!("/{}/issues/{number}", segments_of(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "\
name: Bucket
description: A bucket
title: 'New bucket: '
labels: [planwright]
body:
  - type: markdown
    attributes: { value: Read this. }
  - type: input
    id: stack
    attributes: { label: stack }
    validations: { required: true }
  - type: textarea
    id: tags
    attributes: { label: tags, render: yaml }
  - type: textarea
    id: why
    attributes: { label: why }
  - type: dropdown
    id: size
    attributes: { label: size, options: [small, large] }
  - type: checkboxes
    id: terms
    attributes:
      label: terms
      options: [{ label: I read it, required: true }, { label: Tell me }]
";

    fn filled(encoded: &str) -> Result<String, ApiError> {
        let form: Form = serde_saphyr::from_str(FORM).unwrap();
        form.text(&Fields::read(encoded.as_bytes()))
    }

    #[test]
    fn what_was_filled_in_becomes_the_text_that_github_makes_of_it() {
        let text = filled("stack=logs&tags=a%3A+b%0D%0Ac%3A+d&size=large&terms=I+read+it").unwrap();
        insta::assert_snapshot!(text, @r"
        ### stack

        logs

        ### tags

        ```yaml
        a: b
        c: d
        ```

        ### why

        _No response_

        ### size

        large

        ### terms

        - [X] I read it
        - [ ] Tell me
        ");
    }

    #[test]
    fn a_field_that_has_to_be_filled_in_is_named() {
        let missing = filled("terms=I+read+it").unwrap_err();
        assert_eq!(missing.message, "The field `stack` has to be filled in");
        let missing = filled("stack=logs").unwrap_err();
        assert_eq!(missing.message, "The field `terms` has to be filled in");
        let unknown = filled("stack=logs&terms=I+read+it&size=huge").unwrap_err();
        assert_eq!(unknown.message, "`huge` is no choice of the field `size`");
    }
}
