//! The three ways to merge, and the commits that each leaves on the base.

use planwright_fakehub::{Edit, MergeMethod};

use super::{REPO, Scene};

/// A pull request of two commits, on a base that has moved since.
fn scene_with_two_commits(scene: &Scene) -> i64 {
    let edit = Edit::new("Add b").write("b.txt", "b\n").delete("a.txt");
    scene.alice.push(REPO, "feature", &edit).unwrap();
    let edit = Edit::new("Add c").write("c.txt", "c\n").co_author("eve");
    scene.alice.push(REPO, "feature", &edit).unwrap();
    let number = scene.alice.open_pull(REPO, "feature", "Add b and c").unwrap();
    scene.bob.push(REPO, "main", &Edit::new("Move").write("moved.txt", "m\n")).unwrap();
    number
}

fn files(scene: &Scene) -> [Option<String>; 4] {
    ["a.txt", "b.txt", "c.txt", "moved.txt"].map(|path| scene.hub.file(REPO, "main", path).unwrap())
}

#[tokio::test]
async fn each_merge_method_leaves_the_same_tree() {
    let some = |text: &str| Some(text.to_owned());
    let both = [None, some("b\n"), some("c\n"), some("m\n")];
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        let scene = Scene::new().await;
        let number = scene_with_two_commits(&scene);
        let before = scene.hub.sha(REPO, "main").unwrap();
        let sha = scene.bob.merge(REPO, number, method).unwrap();
        assert_eq!(files(&scene), both, "{method:?}");
        assert_eq!(scene.hub.sha(REPO, "main").unwrap(), sha);
        let first_parent = scene.hub.sha(REPO, &format!("{sha}^")).unwrap();
        let is_one_step = first_parent == before;
        assert_eq!(is_one_step, method != MergeMethod::Rebase, "{method:?}");
        let has_head = scene.hub.sha(REPO, &format!("{sha}^2")).is_ok();
        assert_eq!(has_head, method == MergeMethod::Merge, "{method:?}");
        let pull = scene.hub.pull(REPO, number).unwrap();
        assert_eq!(pull.merge_commit_sha.as_deref(), Some(sha.as_str()));
    }
}

#[tokio::test]
async fn a_conflict_is_not_merged() {
    let scene = Scene::new().await;
    let edit = |text: &str| Edit::new("Change a").write("a.txt", text);
    scene.alice.push(REPO, "feature", &edit("mine\n")).unwrap();
    let number = scene.alice.open_pull(REPO, "feature", "Mine").unwrap();
    scene.bob.push(REPO, "main", &edit("theirs\n")).unwrap();
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        assert_eq!(scene.bob.merge(REPO, number, method).unwrap_err().status, 405);
    }
    assert!(scene.hub.pull(REPO, number).unwrap().open);
}

#[tokio::test]
async fn the_head_that_was_expected_is_merged_or_none() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let old = scene.hub.pull(REPO, number).unwrap().head_sha;
    scene.alice.push(REPO, "feature", &Edit::new("More").write("c.txt", "c")).unwrap();
    let at = |sha: &str| scene.bob.merge_at(REPO, number, MergeMethod::Merge, sha);
    assert_eq!(at(&old).unwrap_err().status, 409);
    at(&scene.hub.pull(REPO, number).unwrap().head_sha).unwrap();
}

#[tokio::test]
async fn a_head_pushed_onto_its_base_is_merged_by_that() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let head = scene.hub.pull(REPO, number).unwrap().head_sha;
    let edit = Edit::new("On top").write("d.txt", "d");
    let sha = scene.bob.force_push(REPO, "main", &head, &edit).unwrap();
    let pull = scene.hub.pull(REPO, number).unwrap();
    assert_eq!((pull.open, pull.merge_commit_sha), (false, Some(sha)));
}

#[tokio::test]
async fn a_revert_takes_back_what_a_merge_brought() {
    for method in [MergeMethod::Merge, MergeMethod::Squash] {
        let scene = Scene::new().await;
        let number = scene.pull();
        scene.bob.merge(REPO, number, method).unwrap();
        let revert = scene.bob.revert(REPO, number).unwrap();
        assert_eq!(scene.hub.file(REPO, "main", "b.txt").unwrap().as_deref(), Some("b\n"));
        scene.bob.merge(REPO, revert, MergeMethod::Merge).unwrap();
        assert_eq!(scene.hub.file(REPO, "main", "b.txt").unwrap(), None, "{method:?}");
    }
}
