//! A repository's own package with its own provider, from `lock` to drift.

use serde_json::json;

use super::{ENGINES, repository, stable};
use crate::support::echo::Echo;

#[tokio::test]
async fn files_are_made_changed_behind_our_back_and_mended() {
    for engine in ENGINES {
        let (echo, repository) = (Echo::new(), repository(engine));
        for (path, text) in echo.package(engine).await {
            repository.write(&path, &text);
        }
        repository.done(&["lock", "files"]);
        let (resolved, _) = repository.json(&["resolve", "files"]);
        // Also what only the module within the module uses.
        assert_eq!(
            resolved["stacks"][0]["document"]["types"],
            json!({"planwright/echo": {
                "resources": ["echo_file"],
                "data_sources": ["echo_read"],
                "functions": ["upper"],
            }})
        );

        let said = |arguments: &[&str]| stable(&repository.done(arguments));
        let applied = said(&["apply", "files", "--auto-approve"]);
        assert!(applied.starts_with("files: 2 to add"), "{applied}");
        assert!(applied.contains("verified: a second plan is empty"), "{applied}");
        assert_eq!(echo.read("two").unwrap()["content"], "SECOND");
        assert_eq!(said(&["drift", "files"]), "files: no drift\n");

        echo.write("two", &json!({"content": "ELSE"}));
        let drift = said(&["drift", "files"]);
        assert!(drift.starts_with("files: 1 drifted"), "{drift}");
        assert!(drift.contains("content: \"SECOND\" → \"ELSE\""), "{drift}");
        said(&["apply", "files", "--auto-approve"]);
        assert_eq!(echo.read("two").unwrap()["content"], "SECOND");
        assert_eq!(said(&["drift", "files"]), "files: no drift\n");
    }
}
