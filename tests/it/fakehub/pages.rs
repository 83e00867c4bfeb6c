//! The web pages of fakehub, and how they are protected.

use reqwest::{Client, Response, StatusCode, header::HeaderMap, redirect::Policy};

use planwright_fakehub::{Action, Edit, Guide, Step};

use super::{REPO, Scene};

/// A browser without a window: forms, and the headers that one sends with them.
struct Browser {
    client: Client,
    url: String,
    person: &'static str,
}

impl Browser {
    fn new(scene: &Scene, person: &'static str) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { client, url: scene.hub.url().to_owned(), person }
    }

    async fn page(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.header("cookie", self.cookie()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_guarded(answer.headers());
        answer.text().await.unwrap()
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let headers: [(&str, &str); 2] = [("sec-fetch-site", "same-origin"), ("origin", &self.url)];
        self.send_with(path, fields, &headers).await
    }

    async fn send_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Response {
        let body: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.client.post(format!("{}{path}", self.url)).body(body);
        request = request.header("cookie", self.cookie());
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Sends a form that is taken; the address that it leads to.
    async fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields).await;
        let status = answer.status();
        let to = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(status, 303, "{path}: {}", answer.text().await.unwrap());
        to.unwrap()
    }

    fn cookie(&self) -> String {
        format!("fakehub_person={}", self.person)
    }
}

fn assert_guarded(headers: &HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_form_of_another_page_is_refused() {
    let scene = Scene::new().await;
    let alice = Browser::new(&scene, "alice");
    let fields = [("template", "blank"), ("title", "Mine"), ("body", "x")];
    let path = "/acme/infra/issues/new";
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", scene.hub.url())],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        let answer = alice.send_with(path, &fields, headers).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
    }
    let text = [("sec-fetch-site", "same-origin"), ("content-type", "text/plain")];
    let request = alice.client.post(format!("{}{path}", alice.url)).body("title=x&template=blank");
    let request = text.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    assert_eq!(request.send().await.unwrap().status(), 403);
    assert_eq!(scene.hub.issues(REPO).unwrap(), []);
    let origin = [("origin", scene.hub.url())];
    assert_eq!(alice.send_with(path, &fields, &origin).await.status(), 303);
}

