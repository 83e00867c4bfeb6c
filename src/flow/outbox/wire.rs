//! Converts stored requests to the types of the GitHub client.

use planwright_github::{Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion};
use planwright_store::records::v1;

pub fn check_run(check: &v1::CheckRun) -> CheckRun {
    let v1::CheckRun {
        name,
        head,
        external_id,
        state,
        title,
        summary,
        text,
        annotations,
        details_url,
    } = check.clone();
    CheckRun {
        name,
        head,
        external_id,
        state: match state {
            v1::CheckState::Queued => CheckState::Queued,
            v1::CheckState::InProgress => CheckState::InProgress,
            v1::CheckState::Completed(how) => CheckState::Completed(conclusion(how)),
        },
        title,
        summary,
        text,
        annotations: annotations.into_iter().map(annotation).collect(),
        details_url,
    }
}

fn conclusion(conclusion: v1::Conclusion) -> Conclusion {
    match conclusion {
        v1::Conclusion::Success => Conclusion::Success,
        v1::Conclusion::Failure => Conclusion::Failure,
        v1::Conclusion::ActionRequired => Conclusion::ActionRequired,
        v1::Conclusion::Cancelled => Conclusion::Cancelled,
        v1::Conclusion::TimedOut => Conclusion::TimedOut,
    }
}

fn annotation(annotation: v1::Annotation) -> Annotation {
    Annotation {
        path: annotation.path,
        start_line: annotation.start_line,
        end_line: annotation.end_line,
        level: match annotation.annotation_level {
            v1::AnnotationLevel::Notice => AnnotationLevel::Notice,
            v1::AnnotationLevel::Warning => AnnotationLevel::Warning,
            v1::AnnotationLevel::Failure => AnnotationLevel::Failure,
        },
        title: annotation.title,
        message: annotation.message,
    }
}
