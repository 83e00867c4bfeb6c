//! Connections: pages of lists, by `first`/`after` or `last`/`before`.

use serde_json::Value;

use crate::graphql::node::{Arguments, Connection, Failure, Out, Thing};

/// The page of `all` that the arguments ask for. Errors as GitHub does without a limit, or with
/// one that is not between 1 and 100.
pub fn connection(
    name: &'static str,
    all: Vec<Thing>,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let total = all.len();
    let (first, last) = (arguments.number("first"), arguments.number("last"));
    let Some(limit) = first.or(last) else {
        let message = format!(
            "You must provide a `first` or `last` value to properly paginate the `{name}` \
             connection."
        );
        return Err(Failure::Refused { kind: "MISSING_PAGINATION_BOUNDARIES", message });
    };
    let Some(limit) = usize::try_from(limit).ok().filter(|limit| *limit <= 100) else {
        let message = format!(
            "Requesting {limit} records on the `{name}` connection exceeds the `first` limit of \
             100 records."
        );
        return Err(Failure::Refused { kind: "EXCESSIVE_PAGINATION", message });
    };
    let after = arguments.text("after").and_then(place).map_or(0, |place| place + 1);
    let before = arguments.text("before").and_then(place).unwrap_or(total);
    let from = if first.is_some() { after } else { after.max(before.saturating_sub(limit)) };
    let to = before.min(from + limit);
    let page = all.into_iter().take(to).skip(from).collect();
    Ok(Out::One(Thing::Connection(Connection { name, total, offset: from, page })))
}

pub fn field(of: &Connection, name: &str) -> Result<Out, Failure> {
    let cursor = |index: usize| format!("fakehub:{}", of.offset + index);
    match name {
        "totalCount" => Out::leaf(of.total),
        "nodes" => Ok(Out::Many(of.page.clone())),
        "edges" => {
            let edge = |(index, node): (usize, &Thing)| Thing::Edge {
                cursor: cursor(index),
                node: Box::new(node.clone()),
            };
            Ok(Out::Many(of.page.iter().enumerate().map(edge).collect()))
        }
        "pageInfo" => Ok(Out::One(Thing::PageInfo {
            end: of.page.len().checked_sub(1).map(cursor),
            has_next: of.offset + of.page.len() < of.total,
            start: (!of.page.is_empty()).then(|| cursor(0)),
            has_previous: of.offset > 0,
        })),
        _ => Err(Failure::unknown(of.name, name)),
    }
}

pub fn page_info_field(info: &Thing, name: &str) -> Result<Out, Failure> {
    let Thing::PageInfo { end, has_next, start, has_previous } = info else {
        return Err(Failure::unknown("PageInfo", name));
    };
    match name {
        "endCursor" => Out::leaf(Value::from(end.clone())),
        "hasNextPage" => Out::leaf(*has_next),
        "startCursor" => Out::leaf(Value::from(start.clone())),
        "hasPreviousPage" => Out::leaf(*has_previous),
        _ => Err(Failure::unknown("PageInfo", name)),
    }
}

fn place(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("fakehub:")?.parse().ok()
}