#[tokio::test]
async fn another_name_for_this_address_is_refused() {
    let scene = Scene::new().await;
    let alice = Browser::new(&scene, "alice");
    let port = scene.hub.url().rsplit(':').next().unwrap().to_owned();
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", &format!("evil.example:{port}")] {
        let request = alice.client.get(&alice.url).header("host", host);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let request = alice.client.get(&alice.url).header("host", format!("localhost:{port}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn nothing_of_a_repository_is_markup_in_a_page() {
    let scene = Scene::new().await;
    let hostile = "<script>x()</script><img src=x onerror=x()>";
    let path = format!("stacks/{hostile}.yaml").replace("</", "<");
    let edit = Edit::new(hostile).write(&path, hostile).write("README.md", hostile);
    scene.alice.push(REPO, "main", &edit).unwrap();
    let edit = Edit::new(hostile).write(&path, "other");
    scene.alice.push(REPO, "feature<script>", &edit).unwrap();
    let pull = scene.alice.open_pull(REPO, "feature<script>", hostile).unwrap();
    scene.bob.request_changes(REPO, pull, hostile).unwrap();
    let text = (hostile, hostile);
    let issue = scene.alice.open_labeled_issue(REPO, text.0, text.1, &["<script>"]).unwrap();
    scene.eve.comment(REPO, issue, hostile).unwrap();
    let alice = Browser::new(&scene, "alice");
    let file = "/acme/infra/blob/main/README.md".to_owned();
    for path in [
        "/".to_owned(),
        "/acme/infra".into(),
        "/acme/infra/tree/main/stacks".into(),
        file.clone(),
        file.replace("blob", "edit"),
        "/acme/infra/delete/main/stacks".into(),
        "/acme/infra/issues".into(),
        "/acme/infra/pulls".into(),
        format!("/acme/infra/issues/{issue}"),
        format!("/acme/infra/pull/{pull}"),
        format!("/acme/infra/pull/{pull}/files"),
        "/acme/infra/issues/new?template=blank&title=<script>&body=</textarea><script>".into(),
    ] {
        let page = alice.page(&path).await.replace("<script src=\"/-/live.js\" defer>", "");
        assert!(!page.contains("<script"), "{path}: {page}");
        assert!(!page.contains("<img"), "{path}: {page}");
    }
}

const FORM: &str = "name: Bucket\ndescription: A bucket\ntitle: 'New bucket: '\nlabels: [planwright]\nbody:\n\
  - {type: input, id: stack, attributes: {label: stack}, validations: {required: true}}\n\
  - {type: textarea, id: tags, attributes: {label: tags}}\n";

#[tokio::test]
async fn a_form_is_shown_and_becomes_an_issue_with_its_label() {
    let scene = Scene::new().await;
    let path = ".github/ISSUE_TEMPLATE/bucket.yml";
    let edit =
        Edit::new("Form").write(path, FORM).write(path.replace("bucket", "wrong"), "name: 1");
    scene.alice.push(REPO, "main", &edit).unwrap();
    let eve = Browser::new(&scene, "eve");
    let chooser = eve.page("/acme/infra/issues/new").await;
    assert!(chooser.contains("?template=bucket.yml") && chooser.contains("cannot be read"));
    let form = eve.page("/acme/infra/issues/new?template=bucket.yml&stack=logs").await;
    assert!(form.contains("value=\"New bucket: \"") && form.contains("value=\"logs\""), "{form}");
    let fields = [("template", "bucket.yml"), ("title", "Logs"), ("stack", "logs"), ("tags", "")];
    let to = eve.done("/acme/infra/issues/new", &fields).await;
    assert_eq!(to, "/acme/infra/issues/1");
    let issue = scene.hub.issue(REPO, 1).unwrap();
    assert_eq!(issue.body.as_deref(), Some("### stack\n\nlogs\n\n### tags\n\n_No response_"));
    assert_eq!((issue.author.as_str(), issue.labels), ("eve", vec!["planwright".to_owned()]));
    let lacking = [("template", "bucket.yml"), ("title", "Logs"), ("stack", " ")];
    let refused = eve.send("/acme/infra/issues/new", &lacking).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("The field `stack` has to be filled in"));
}

#[tokio::test]
async fn a_pull_request_is_reviewed_at_the_head_that_was_shown_and_merged() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let (alice, bob) = (Browser::new(&scene, "alice"), Browser::new(&scene, "bob"));
    let at = format!("/acme/infra/pull/{pull}");
    assert!(!alice.page(&at).await.contains("value=\"approve\""), "it is her own");
    let shown = scene.hub.pull(REPO, pull).unwrap().head_sha;
    scene.alice.push(REPO, "feature", &Edit::new("More").write("c.txt", "c")).unwrap();
    let to = bob.done(&format!("{at}/review"), &[("event", "approve"), ("sha", &shown)]).await;
    assert!(to.contains("#review-"), "{to}");
    let reviewed = bob.page(&at).await;
    assert!(reviewed.contains(&format!("approved these changes at {}", &shown[..7])), "{reviewed}");
    let merge = [("method", "squash"), ("sha", shown.as_str())];
    assert_eq!(bob.send(&format!("{at}/merge"), &merge).await.status(), 409, "it has moved");
    let head = scene.hub.pull(REPO, pull).unwrap().head_sha;
    let merge = [("method", "squash"), ("sha", head.as_str())];
    let eve = Browser::new(&scene, "eve");
    assert_eq!(eve.send(&format!("{at}/merge"), &merge).await.status(), 403);
    bob.done(&format!("{at}/merge"), &merge).await;
    assert!(bob.page(&at).await.contains("merged it as"));
    let files = bob.page(&format!("{at}/files")).await;
    assert!(files.contains("b.txt") && files.contains("c.txt"), "{files}");
}

