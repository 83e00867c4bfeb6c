//! Whose words a comment is: what stands below the separator of a mail is of others.

use super::trust::counted;
use crate::support::{
    bot::{Story, borrowed, hello},
    starts::Starts,
};

/// A pull request of Alice that is planned; the engine is counted from here on.
async fn planned() -> (Story, Starts, i64) {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    starts.take();
    (story, starts, pr)
}

#[tokio::test]
async fn what_stands_below_a_mails_separator_is_not_read() {
    let (story, starts, pr) = planned().await;
    for separator in [
        "-- ",
        "\u{2014}\nReply to this email directly, view it on GitHub, or unsubscribe.",
        "You are receiving this because you were mentioned.",
        "-----Original Message-----",
        "________________________________",
        "On Sun, 29 Nov 2026 at 10:00, Alice <alice@example.org> wrote:",
        "From: Alice\nSent: Sunday, 29 November 2026\nTo: acme/infra\nSubject: Hello",
    ] {
        let silence = (String::new(), Vec::new());
        let below = format!("I want to look first.\n\n{separator}\n\n/infra plan\n");
        assert_eq!(story.say(&story.bob, pr, &below).await, silence, "{separator}");
        assert_eq!(starts.take(), Vec::<String>::new(), "{separator}");
        let above = format!("/infra plan\n\n{separator}\n\n/infra unlock\n");
        let (answer, _) = story.say(&story.bob, pr, &above).await;
        assert_eq!((answer.as_str(), starts.count("plan")), ("", 1), "{separator}");
        starts.take();
    }
    story.finish().await;
}
