//! Connections: lists that are read in pages, by `first` and `after` or by `last` and `before`.

use serde_json::Value;

use crate::graphql::node::{Arguments, Connection, FieldError, FieldValue, Node};

/// Returns the page of `all` that the arguments ask for.
///
/// Fails as GitHub does if neither `first` nor `last` is given, or if it is negative or over 100.
pub fn connection(
    name: &'static str,
    all: Vec<Node>,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let total = all.len();
    let (first, last) = (arguments.number("first"), arguments.number("last"));
    let Some(limit) = first.or(last) else {
        let message = format!(
            "You must provide a `first` or `last` value to properly paginate the `{name}` \
             connection."
        );
        return Err(FieldError::Refused { kind: "MISSING_PAGINATION_BOUNDARIES", message });
    };
    let Some(limit) = usize::try_from(limit).ok().filter(|limit| *limit <= 100) else {
        let message = format!(
            "Requesting {limit} records on the `{name}` connection exceeds the `first` limit of \
             100 records."
        );
        return Err(FieldError::Refused { kind: "EXCESSIVE_PAGINATION", message });
    };
    let after = arguments.text("after").and_then(place).map_or(0, |place| place + 1);
    let before = arguments.text("before").and_then(place).unwrap_or(total);
    let from = if first.is_some() { after } else { after.max(before.saturating_sub(limit)) };
    let to = before.min(from + limit);
    let page = all.into_iter().take(to).skip(from).collect();
    Ok(FieldValue::One(Node::Connection(Connection { name, total, offset: from, page })))
}

pub fn field(of: &Connection, name: &str) -> Result<FieldValue, FieldError> {
    let cursor = |index: usize| format!("fakehub:{}", of.offset + index);
    match name {
        "totalCount" => FieldValue::leaf(of.total),
        "nodes" => Ok(FieldValue::Many(of.page.clone())),
        "edges" => {
            let edge = |(index, node): (usize, &Node)| Node::Edge {
                cursor: cursor(index),
                node: Box::new(node.clone()),
            };
            Ok(FieldValue::Many(of.page.iter().enumerate().map(edge).collect()))
        }
        "pageInfo" => Ok(FieldValue::One(Node::PageInfo {
            end: of.page.len().checked_sub(1).map(cursor),
            has_next: of.offset + of.page.len() < of.total,
            start: (!of.page.is_empty()).then(|| cursor(0)),
            has_previous: of.offset > 0,
        })),
        _ => Err(FieldError::unknown(of.name, name)),
    }
}

pub fn page_info_field(info: &Node, name: &str) -> Result<FieldValue, FieldError> {
    let Node::PageInfo { end, has_next, start, has_previous } = info else {
        return Err(FieldError::unknown("PageInfo", name));
    };
    match name {
        "endCursor" => FieldValue::leaf(Value::from(end.clone())),
        "hasNextPage" => FieldValue::leaf(*has_next),
        "startCursor" => FieldValue::leaf(Value::from(start.clone())),
        "hasPreviousPage" => FieldValue::leaf(*has_previous),
        _ => Err(FieldError::unknown("PageInfo", name)),
    }
}

fn place(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("fakehub:")?.parse().ok()
}