#[tokio::test]
async fn a_file_is_changed_and_a_folder_deleted_in_the_browser() {
    let scene = Scene::new().await;
    let edit = Edit::new("Stack").write("stacks/a/stack.yaml", "x: 1\n").write("stacks/a/b", "b");
    scene.alice.push(REPO, "main", &edit).unwrap();
    let alice = Browser::new(&scene, "alice");
    let at = scene.hub.sha(REPO, "main").unwrap();
    let path = "/acme/infra/edit/main/stacks/a/stack.yaml";
    assert!(alice.page(path).await.contains("x: 1"));
    let fields = [
        ("at", at.as_str()),
        ("message", "Two"),
        ("text", "x: 2\r\ny: 3\r\n"),
        ("to", "new"),
        ("new_branch", "alice-patch-1"),
    ];
    assert_eq!(alice.done(path, &fields).await, "/acme/infra/pull/1");
    let text = scene.hub.file(REPO, "alice-patch-1", "stacks/a/stack.yaml").unwrap();
    assert_eq!(text.as_deref(), Some("x: 2\ny: 3\n"));
    assert_eq!(scene.hub.pull(REPO, 1).unwrap().title, "Two");
    let head = scene.hub.sha(REPO, "alice-patch-1").unwrap();
    let path = "/acme/infra/delete/alice-patch-1/stacks/a";
    let fields = [("at", head.as_str()), ("message", "Away"), ("to", "branch")];
    assert_eq!(alice.done(path, &fields).await, "/acme/infra/pull/1", "it is of the same branch");
    assert_eq!(scene.hub.paths(REPO, "alice-patch-1").unwrap(), ["README.md", "a.txt"]);
    let eve = Browser::new(&scene, "eve");
    assert_eq!(eve.send(path, &fields).await.status(), 403);
    assert_eq!(alice.send(path, &fields).await.status(), 409, "the branch has moved");
}

#[tokio::test]
async fn one_becomes_somebody_else_and_comes_back_to_a_page_of_this_server() {
    let scene = Scene::new().await;
    let alice = Browser::new(&scene, "alice");
    for (back, to) in [
        ("/acme/infra", "/acme/infra"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
    ] {
        let answer = alice.send("/-/person", &[("person", "bob"), ("back", back)]).await;
        assert_eq!(answer.headers()["location"], to);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("fakehub_person=bob; "), "{cookie}");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    }
    assert_eq!(alice.send("/-/person", &[("person", "web-flow")]).await.status(), 404);
    let nobody = Browser { person: "nobody", ..alice };
    let page = nobody.page("/").await;
    assert!(page.contains("value=\"alice\" aria-pressed=\"true\""), "the first who lives here");
}

#[tokio::test]
async fn a_private_repository_and_what_is_not_there_are_not_found() {
    let scene = Scene::new().await;
    scene.hub.set_private(REPO, true).unwrap();
    let eve = Browser::new(&scene, "eve");
    for path in ["/acme/infra", "/acme/infra/issues", "/acme/nothing", "/x", "/acme/infra/pull/9"] {
        let request = eve.client.get(format!("{}{path}", eve.url)).header("cookie", eve.cookie());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert_guarded(answer.headers());
        assert!(!answer.text().await.unwrap().contains("README"));
    }
    assert!(!eve.page("/").await.contains("acme/infra"), "nor is its name told");
}

#[tokio::test]
async fn the_start_page_tells_the_guide_and_presses_its_button() {
    let scene = Scene::new().await;
    scene.hub.set_guide(|hub| {
        let hub = hub.clone();
        let has_one = hub.issue(REPO, 1).is_ok();
        let act = move || match hub.person("alice") {
            Ok(alice) => alice.open_issue(REPO, "Pressed", "").map(drop).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let action = Action { name: "Press".into(), act: std::sync::Arc::new(act) };
        let step =
            Step { title: "One".into(), is_done: has_one, action: Some(action), ..Step::default() };
        Guide { title: "Try it".into(), steps: vec![step], ..Guide::default() }
    });
    let alice = Browser::new(&scene, "alice");
    let page = alice.page("/").await;
    assert!(page.contains("Try it") && page.contains(">Press<"), "{page}");
    assert!(!page.contains("step done"), "{page}");
    assert_eq!(alice.done("/-/action/1", &[]).await, "/");
    assert!(alice.page("/").await.contains("step done"));
    assert_eq!(alice.send("/-/action/2", &[]).await.status(), 404);
}

#[tokio::test]
async fn pages_are_no_calls_of_a_program() {
    let scene = Scene::new().await;
    let before = scene.hub.calls().len();
    Browser::new(&scene, "alice").page("/acme/infra").await;
    assert_eq!(scene.hub.calls().len(), before);
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}/acme/infra", scene.hub.url()));
    let request = request.header("authorization", format!("token {}", scene.bob.token().unwrap()));
    assert_eq!(request.send().await.unwrap().status(), 501, "a program has no use for a page");
    assert_eq!(scene.hub.unknown().len(), 1);
}
